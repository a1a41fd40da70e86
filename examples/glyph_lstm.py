"""An LSTM that draws letters of 5×5 pixels, pixel by pixel.

python examples/glyph_lstm.py
python examples/glyph_lstm.py --data digits --hidden 128 --learning-rate 1e-3 --epochs 60

It processes one pixel at a time, so images of 28×28 are slow: at the default size an epoch of MNIST
is 391 steps of about 5 seconds on one core. Try --data mnist --quick --epochs 2.
"""

from functools import partial

from torch.nn import functional as F
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen import plots
from ppgen.autoregressive import LSTM, ConditionalTables
from ppgen.data import Dataset
from ppgen.distributions import Autoregressive
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.models import AutoregressiveModel


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=400, quick=50)
    parser.set_defaults(data="glyphs")
    parser.add_argument("--hidden", type=int, default=256, help="default: %(default)s")
    parser.add_argument("--layers", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--learning-rate", type=float, default=0.01, help="default: %(default)s")
    options = parser.parse_args()
    run = Experiment("glyph_lstm", options)

    data = run.data
    if options.quick:
        few = (part.spread(256) for part in (data.train, data.validation, data.test))
        data = Dataset(data.name, data.levels, *few)
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    images = {name: part.images for name, part in parts.items()}
    network = LSTM(data.image_shape, hidden=options.hidden, layers=options.layers)
    model = AutoregressiveModel(network)
    pixels = model.network.pixels
    binarize = partial(model.network.likelihood.encode, levels=data.levels)

    history = ppgen.fit(
        model,
        images["training"],
        images["validation"],
        transform=binarize,
        optimizer=partial(Adam, lr=options.learning_rate, fused=True),
        scheduler=partial(CosineAnnealingLR, T_max=max(1, options.epochs)),
        **run.fit_options,
    )
    columns = {"training": history.column("elbo"), "validation": history.column("validation")}
    losses = {
        name: (epochs, [-value / pixels for value in values])
        for name, (epochs, values) in columns.items()
    }

    # The tables of counts are the maximum likelihood over all models.
    counted = binarize(images["training"])
    by_heart = Autoregressive(ConditionalTables.from_images(counted))
    best = -by_heart.log_prob(counted).mean().item() / pixels
    if data.levels == 2:  # else the images of each epoch are new draws
        epochs, _ = losses["validation"]
        losses["lowest possible on the training images"] = (epochs, [best] * len(epochs))
        reached = -ppgen.elbo(model, counted).mean / pixels
        run.report(
            "On the training images the cross-entropy is {train_nats_a_pixel_above_best:.4f} nats "
            "a pixel above the lowest possible, {best_train_nats_a_pixel:.4f}.",
            best_train_nats_a_pixel=best,
            train_nats_a_pixel_above_best=reached - best,
        )
    title = "the LSTM learns its training images by heart" if data.levels == 2 else "loss by epoch"
    figure = plots.curves(losses, ylabel="cross-entropy, nats a pixel", title=title)
    run.save_figure("loss", figure)

    samples = ppgen.sample(model, 100, seed=options.seed)
    shown = {
        "training images": counted[:: max(1, len(counted) // 100)][:100],
        "100 samples of the LSTM": samples.cpu(),
    }
    for name, (title, grid) in zip(("images", "samples"), shown.items(), strict=True):
        run.save_figure(name, plots.image_grid(F.pad(grid, (1, 1, 1, 1)), title=title))

    known = (by_heart.log_prob(samples.cpu()).exp() > 0).double().mean().item()
    estimates = {name: ppgen.elbo(model, x, transform=binarize) for name, x in images.items()}
    result = run.result("LSTM", model, history, estimates["test"], data, how="exact")
    run.report(
        "Nats a pixel after {epochs} epochs: {training_nats_a_pixel:.4f} in training, "
        "{validation_nats_a_pixel:.4f} in validation, {test_nats_a_pixel:.4f} in the test.\n"
        "{samples_among_training_images:.0%} of the samples are training images. The LSTM has "
        "{parameters:,} parameters; an epoch took {seconds_an_epoch:.2f} s.",
        epochs=result.epochs,
        **{f"{name}_nats_a_pixel": -each.mean / pixels for name, each in estimates.items()},
        samples_among_training_images=known,
        parameters=result.parameters,
        seconds_an_epoch=history.seconds_an_epoch,
        history=history.to_list(),
    )
    run.finish()


if __name__ == "__main__":
    main()
