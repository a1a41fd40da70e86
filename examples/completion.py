r"""Image completion: the right half given the left, by a VAE, a mixture and MADE.

The VAE fits a Gaussian to the latents of each left half and decodes draws from it. The mixture of
Bernoullis has the exact conditional; so has MADE with a column-by-column ordering, in which the
left half comes first. The gain log p(right | left) − log p(right) of a model estimates the mutual
information of the halves. Σ log p(x_i | left) measures how well the mean completion predicts each
pixel by itself; Σ log p(x_i) does so for the model's mean image.

The mixture is trained on one fixed binarisation of grey images, VAE and MADE on new draws in every
epoch. All complete the same binary test images.

python examples/completion.py
python examples/completion.py --data mnist --download --latent 20 --hidden 400 --epochs 15 \
    --batch-size 128
"""

from functools import partial

import torch
from torch.nn.functional import binary_cross_entropy

import ppgen
from ppgen import plots
from ppgen.autoregressive import MADE
from ppgen.experiments import Experiment, arguments, sized_argument, training_arguments
from ppgen.experiments.digit_reader import DigitReader
from ppgen.inference import complete, fit_latents, log_evidence
from ppgen.likelihoods import Bernoulli
from ppgen.models import VAE, AutoregressiveModel, BernoulliMixture

SHOWN = 10
AVERAGED = 1000  # samples of a model, for its mean image
SMALLEST = 1 / 200  # probability of a pixel, since some means are over 100 draws


def column_by_column(image_shape):
    """Return the ordering of pixels that goes down each column, from left to right."""
    return torch.arange(image_shape[1] * image_shape[2]).view(image_shape[1:]).T.flatten()


@torch.no_grad()
def exact(mixture, x, observed, particles):
    return mixture.log_likelihood(x, observed.expand(x.shape[1:]))


def by_own_latents(vae, x, observed, particles):
    """Estimate log p(observed pixels) by importance weights of Gaussians fitted to them."""
    fitted = fit_latents(vae, x, observed=observed)
    evidence = log_evidence(vae, fitted.guide, x, observed=observed, particles=particles)
    return evidence.per_example


def singly(mean, x, missing):
    """Return Σ log p of the missing pixels, independent Bernoullis with these means, in nats."""
    probabilities = mean.cpu().clamp(SMALLEST, 1 - SMALLEST)
    nats = -binary_cross_entropy(probabilities, x, reduction="none")
    return nats[..., missing].sum((1, 2, 3)).mean().item()


def not_known(model, x, observed, particles):
    """Return NaN: an autoregressive network would have to sum over all left halves."""
    return torch.full((len(x),), torch.nan)


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=100, quick=20, batch_size=32)
    parser.add_argument("--latent", type=int, default=8, help="of the VAE")
    parser.add_argument("--hidden", type=int, nargs="+", default=[200], help="of VAE and MADE")
    parser.add_argument("--classes", type=int, default=50, help="of the mixture")
    parser.add_argument("--patience", type=int, default=20, help="epochs without a better bound")
    sized_argument(parser, "--images", 1000, 100, "completed")
    sized_argument(parser, "--particles", 1000, 100, "of the VAE's estimates")
    options = parser.parse_args()
    run = Experiment("completion", options)

    grey, data = run.data, run.data.binarized()
    shape = data.image_shape
    if shape[0] > 1:
        raise SystemExit(f"{data.name} has {shape[0]} channels; expected images with one")
    left = torch.arange(shape[-1]) < shape[-1] // 2
    encode = partial(Bernoulli().encode, levels=grey.levels)
    made = MADE(shape, ordering=column_by_column(shape), hidden=options.hidden)
    vae = VAE.mlp(shape, options.latent, hidden=options.hidden)
    mixture = BernoulliMixture(shape, options.classes, pixel_pseudo_count=0.1)
    models = {  # each with a function that computes log p(right half)
        "VAE": (vae, by_own_latents),
        "mixture": (mixture, exact),
        "MADE": (AutoregressiveModel(made), not_known),
    }
    mixture.fit_em(data.train.images, seed=options.seed)
    for name in ("VAE", "MADE"):
        ppgen.fit(
            models[name][0],
            grey.train.images,
            grey.validation.images,
            transform=encode,
            average=0.999,
            patience=options.patience,
            **run.fit_options | {"out": run.folder / name},
        )

    part = data.test.spread(options.images)
    x, labels, count = part.images.float(), part.labels, len(part)
    read = reader(grey, encode, quick=options.quick) if labels is not None else None

    shown = slice(0, None, max(1, count // SHOWN))
    rows = {"test images": x[shown], "given": torch.where(left, x, torch.nan)[shown]}
    table = {}
    for name, (model, alone) in models.items():
        at = model.device
        completed = complete(model, x.to(at), left.to(at), particles=options.particles)
        given = completed.log_prob.cpu()
        nothing = alone(model, x.to(at), ~left.to(at), options.particles).cpu()
        blank = ppgen.sample(model, AVERAGED, seed=0).mean(0, keepdim=True)
        table[name] = {
            "log p(right | left)": given.mean().item(),
            "log p(right)": nothing.mean().item(),
            "gain": (given - nothing).mean().item(),
            "Σ log p(x_i | left)": singly(completed.mean, x, ~left),
            "Σ log p(x_i)": singly(blank.expand(x.shape), x, ~left),
        }
        if read:
            table[name]["read right"] = read(completed.samples[0], labels)
        rows[f"{name}, mean"] = completed.mean[shown]
        rows[f"{name}, draw"] = completed.samples[0, shown]
    figure = plots.image_rows(rows, "right halves of digits, given the left ones")
    run.save_figure("completions", figure)

    columns = list(table["VAE"])
    print(f"\n{count} test images\n{'':10}" + "".join(f"{column:>22}" for column in columns))
    for name, row in table.items():
        print(f"{name:10}" + "".join(f"{value:22.3f}" for value in row.values()))
    if read:
        black = torch.where(left, x, 0.0)
        run.report(
            "A classifier reads {real_test_images_read_right:.1%} of the real test images right, "
            "and {left_halves_read_right:.1%} of their left halves alone.",
            real_test_images_read_right=read(x, labels),
            left_halves_read_right=read(black, labels),
        )
    run.report(
        "Of the right half, the left one tells {table[mixture][gain]:.2f} nats to the mixture, and "
        "{table[VAE][gain]:.2f} to the VAE.",
        table=table,
        images=count,
    )
    run.finish()


def reader(data, encode, quick):
    """Train a classifier on real digits and return a function that computes its accuracy."""
    digits = DigitReader(data.image_shape, int(data.train.labels.max()) + 1)
    digits.learn(data.train.images, data.train.labels, encode, steps=300 if quick else 2000)
    return lambda images, labels: digits.accuracy(images.cpu(), labels)


if __name__ == "__main__":
    main()
