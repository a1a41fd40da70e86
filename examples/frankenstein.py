"""Frankenstein digits: a test that tells batches of spliced digits from batches of real ones.

A spliced digit is the left half of one digit beside the right half of a digit of another class. A
mixture of Bernoullis, a VAE and MADE learn real digits. Each then flags batches whose mean
log-probability is below a threshold, set so that one real batch in 20 is flagged. The better model
detects splices in smaller batches.

python examples/frankenstein.py
python examples/frankenstein.py --data mnist --download --epochs 30
python examples/frankenstein.py --alternative two-sided
"""

from functools import partial

import torch
from torch.optim import Adam

import ppgen
from ppgen.autoregressive import MADE
from ppgen.data.splicing import spliced
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.inference import BatchTest
from ppgen.models import VAE, AutoregressiveModel, BernoulliMixture
from ppgen.plots import COLOURS, Figure

WANTED_POWER = 0.95
SHOWN = 10


def exact(model, images):
    """Return exact log p(x) of each image, in nats: the bound if no latent is left."""
    return ppgen.elbo(model, images).per_example


def importance_weighted(vae, images, particles):
    """Estimate log p(x) of each image by importance weights, in nats: a lower bound in expectation.

    It is looser for splices, on which the encoder was not trained. The test stays valid, since it
    compares real batches with the same estimate of held-out real images.
    """
    return ppgen.iwae(vae, images, particles).per_example


def check_parts(name, data):
    """Exit if the validation images are not exchangeable with the test images."""
    if torch.equal(data.validation.images, data.train.images):
        problem = "its validation images are those that models are trained on"
    elif not torch.isin(data.test.labels, data.validation.labels).all():
        problem = "its test images are of other classes than its validation images"
    else:
        return
    raise SystemExit(f"--data {name} has no valid threshold: {problem}; take digits or mnist")


def train(run, data, selection):
    """Fit the three models; return for each a function from images to log-probabilities."""
    options, shape = run.options, data.image_shape
    fit = partial(
        ppgen.fit,
        data=data.train.images,
        validation=selection,
        optimizer=partial(Adam, lr=options.learning_rate),
        average=0.999,
        patience=options.patience,
    )
    mixture = BernoulliMixture(shape, options.classes, pixel_pseudo_count=0.1)
    mixture.fit_em(data.train.images, seed=options.seed)
    vae = VAE.mlp(shape, options.latent, hidden=[options.hidden])
    fit(vae, **run.fit_options | {"out": run.folder / "VAE"})
    made = AutoregressiveModel(MADE(shape, hidden=[options.hidden]))
    fit(made, **run.fit_options | {"out": run.folder / "MADE"})
    return {
        "mixture": partial(exact, mixture),
        "VAE": partial(importance_weighted, vae, particles=options.particles),
        "MADE": partial(exact, made),
    }


def show_images(rows, scores, levels):
    """Plot digits and splices with their log-probabilities."""
    figure = Figure((1.05 * SHOWN + 1, 4.4))
    names = "\n".join(scores)
    for axes_of_row, (name, images, classes) in zip(
        figure.subplots(len(rows), SHOWN), rows, strict=True
    ):
        for number, axes in enumerate(axes_of_row):
            image = images[number].movedim(0, -1).numpy()
            axes.imshow(image, cmap="gray", vmin=0, vmax=levels - 1, interpolation="nearest")
            axes.set(xticks=[], yticks=[], title=classes[number])
            axes.set_xlabel("\n".join(f"{model[name][number]:.1f}" for model in scores.values()))
        axes_of_row[0].set_ylabel(name)
        below = axes_of_row[0].xaxis.label
        axes_of_row[0].annotate(
            names, (-0.15, 0), xycoords=("axes fraction", below), ha="right", va="bottom"
        )
    figure.suptitle("log-probabilities of real and of spliced digits, nats")
    return figure


def show_histograms(scores):
    """Plot histograms of each model's log-probabilities of both kinds of images."""
    figure = Figure((3.6 * len(scores) + 1, 3.5))
    for axes, (name, of_kind) in zip(figure.subplots(1, len(scores)), scores.items(), strict=True):
        both = torch.cat([of_kind["real"], of_kind["spliced"]])
        bins = torch.linspace(both.quantile(0.002), both.max(), 40).numpy()
        for kind, color in (("real", COLOURS[0]), ("spliced", COLOURS[1])):
            values = of_kind[kind].numpy()
            axes.hist(values, bins, color=color, alpha=0.5, density=True, label=kind)
            axes.axvline(values.mean(), color=color)
        axes.set(title=name, xlabel="log p(x), nats", yticks=[])
    figure.suptitle("single splices are not told from digits: the histograms overlap")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    return figure


def show_power(rates, false_alarm_rate):
    """Plot the shares of spliced and of real batches that each model flags, by batch size."""
    figure = Figure((11, 4.3))
    panels = figure.subplots(1, 2)
    figure.suptitle("batches of splices are told from batches of digits")
    titles = {
        "spliced": "power: spliced batches flagged",
        "real": "false alarms: real batches flagged",
    }
    wanted = {"spliced": WANTED_POWER, "real": false_alarm_rate}
    for axes, kind in zip(panels, titles, strict=True):
        for name, of_kind in rates.items():
            sizes = torch.arange(1, len(of_kind[kind]) + 1)
            values = torch.tensor([rate.value for rate in of_kind[kind]])
            errors = torch.tensor([rate.standard_error for rate in of_kind[kind]])
            (line,) = axes.plot(sizes, values, marker=".", label=name)
            band = (values - errors).clamp(0, 1), (values + errors).clamp(0, 1)
            axes.fill_between(sizes, *band, color=line.get_color(), alpha=0.15, linewidth=0)
        axes.axhline(wanted[kind], color="grey", linestyle=":", label="wanted")
        axes.set(title=titles[kind], xlabel="images in a batch", ylabel="share of batches")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    panels[0].set_ylim(0, 1.02)
    panels[1].set_ylim(0)
    return figure


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=200, quick=60)
    parser.add_argument("--classes", type=int, default=20, help="of the mixture")
    parser.add_argument("--latent", type=int, default=20, help="dimensions of the VAE")
    parser.add_argument("--hidden", type=int, default=300, help="units of VAE and MADE")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="of VAE and MADE")
    parser.add_argument("--patience", type=int, default=20, help="epochs without a better bound")
    parser.add_argument("--particles", type=int, default=100, help="of the VAE's likelihood")
    parser.add_argument("--false-alarm-rate", type=float, default=0.05, help="default: %(default)s")
    parser.add_argument("--alternative", choices=("less", "two-sided"), default="less")
    parser.add_argument("--largest-batch", type=int, default=50, help="default: %(default)s")
    options = parser.parse_args()
    run = Experiment("frankenstein", options)

    data = run.data.binarized()
    test = data.test
    try:
        splices = spliced(test.images, test.labels, len(test), seed=options.seed)
    except ValueError as error:
        raise SystemExit(f"--data {options.data} cannot be spliced: {error}") from error
    check_parts(options.data, data)
    # One half of the validation part is for early stopping. The other half is the test's null
    # distribution: images used neither for training nor for choosing a model.
    selection, held_out = data.validation.images.tensor_split(2)
    models = train(run, data, selection)

    images = {"real": test.images, "spliced": splices.images}
    scores = {
        name: {kind: log_prob(some) for kind, some in {"held out": held_out, **images}.items()}
        for name, log_prob in models.items()
    }
    real_classes = [str(label) for label in test.labels[:SHOWN].tolist()]
    halves = zip(
        test.labels[splices.left].tolist(), test.labels[splices.right].tolist(), strict=True
    )
    rows = [
        ("real", images["real"], real_classes),
        ("spliced", images["spliced"], [f"{left} | {right}" for left, right in halves]),
    ]
    run.save_figure("images", show_images(rows, scores, data.levels))
    run.save_figure("histograms", show_histograms(scores))

    rates = {name: {kind: [] for kind in images} for name in models}
    for size in range(1, min(options.largest_batch, len(test)) + 1):
        for name, of_kind in scores.items():
            batch_test = BatchTest(
                of_kind["held out"], size, options.false_alarm_rate, options.alternative
            )
            for kind, so_far in rates[name].items():
                so_far.append(batch_test.rejection_rate(of_kind[kind]))
    run.save_figure("power", show_power(rates, options.false_alarm_rate))

    table = {}
    for name, of_kind in rates.items():
        powers = [rate.value for rate in of_kind["spliced"]]
        enough = next((n for n, power in enumerate(powers, 1) if power >= WANTED_POWER), None)
        last = enough or len(powers)
        table[name] = {
            **{f"{kind}, nats": scores[name][kind].mean().item() for kind in images},
            "standard deviation, nats": scores[name]["real"].std().item(),
            "batch size for 95 % power": enough,
            "power there, or at the largest": str(of_kind["spliced"][last - 1]),
            "false alarms there": str(of_kind["real"][last - 1]),
        }
    for row in next(iter(table.values())):
        columns = (column[row] for column in table.values())
        shown = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in columns)
        print(f"{row:30}" + "".join(f"{cell:>16}" for cell in shown))
    run.report(
        table=table,
        rates={
            name: {kind: [vars(rate) for rate in some] for kind, some in of_kind.items()}
            for name, of_kind in rates.items()
        },
    )
    run.finish()


if __name__ == "__main__":
    main()
