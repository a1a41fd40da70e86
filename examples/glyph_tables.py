"""Letters of 5×5 pixels, drawn pixel by pixel from conditional probability tables.

python examples/glyph_tables.py
python examples/glyph_tables.py --data digits --pseudo-count 0.001

The tables p(x_i | x_1 … x_{i-1}) are counted and stored as a prefix tree. For images of up to 25
pixels they are also written to a gzipped pickle of dense arrays and read back, which takes 2 GB of
memory and half a minute; --quick skips this. Grey images are binarised once.
"""

import gzip
import pickle
import time

import torch
from torch.nn import functional as F

import ppgen
from ppgen import plots
from ppgen.autoregressive import ConditionalTables
from ppgen.autoregressive.tables import MOST_DENSE_PIXELS
from ppgen.experiments import Experiment, arguments
from ppgen.models import AutoregressiveModel


def main() -> None:
    parser = arguments(__doc__)
    parser.set_defaults(data="glyphs")
    parser.add_argument("--pseudo-count", type=float, default=0.02, help="default: %(default)s")
    options = parser.parse_args()
    run = Experiment("glyph_tables", options)

    data = run.data.binarized()
    train, test = data.train.images.float(), data.test.images.float()
    counted = ConditionalTables.from_images(train)
    smoothed = ConditionalTables.from_images(train, options.pseudo_count)
    pixels = counted.pixels

    # Without a pseudo-count only the counted images have a positive probability.
    known = AutoregressiveModel(counted).distribution()
    for name, tables in {"counted": counted, "smoothed": smoothed}.items():
        model = AutoregressiveModel(tables)
        log_prob = model.distribution().log_prob
        start = time.perf_counter()
        samples = ppgen.sample(model, 100, seed=options.seed)
        seconds = time.perf_counter() - start
        title = f"100 samples of tables with the pseudo-count {tables.tables.pseudo_count:g}"
        collage = plots.image_grid(F.pad(samples, (1, 1, 1, 1)), title=title)
        run.save_figure(f"samples_{name}", collage)
        nats, share = -log_prob(train).mean().item() / pixels, share_possible(known, samples)
        run.report(
            f"The {name} tables take {nats:.4f} nats a pixel of a training image; {share:.0%} of "
            f"their samples are training images; 100 samples took {seconds:.2f} s.",
            **{
                f"{name}_train_nats_a_pixel": nats,
                f"{name}_samples_among_training_images": share,
                f"{name}_seconds_for_100_samples": seconds,
            },
        )
    log_prob = AutoregressiveModel(smoothed).distribution().log_prob
    run.report(
        "The smoothed tables take {smoothed_test_nats_a_pixel:.4f} nats a pixel of a test image; "
        "{test_images_among_training_images:.0%} of the test images are training images.",
        smoothed_test_nats_a_pixel=-log_prob(test).mean().item() / pixels,
        test_images_among_training_images=share_possible(known, test),
    )

    path = run.folder / "tables.npz"
    counted.save(path)
    read_back = {"tree": ConditionalTables.load(path)}
    dense_bytes = 8 * (2.0 ** (pixels + 1) - 2)
    run.report(
        "The tree of counts takes {tree_file_bytes:,} bytes in a file, where dense tables would "
        "take {dense_bytes_in_memory:.1e} in memory.",
        tree_file_bytes=path.stat().st_size,
        dense_bytes_in_memory=dense_bytes,
    )
    if pixels <= MOST_DENSE_PIXELS and not options.quick:
        path = run.folder / "tables.pkl.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            pickle.dump(counted.to_tables(), file)
        read_back["dense"] = ConditionalTables.from_pickle(path, counted.shape)
        run.report(
            "The file of dense tables has {dense_file_bytes:,} bytes.",
            dense_file_bytes=path.stat().st_size,
        )
    drawn = ppgen.sample(AutoregressiveModel(counted), 100, seed=0)
    for name, tables in read_back.items():
        same = torch.equal(ppgen.sample(AutoregressiveModel(tables), 100, seed=0), drawn)
        run.report(
            f"The {name} tables, read back, draw {'the same' if same else 'other'} images.",
            **{f"{name}_read_back_draws_the_same": same},
        )
    run.finish()


def share_possible(distribution, images):
    """Return the share of images with a positive probability."""
    return (distribution.log_prob(images).exp() > 0).double().mean().item()


if __name__ == "__main__":
    main()
