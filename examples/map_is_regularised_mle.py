"""An ℓ2 penalty is a Gaussian prior: five ways to one optimum, and the posterior around it.

A logistic regression classifies two digits by 16 mean grey values over a grid of 4×4. The penalty
λ‖θ‖² on its summed log-likelihood is the prior N(0, 1 / (2λ)) of each weight. The script compares
the point that all ways reach with the posterior by Laplace's approximation and by Hamiltonian Monte
Carlo (NUTS).

python examples/map_is_regularised_mle.py
python examples/map_is_regularised_mle.py --data mnist --download --classes 4 9
"""

from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS
from pyro.infer.autoguide import AutoDelta, AutoLaplaceApproximation
from torch.nn.functional import adaptive_avg_pool2d
from torch.optim import Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen.experiments import Experiment, arguments, sized_argument
from ppgen.inference import L2Penalty, NoMaximumError, maximum_likelihood
from ppgen.models import LogisticRegression
from ppgen.plots import COLOURS, Figure

ELSEWHERE = ["weight decay λ/n: half the penalty", "decoupled decay 2λ/n of AdamW"]
"""Ways that end at another point, to show the difference."""


class Penalised(LogisticRegression):
    """Logistic regression with the penalty as a factor of the joint density."""

    def __init__(self, covariates, penalty):
        super().__init__(covariates)
        self.penalty = penalty

    def model(self, y=None, design=None, *, n=1):
        pyro.factor("penalty", -self.penalty([self.weights]))
        return super().model(y, design, n=n)


def with_prior(penalty, covariates):
    """Return logistic regression as a Pyro program whose weights have the prior."""

    def model(y=None, design=None, *, n=1):
        like = torch.zeros(covariates, dtype=torch.float64)
        weights = pyro.sample("weights", penalty.prior(like))
        with pyro.plate("data", n if y is None else len(y)):
            return pyro.sample("y", dist.Bernoulli(logits=design @ weights), obs=y)

    return model


def features(split, classes, rows=None):
    """Return labels 0 and 1, ``(batch,)``, and their design: intercept and 16 mean grey values."""
    chosen = torch.isin(split.labels, torch.tensor(classes)).nonzero()[:rows, 0]
    grey = adaptive_avg_pool2d(split.images[chosen].double(), 4).flatten(1)
    design = torch.cat([torch.ones(len(grey), 1), grey], dim=1)
    return (split.labels[chosen] == classes[1]).double(), design


def standardised(design, by):
    mean, scale = by[:, 1:].mean(0), by[:, 1:].std(0).clamp(min=1e-6)
    return torch.cat([design[:, :1], (design[:, 1:] - mean) / scale], dim=1)


def sgd_like(program, data, epochs, optimizer):
    """Fit with all rows as one batch, so that the loss is their mean."""
    ppgen.fit(
        program,
        data,
        epochs=epochs,
        batch_size=len(data[0]),
        optimizer=partial(optimizer, lr=0.1),
        scheduler=partial(CosineAnnealingLR, T_max=epochs),
        device="cpu",  # tiny, and compared with numpy
        progress=False,
    )


def all_ways(penalty, data, epochs):
    """Return the final weights of each way."""
    n, covariates = data[1].shape
    decay = penalty.weight_decay(n)
    found = {}

    penalised = Penalised(covariates, penalty).double()
    found["penalty, Newton"] = maximum_likelihood(penalised, data).program.weights

    program = Penalised(covariates, penalty).double()
    sgd_like(program, data, epochs, Adam)
    found["penalty, SVI"] = program.weights

    for way, maker, share in (
        ("weight decay 2λ/n of Adam", Adam, 1),
        (ELSEWHERE[0], Adam, 0.5),
        (ELSEWHERE[1], AdamW, 1),
    ):
        program = LogisticRegression(covariates).double()
        sgd_like(program, data, epochs, partial(maker, weight_decay=share * decay))
        found[way] = program.weights

    model = with_prior(penalty, covariates)
    for way in ("prior, AutoDelta and SVI", "prior, AutoDelta and Newton"):
        guide = AutoDelta(model)
        guide(*data)  # creates its parameters in float64 before fit reads their type
        program = ppgen.as_program((model, guide))
        if way.endswith("SVI"):
            sgd_like(program, data, epochs, Adam)
        else:
            maximum_likelihood(program, data)
        found[way] = guide(*data)["weights"]
    return {way: weights.detach() for way, weights in found.items()}


def laplace(model, mode, data):
    """Return the Gaussian with the curvature at the mode, by Pyro's guide."""
    guide = AutoLaplaceApproximation(model)
    guide(*data)
    with torch.no_grad():
        guide.loc.copy_(mode)
    gaussian = guide.laplace_approximation(*data)
    return dist.MultivariateNormal(
        gaussian.loc, scale_tril=(gaussian.scale[:, None] * gaussian.scale_tril).detach()
    )


def nuts(model, mode, data, samples):
    """Return posterior draws of the weights by Hamiltonian Monte Carlo, and its diagnostics."""
    chain = MCMC(
        NUTS(model),
        num_samples=samples,
        warmup_steps=samples // 2,
        initial_params={"weights": mode},
        disable_progbar=True,
    )
    chain.run(*data)
    return chain.get_samples()["weights"], chain.diagnostics()["weights"]


def draw_weights(found):
    figure = Figure((8, 4.5))
    axes = figure.add_subplot(xlabel="weight; 0 is the intercept", ylabel="value")
    same = {way: w for way, w in found.items() if way not in ELSEWHERE}
    for size, (way, weights) in zip(np.linspace(13, 3, len(same)), same.items(), strict=True):
        axes.plot(weights, "o", markersize=size, markerfacecolor="none", label=way)
    for marker, way in zip("x+", ELSEWHERE, strict=True):
        axes.plot(found[way], marker, color="grey", label=way)
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set_title("circles in circles: all ways reach one optimum")
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_posteriors(draws, gaussian, predictions):
    """Plot two weights under the posterior, and the probabilities of test images."""
    figure = Figure((10, 5.5))
    left, right = figure.subplots(1, 2)
    gap = (draws.mean(0) - gaussian.mean).abs() / gaussian.stddev
    i, j = gap.topk(2).indices.sort().values.tolist()
    left.plot(draws[:, i], draws[:, j], ".", markersize=3, alpha=0.5, label="NUTS")
    angle = torch.linspace(0, 2 * torch.pi, 100).double()
    root = torch.linalg.cholesky(gaussian.covariance_matrix[[i, j]][:, [i, j]])
    for share, style in {0.5: "-", 0.95: "--"}.items():
        radius = (-2 * np.log(1 - share)) ** 0.5
        x, y = gaussian.mean[[i, j]][:, None] + radius * root @ torch.stack(
            [angle.cos(), angle.sin()]
        )
        left.plot(x, y, style, color=COLOURS[1], label=f"Laplace, {share:.0%}")
    left.plot(*gaussian.mean[[i, j]], "k*", markersize=10, label="mode: all a point estimate keeps")
    left.plot(
        *draws[:, [i, j]].mean(0),
        "D",
        color=COLOURS[0],
        markeredgecolor="black",
        label="posterior mean",
    )
    left.set(xlabel=f"weight {i}", ylabel=f"weight {j}", title="the two weights that differ most")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, frameon=False)
    for way, marker in {"Laplace": ".", "NUTS": "x"}.items():
        right.plot(predictions["mode"], predictions[way], marker, markersize=4, label=way)
    right.plot([0, 1], [0, 1], color="black", linewidth=0.5)
    right.set(
        xlabel="probability of the second digit, at the mode",
        ylabel="the same, averaged over the posterior",
        title="test images: the mode is surer",
    )
    right.legend()
    return figure


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--classes", type=int, nargs=2, default=[3, 8], help="two digits")
    parser.add_argument("--rows", type=int, default=100, help="images to learn from")
    parser.add_argument("--strength", type=float, default=0.5, help="λ; default: %(default)s")
    sized_argument(parser, "--epochs", 3000, 600, "of SVI")
    sized_argument(parser, "--samples", 1000, 50, "of NUTS")
    options = parser.parse_args()
    first, second = options.classes
    if first == second:
        parser.error(f"--classes is {first} {second}; expected two that differ")
    try:
        penalty = L2Penalty(options.strength)
    except ValueError as error:
        parser.error(str(error))
    run = Experiment("map_is_regularised_mle", options)
    if run.data.train.labels is None:
        raise SystemExit(f"--data {options.data} has no labels; expected a set that has them")

    y, raw = features(run.data.train, options.classes, options.rows)
    test_y, test_raw = features(run.data.test, options.classes, 1000)
    for part, labels in {"training": y, "test": test_y}.items():
        if len(labels.unique()) < 2:
            raise SystemExit(
                f"--classes {first} {second} are not both among the {part} images of --data "
                f"{options.data}, --rows {options.rows}; name others, other data or more rows"
            )
    data, test_design = (y, standardised(raw, raw)), standardised(test_raw, raw)
    covariates = raw.shape[1]

    try:
        maximum_likelihood(LogisticRegression(covariates).double(), data)
        without_penalty = "found"
    except NoMaximumError as error:
        without_penalty = str(error)
    run.report(
        "Maximum without a penalty: {maximum_without_penalty}.",
        maximum_without_penalty=without_penalty,
    )

    found = all_ways(penalty, data, options.epochs)
    mode = found["penalty, Newton"]
    distances = {way: float((w - mode).norm() / mode.norm()) for way, w in found.items()}
    for way, distance in distances.items():
        print(f"{way}: {distance:.1e} from the mode, relative to its length")
    run.save_figure("weights", draw_weights(found))

    model = with_prior(penalty, covariates)
    gaussian = laplace(model, mode, data)
    draws, diagnostics = nuts(model, mode, data, options.samples)
    ensembles = {"mode": mode[None], "Laplace": gaussian.sample((2000,)), "NUTS": draws}
    predictions = {
        way: torch.sigmoid(test_design @ weights.mT).mean(1) for way, weights in ensembles.items()
    }
    nats = {way: dist.Bernoulli(p).log_prob(test_y).mean().item() for way, p in predictions.items()}
    run.save_figure("posteriors", draw_posteriors(draws, gaussian, predictions))
    for way, value in nats.items():
        print(f"test log-likelihood, {way}: {value:.4f} nats an image")
    run.report(
        "The posterior mean lies up to "
        "{largest_shift_of_the_posterior_mean_in_laplace_deviations:.2f} standard deviations from "
        "the mode.\nNUTS: r-hat is {nuts_largest_r_hat:.3f} at most, the effective size "
        "{nuts_smallest_effective_size:.0f} at least.",
        prior_variance=penalty.prior_variance,
        weight_decay=penalty.weight_decay(len(y)),
        relative_distance_from_the_mode=distances,
        test_log_likelihood=nats,
        test_errors={
            way: ((p > 0.5) != test_y.bool()).double().mean().item()
            for way, p in predictions.items()
        },
        posterior_standard_deviations={
            "Laplace": gaussian.stddev.tolist(),
            "NUTS": draws.std(0).tolist(),
        },
        largest_shift_of_the_posterior_mean_in_laplace_deviations=float(
            ((draws.mean(0) - mode).abs() / gaussian.stddev).max()
        ),
        nuts_largest_r_hat=float(diagnostics["r_hat"].max()),
        nuts_smallest_effective_size=float(diagnostics["n_eff"].min()),
    )
    run.finish()


if __name__ == "__main__":
    main()
