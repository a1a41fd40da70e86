r"""NADE and MADE compared: nats, parameters, and seconds to train and to draw images.

python examples/nade_vs_made.py
python examples/nade_vs_made.py --data binarized_mnist --download
python examples/nade_vs_made.py --data mnist --binarisation dynamic --masks 8 --random-orderings
python examples/nade_vs_made.py --data mnist --binarisation dynamic --networks MADE --hidden 4000 \
    --made-rate 1e-3 --epochs 50 --bfloat16
"""

import time
from functools import partial

import torch

import ppgen
from ppgen import plots
from ppgen.autoregressive import MADE, NADE
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.experiments.pixel_means import pixel_means
from ppgen.models import AutoregressiveModel

NAMES = ("NADE", "MADE")
SAMPLES, SHOWN = 100, 49


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=30, quick=10)
    parser.add_argument("--networks", nargs="+", choices=NAMES, default=NAMES, help="which of them")
    parser.add_argument(
        "--hidden", type=int, nargs="+", default=[300], help="units of MADE's layers, and of NADE"
    )
    parser.add_argument("--indirect", action="store_true", help="MADE by hidden units alone")
    parser.add_argument("--masks", type=int, default=1, help="sets of masks of MADE")
    parser.add_argument("--random-orderings", action="store_true", help="of MADE's further masks")
    parser.add_argument(
        "--binarisation",
        default="fixed",
        choices=("fixed", "dynamic"),
        help="of training and validation images: once, or for every batch; default: %(default)s",
    )
    parser.add_argument("--nade-rate", type=float, default=1e-2, help="first learning rate")
    parser.add_argument("--made-rate", type=float, default=3e-3, help="first learning rate")
    parser.add_argument("--bfloat16", action="store_true", help="train in half precision")
    options = parser.parse_args()
    run = Experiment("nade_vs_made", options)

    grey, data = run.data, run.data.binarized()
    shape, hidden = data.image_shape, options.hidden
    of_made = {
        "hidden": hidden,
        "masks": options.masks,
        "random_orderings": options.random_orderings,
        "direct": not options.indirect,
    }
    contestants = {
        "NADE": (NADE(shape, hidden=hidden[0]), options.nade_rate),
        "MADE": (MADE(shape, **of_made), options.made_rate),
    }
    seen, transform = data, None
    if options.binarisation == "dynamic":
        encode = contestants["NADE"][0].likelihood.encode
        seen, transform = grey, partial(encode, levels=grey.levels)

    table, samples = {}, {}
    for name in dict.fromkeys(options.networks):
        network, rate = contestants[name]
        model = AutoregressiveModel(network)
        history = ppgen.fit(
            model,
            seen.train.images,
            seen.validation.images,
            transform=transform,
            optimizer=partial(torch.optim.Adam, lr=rate, fused=True),
            scheduler=lambda adam: torch.optim.lr_scheduler.CosineAnnealingLR(adam, options.epochs),
            average=0.999,
            bfloat16=options.bfloat16,
            **run.fit_options | {"out": run.folder / name},
        )
        started = time.perf_counter()
        drawn = ppgen.sample(model, SAMPLES, seed=0)
        seconds = time.perf_counter() - started
        samples[name] = pixel_means(network, drawn[:SHOWN])
        estimate = ppgen.elbo(model, data.test.images)
        several = f", {options.masks} masks" if name == "MADE" and options.masks > 1 else ""
        result = run.result(name + several, model, history, estimate, data, how="exact")
        table[name] = {
            "test nats": result.nats,
            "parameters": result.parameters,
            "seconds an epoch": history.seconds_an_epoch,
            f"seconds for {SAMPLES} samples": seconds,
            "best epoch": history.best.number,
            "its validation nats": -history.best.validation,
        }

    print(f"{'':24}" + "".join(f"{name:>12}" for name in table))
    for row in table[options.networks[0]]:
        print(f"{row:24}" + "".join(f"{column[row]:12.5g}" for column in table.values()))
    run.report(
        "The binarisation of the training images was {binarisation}.",
        table=table,
        binarisation=options.binarisation,
    )
    grids = {f"{name}, {table[name]['test nats']:.2f} nats": x for name, x in samples.items()}
    grids = {"test images": data.test.spread(SHOWN).images} | grids
    title = "probabilities with which the pixels of samples were drawn"
    run.save_figure("samples", plots.image_grids(grids, title=title))
    run.finish()


if __name__ == "__main__":
    main()
