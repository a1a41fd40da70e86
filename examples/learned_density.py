"""A density learned by a perceptron and normalised by a sum over all images, and its limits.

The true probability of an image grows with the number of its black pixels, in two readings of these
words. At 3×3 pixels a perceptron with a sigmoid output learns it by regression on the probabilities
of 200 images, and by maximum likelihood on samples. Then the script tries the same at 28×28.

python examples/learned_density.py
"""

from math import comb, exp, log, log10

import pyro
import torch
import torch.nn.functional as F
from torch.optim import Adam

import ppgen
from ppgen import plots
from ppgen.distributions import CountImages, TabulatedDensity, all_images
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.models.networks import mlp_encoder

SMALL, LARGE = (1, 3, 3), (1, 28, 28)
READINGS = {"counts": CountImages.counts_proportional, "images": CountImages.images_proportional}
TITLES = {"counts": "P(count) ∝ count", "images": "p(image) ∝ count"}
HIDDEN = (256, 128, 64, 32)  # hidden layers of the perceptron for 28×28
LABELLED, HELD_OUT = 200, 50


class Learned(ppgen.Program):
    """p(x) = σ(perceptron(x)) / Σ σ(perceptron(x')), the sum over all images x'."""

    def __init__(self, image_shape, hidden):
        super().__init__()
        self.image_shape = image_shape
        self.score = mlp_encoder(image_shape, 1, hidden)

    def forward(self, x):
        return F.logsigmoid(self.score(x)).squeeze(-1)

    def distribution(self):
        return TabulatedDensity.of_network(self, self.image_shape)

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", self.distribution(), obs=x)


def regress(learner, x, labels, epochs):
    """Fit the sigmoid output to labels between 0 and 1 by their cross-entropy."""
    # From σ = 1/2 all outputs would fall first, most of all those of images with many ones.
    torch.nn.init.constant_(learner.score[-1].bias, labels.mean().logit().item())
    optimizer = Adam(learner.parameters(), fused=True)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(20):
            score = learner.score(x[batch]).squeeze(-1)
            loss = F.binary_cross_entropy_with_logits(score, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def labels_of(log_p, unit):
    """Scale probabilities to labels, so that ``unit``, the largest for training, becomes 0.2."""
    return 0.2 * (log_p - unit).exp()


def within_a_tenth(log_q, log_p):
    return (log_q - log_p).expm1().abs() < 0.1


def learn(run, reading):
    """Learn the density of 3×3 images by regression, and from few and from many samples.

    Returns the true and the learned probabilities of held-out images.
    """
    truth, images = READINGS[reading](SMALL), all_images(SMALL)
    log_p = truth.log_prob(images)
    order = torch.randperm(len(images))
    labelled, held_out = order[:LABELLED], order[LABELLED : LABELLED + HELD_OUT]

    learner = Learned(SMALL, hidden=(64, 64))
    labels = labels_of(log_p[labelled], unit=log_p[labelled].max())
    regress(learner, images[labelled], labels, run.options.epochs)
    learners = {"regression": learner}
    for draws in (LABELLED, 2_000 if run.options.quick else 20_000):
        x, learner = truth.sample((draws,)), Learned(SMALL, hidden=(64, 64))
        options = run.fit_options | {"out": run.folder / f"{reading}_{draws}_samples"}
        ppgen.fit(learner, x[draws // 5 :], x[: draws // 5], patience=20, **options)
        learners[f"maximum_likelihood_on_{draws}_samples"] = learner.cpu()
    with torch.no_grad():
        learned = {name: learner.distribution() for name, learner in learners.items()}
    log_q = {name: q.log_prob(images) for name, q in learned.items()}

    # Rejection needs the true probabilities, and gives all images that it keeps equal weight.
    kept = within_a_tenth(log_q["regression"], log_p)
    passed = images[held_out][kept[held_out]]
    shown = {"samples": 1 - learned["regression"].sample((25,))}
    if len(passed):
        shown[f"kept, {len(passed)} of {HELD_OUT}"] = 1 - passed[:25]
    figure = plots.image_grids(shown, columns=5, title=f"{TITLES[reading]}, by regression")
    run.save_figure(f"{reading}_samples", figure)
    p = log_p.exp()
    sums = torch.stack(list(log_q.values())).exp().sum(1)
    divergences = {name: F.kl_div(q, p, reduction="sum").item() for name, q in log_q.items()}
    numbers = {
        "largest_error_of_a_sum": (sums - 1).abs().max().item(),
        **{f"kl_of_{name}": divergence for name, divergence in divergences.items()},
        "kl_of_uniform": torch.xlogy(p, len(p) * p).sum().item(),
        "kept_of_held_out": kept[held_out].float().mean().item(),
        "kept_of_all": kept.float().mean().item(),
    }
    said = (
        "{kl_of_regression:.3f} by regression, {maximum_likelihood:.3f} by maximum likelihood on "
        "many samples, {kl_of_uniform:.3f} of the uniform one; {kept_of_all:.0%} of images are "
        "within a tenth of the truth"
    ).format_map(numbers | {"maximum_likelihood": list(divergences.values())[-1]})
    run.report(
        f"3×3, {TITLES[reading]}: divergence of the learned density {said}.",
        **{f"{reading}_{name}": number for name, number in numbers.items()},
    )
    return p[held_out], {name: q[held_out].exp() for name, q in log_q.items()}


def try_large(run, reading):
    """Regress on the probabilities of 200 images of 28×28; return log-labels and predictions."""
    truth = READINGS[reading](LARGE)
    x = truth.sample((LABELLED + HELD_OUT,))
    log_p = truth.log_prob(x)
    unit = log_p[:LABELLED].max()
    labels = labels_of(log_p, unit)
    learner = Learned(LARGE, HIDDEN)
    regress(learner, x[:LABELLED], labels[:LABELLED], run.options.epochs)
    true = log_p - unit + log(0.2)
    with torch.no_grad():
        predicted = learner(x)
    seen, unseen = torch.stack([true, predicted]).split([LABELLED, HELD_OUT], dim=1)
    true, predicted = unseen
    constant = labels[:LABELLED].mean().log()
    numbers = {
        "probabilities_that_underflow": (log_p.exp() == 0).float().mean().item(),
        "labels_that_underflow": (labels == 0).float().mean().item(),
        "correlation_of_labelled": seen.corrcoef()[0, 1].item(),
        "correlation_of_held_out": unseen.corrcoef()[0, 1].item(),
        "kept_of_held_out": within_a_tenth(predicted, true).float().mean().item(),
        "kept_of_held_out_by_a_constant": within_a_tenth(constant, true).float().mean().item(),
    }
    said = (
        "{labels_that_underflow:.0%} of the labels underflow; predictions correlate with labels by "
        "{correlation_of_labelled:.2f}, with unseen ones by {correlation_of_held_out:.2f}"
    ).format_map(numbers)
    run.report(
        f"28×28, {TITLES[reading]}: {said}.",
        **{f"{reading}_28x28_{name}": number for name, number in numbers.items()},
    )
    return true, predicted


def monte_carlo(truth, samples):
    """Estimate the normaliser by uniform images; return it, effective samples and log mass."""
    chunks = [min(10_000, samples - start) for start in range(0, samples, 10_000)]
    images = (torch.randint(2, (n, *truth.event_shape), dtype=torch.uint8) for n in chunks)
    log_p = torch.cat([truth.log_prob(x) for x in images])
    log_mass = log_p.logsumexp(0).item()
    log_images = truth.event_shape.numel() * log(2)
    effective = exp(2 * log_mass - (2 * log_p).logsumexp(0).item())
    return exp(log_mass + log_images - log(samples)), effective, log_mass


def largest_mass(truth, samples):
    """Return the log-probability of the most probable set of this many images."""
    pixels = truth.event_shape.numel()
    one_a_count = torch.ones(pixels + 1, pixels).tril(-1).view(-1, *truth.event_shape)
    log_p, counts = truth.log_prob(one_a_count).sort(descending=True)
    terms = []
    for each, count in zip(log_p.tolist(), counts.tolist(), strict=True):
        taken = min(samples, comb(pixels, count))
        samples -= taken
        terms += [each + log(taken)] if taken else []
    return torch.tensor(terms).logsumexp(0).item()


def draw_learned(panel, p, learned):
    """Plot learned against true probabilities."""
    for name, q in learned.items():
        panel.loglog(p, q, ".", label=name.replace("_", " "))
    ends = torch.stack([p[p > 0].min(), p.max()])
    panel.plot(ends, ends, color="grey", lw=1)
    panel.fill_between(ends, 0.9 * ends, 1.1 * ends, color="lightgrey", label="within 10 %")
    panel.set(xlabel="true probability", ylabel="learned probability")


def draw_regression(panel, true, predicted):
    """Plot logarithms of predictions against those of the labels."""
    panel.plot(true / log(10), predicted / log(10), ".")
    ends = [x / log(10) for x in torch.cat([true, predicted]).aminmax()]
    panel.plot(ends, ends, color="grey", lw=1)
    panel.set(xlabel="log₁₀ of the true label", ylabel="log₁₀ of the prediction")
    panel.locator_params(nbins=5)


def draw_normaliser(readings):
    """Plot, by image size, the number of images and Monte Carlo estimates of the normaliser."""
    sides = [3, 4, 6, 8, 12, 16, 20, 24, 28]
    figure = plots.Figure((13, 4.8))
    figure.suptitle("the normaliser sums over more and more images, and few of them matter")
    number, effective, normaliser = figure.subplots(1, 3)
    number.plot(sides, [side**2 * log10(2) for side in sides])
    number.axhline(6, color="grey", lw=1, label="a million")
    number.set(title="log₁₀ of the number of images")
    effective.set(title="effective samples of 10,000 uniform ones", yscale="log")
    normaliser.set(title="estimate of the normaliser, which is 1")
    for reading, make in readings.items():
        results = [monte_carlo(make((1, side, side), torch.float64), 10_000) for side in sides]
        estimates, sizes, _ = zip(*results, strict=True)
        effective.plot(sides, sizes, ".-", label=TITLES[reading])
        normaliser.plot(sides, estimates, ".-", label=TITLES[reading])
    for panel in figure.axes:
        panel.set_xlabel("pixels a side")
    number.legend()
    handles = normaliser.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, frameon=False)
    return figure


def main() -> None:
    parser = arguments(__doc__, datasets=False)
    training_arguments(parser, epochs=500, quick=50)
    run = Experiment("learned_density", parser.parse_args())
    samples = 10_000 if run.options.quick else 1_000_000

    learned, regression = plots.Figure((12, 4.4)), plots.Figure((10, 4.4))
    learned.suptitle("3×3: learned and true probabilities of unseen images")
    regression.suptitle("28×28: regression on labels does not carry over to unseen images")
    learned.subplots(1, 2)
    regression.subplots(1, 2)
    for number, (reading, make) in enumerate(READINGS.items()):
        learned.axes[number].set_title(TITLES[reading])
        draw_learned(learned.axes[number], *learn(run, reading))

        regression.axes[number].set_title(TITLES[reading])
        draw_regression(regression.axes[number], *try_large(run, reading))
        truth = make(LARGE, torch.float64)
        estimate, effective, log_mass = monte_carlo(truth, samples)
        numbers = {
            "normaliser_estimated": estimate,
            "effective_samples": effective,
            "log10_mass_of_uniform_samples": log_mass / log(10),
            "log10_mass_of_the_likeliest": largest_mass(truth, samples) / log(10),
        }
        said = (
            "{normaliser_estimated:.3g} by {samples:,} uniform images, {effective_samples:.0f} of "
            "them effective, with a mass of 10^{log10_mass_of_uniform_samples:.0f}"
        ).format_map(numbers | {"samples": samples})
        run.report(
            f"The normaliser, 1, is estimated as {said}.",
            **{f"{reading}_28x28_{name}": number for name, number in numbers.items()},
        )
    handles = learned.axes[0].get_legend_handles_labels()
    learned.legend(*handles, loc="outside right center", frameon=False)
    run.save_figure("learned_3x3", learned)
    run.save_figure("regression_28x28", regression)
    run.save_figure("normaliser", draw_normaliser(READINGS))

    try:
        Learned(LARGE, HIDDEN).distribution()
    except ValueError as error:
        run.report("The sum over all images of 28×28 is refused: {refusal}.", refusal=str(error))
    run.report(
        "There are e^{log_number_of_images_28x28:.0f} of them.",
        samples=samples,
        log_number_of_images_28x28=784 * log(2),
    )
    run.finish()


if __name__ == "__main__":
    main()
