r"""PixelCNN and its kin: likelihood, samples, completions, and samples of given digits.

python examples/pixelcnn.py
python examples/pixelcnn.py --conditional --levels 256 --embedding 8
python examples/pixelcnn.py --data binarized_mnist --download --channels 64 --layers 8 \
    --kernel-size 7 --batch-size 16 --epochs 16 --bfloat16
python examples/pixelcnn.py --data mnist --levels 256 --embedding 8 --channels 64 --layers 8 \
    --kernel-size 7 --batch-size 16 --epochs 6 --bfloat16
python examples/pixelcnn.py --network Transformer --channels 64 --layers 4 --span 16
"""

from functools import partial

import torch

import ppgen
from ppgen import plots
from ppgen.autoregressive import Embedding, GatedPixelCNN, PixelCNN, Transformer
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.experiments.digit_reader import BATCH, DigitReader
from ppgen.experiments.pixel_means import pixel_means
from ppgen.likelihoods import Bernoulli, Categorical
from ppgen.models import AutoregressiveModel


def convolutional(kind):
    return lambda o, *of, **inputs: kind(
        *of,
        **inputs,
        channels=o.channels,
        blocks=o.layers,
        kernel_size=o.kernel_size,
        dropout=o.dropout,
    )


def transformer(o, *of, **inputs):
    return Transformer(
        *of,
        **inputs,
        width=o.channels,
        layers=o.layers,
        heads=o.heads,
        window=o.kernel_size,
        span=o.span,
        dropout=o.dropout,
    )


NETWORKS = {
    "PixelCNN": convolutional(PixelCNN),
    "GatedPixelCNN": convolutional(GatedPixelCNN),
    "Transformer": transformer,
}

COMPLETED = 10  # images


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=100, quick=15, batch_size=64)
    parser.add_argument("--conditional", action="store_true", help="learn p(image | label)")
    parser.add_argument("--levels", type=int, default=2, help="of grey; at most those of the data")
    parser.add_argument("--embedding", type=int, help="read levels as vectors of this length")
    parser.add_argument(
        "--network", choices=NETWORKS, default="PixelCNN", help="default: %(default)s"
    )
    parser.add_argument("--channels", type=int, default=32, help="feature maps of a layer")
    parser.add_argument("--layers", type=int, default=5, help="residual blocks, or layers")
    parser.add_argument(
        "--kernel-size", type=int, default=5, help="of them, or the transformer's window"
    )
    parser.add_argument("--heads", type=int, default=2, help="of the transformer's layers")
    parser.add_argument("--span", type=int, help="pixels that they attend to; default: all before")
    parser.add_argument("--dropout", type=float, default=0, help="probability, in training")
    parser.add_argument("--rate", type=float, default=3e-3, help="first learning rate")
    parser.add_argument("--bfloat16", action="store_true", help="train in half precision")
    parser.add_argument("--patience", type=int, default=20, help="epochs without a better bound")
    parser.add_argument("--judged", type=int, default=100, help="samples of each class to be read")
    options = parser.parse_args()
    if options.levels < 2:
        parser.error(f"--levels is {options.levels}; expected 2 or more")
    run = Experiment("pixelcnn", options)

    grey, levels = run.data, min(options.levels, run.data.levels)
    data = grey.binarized() if levels == 2 else grey
    likelihood = Bernoulli() if levels == 2 else Categorical(levels)
    encode = partial(likelihood.encode, levels=data.levels)
    classes = 0
    if options.conditional:
        if data.train.labels is None:
            raise SystemExit(f"--conditional needs labels, and {data.name} has none; take mnist")
        for part in (data.validation, data.test):
            if not torch.isin(part.labels, data.train.labels).all():
                raise SystemExit(
                    f"--conditional needs held-out images of the classes it learns, and --data "
                    f"{options.data} has other classes there; take mnist"
                )
        classes = int(data.train.labels.max()) + 1

    inputs = Embedding(levels, options.embedding) if options.embedding else None
    network = NETWORKS[options.network](
        options, data.image_shape, likelihood, classes, inputs=inputs
    )
    model = AutoregressiveModel(network)
    history = ppgen.fit(
        model,
        data.train.arguments(options.conditional),
        data.validation.arguments(options.conditional),
        transform=encode,
        optimizer=partial(torch.optim.Adam, lr=options.rate, fused=True),
        scheduler=lambda adam: torch.optim.lr_scheduler.CosineAnnealingLR(adam, options.epochs),
        clip_norm=100.0,
        average=0.999,
        bfloat16=options.bfloat16,
        patience=options.patience,
        **run.fit_options,
    )
    run.save_figure("likelihood", history.plot())

    estimate = ppgen.elbo(model, data.test.arguments(options.conditional), transform=encode)
    name = options.network + (" given labels" if options.conditional else "")
    result = run.result(name, model, history, estimate, data, how="exact", likelihood=likelihood)
    run.report(
        f"{options.network} of {{levels}} levels, {{parameters:,}} parameters: "
        "{test_nats:.2f} ± {test_nats_standard_error:.2f} nats a test image, "
        "{test_bits_per_pixel:.3f} bits a pixel.\nThe best of {epochs} epochs was "
        "{best_epoch}; one took {seconds_an_epoch:.2f} s.",
        levels=levels,
        parameters=result.parameters,
        epochs=result.epochs,
        best_epoch=history.best.number,
        seconds_an_epoch=history.seconds_an_epoch,
        test_nats=result.nats,
        test_nats_standard_error=result.standard_error,
        test_bits_per_pixel=result.bits,
        history=history.to_list(),
    )

    some = data.test.spread(COMPLETED)
    shown, labels = encode(some.images), None
    if options.conditional:
        labels = some.labels.to(model.device)
    run.save_figure("completions", completions(model, shown, labels))

    if options.conditional:
        wished = torch.arange(classes).repeat(options.judged)
        samples = ppgen.sample(model, len(wished), wished, seed=0)
        judge(run, grey, likelihood, likelihood.grey(samples).cpu(), wished)
        title, columns, labels = "ten samples of each class", classes, wished[: 10 * classes]
        few, labels = samples[: 10 * classes], labels.to(model.device)
    else:
        title, columns, labels = "100 samples", 10, None
        few = ppgen.sample(model, 100, seed=0)
    if levels == 2:
        few = pixel_means(network, few, network.context_vectors(labels))
        title += ": the probabilities with which their pixels were drawn"
    run.save_figure("samples", plots.image_grid(likelihood.grey(few), columns, title))
    run.finish()


def judge(run, data, likelihood, samples, wished):
    """Report how often a classifier of real digits recognises samples as their label."""

    def as_samples(images):
        return likelihood.grey(likelihood.encode(images, data.levels))

    reader = DigitReader(data.image_shape, int(wished.max()) + 1)
    steps = 300 if run.options.quick else max(2000, 5 * len(data.train) // BATCH)
    reader.learn(data.train.images, data.train.labels, as_samples, steps)
    run.report(
        "A classifier reads {real_test_images_read_right:.1%} of the real test images right, and "
        "{samples_read_as_wished:.1%} of {samples_judged} samples as the class asked for.",
        real_test_images_read_right=reader.accuracy(as_samples(data.test.images), data.test.labels),
        samples_read_as_wished=reader.accuracy(samples, wished),
        samples_judged=len(wished),
    )


def completions(model, images, labels):
    """Plot completions of images given their upper halves."""
    upper = torch.zeros(images.shape[1:], dtype=torch.bool)
    upper[:, : images.shape[-2] // 2] = True
    images, upper = images.to(model.device), upper.to(model.device)
    with torch.no_grad():
        rows = {
            "test images": model.grey(images),
            "given": torch.where(upper, model.grey(images), torch.nan),
            "mean of 100 draws": model.eval().complete(images, upper, labels, mean=True),
            "a draw": model.grey(model.complete(images, upper, labels)),
        }
    return plots.image_rows(rows, "lower halves, given the upper ones")


if __name__ == "__main__":
    main()
