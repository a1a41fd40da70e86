"""Data of the programs, drawn from fixed seeds: arrays that every library reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

Arrays = dict[str, np.ndarray]

DOCUMENT = 100
"""Words of each document of the topic model."""

MINIBATCH = 200
"""Rows of a minibatch that a program draws itself."""


@dataclass(frozen=True)
class Problem:
    """What all ways to train a program share.

    Attributes
    ----------
    data
        Arguments of model and guide, in their order; all have the same number of rows.
    start
        First values of sites or parameters, by name. Latent sites that are not among them start at
        zero in their unconstrained space.
    lr
        Learning rate of Adam.
    steps
        Steps of the fits whose losses are compared.
    """

    data: Arrays
    start: Arrays = field(default_factory=dict)
    lr: float = 0.01
    steps: int = 1000

    @property
    def rows(self) -> int:
        """Number of rows of the data."""
        return len(next(iter(self.data.values())))


def linear(rng, rows, columns):
    """Return inputs and a linear function of them with random weights."""
    x = rng.normal(size=(rows, columns))
    return x, x @ rng.normal(size=columns)


def layers(rng, **sizes: tuple[int, ...]) -> Arrays:
    """Draw weights of perceptrons, with the names that ``torch.nn.Sequential`` gives them."""
    weights = {}
    for net, widths in sizes.items():
        for i, (before, after) in enumerate(pairwise(widths)):
            weights[f"{net}.{2 * i}.weight"] = rng.normal(size=(after, before)) / before**0.5
            weights[f"{net}.{2 * i}.bias"] = np.zeros(after)
    return weights


def vae(rng, quick):
    rows, pixels, hidden, latent = (8, 20, 10, 3) if quick else (128, 784, 400, 20)
    nets = layers(rng, encoder=(pixels, hidden, 2 * latent), decoder=(latent, hidden, pixels))
    return Problem({"x": rng.random((rows, pixels)) < 0.13}, nets, lr=1e-3)


def logistic_regression(rng, quick):
    x, logits = linear(rng, *((50, 3) if quick else (5000, 20)))
    return Problem({"x": x, "y": rng.random(len(x)) < 1 / (1 + np.exp(-logits))})


def eight_schools(rng, quick):
    effects, errors = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
    return Problem({"y": np.array(effects, float), "error": np.array(errors, float)})


def gaussian_mixture(rng, quick):
    centres = 3 * rng.normal(size=(5, 2))
    rows = 30 if quick else 1000
    x = centres[rng.integers(5, size=rows)] + rng.normal(size=(rows, 2))
    return Problem({"x": x}, {"mean": x[:5].copy()})


def hidden_markov(rng, quick):
    rows, length, states, outputs = (5, 4, 3, 2) if quick else (50, 30, 8, 16)
    x = rng.random((rows, length, outputs)) < 0.3
    start = {
        "transition": rng.dirichlet(np.full(states, 5.0), states),
        "emission": rng.uniform(0.2, 0.8, (states, outputs)),
    }
    return Problem({"x": x}, start, steps=200)


def partial_pooling(rng, quick):
    groups, rows = (4, 20) if quick else (30, 900)
    group, x = rng.integers(groups, size=rows), rng.normal(size=rows)
    intercept, slope = rng.normal(1.0, 0.5, groups), rng.normal(-0.5, 0.3, groups)
    y = intercept[group] + slope[group] * x + 0.7 * rng.normal(size=rows)
    return Problem({"group": group, "x": x, "y": y})


def negative_binomial(rng, quick):
    x, log_mean = linear(rng, *((30, 3) if quick else (2000, 10)))
    return Problem({"x": x, "y": rng.poisson(rng.gamma(2.0, np.exp(0.3 * log_mean) / 2.0))})


def topics(rng, quick):
    documents, topics, words = (6, 2, 8) if quick else (100, 5, 50)
    distributions = rng.dirichlet(np.full(words, 0.2), topics)
    shares = rng.dirichlet(np.full(topics, 0.5), documents)
    counts = np.stack([rng.multinomial(DOCUMENT, p) for p in shares @ distributions])
    start = {
        "share_concentration": np.ones((documents, topics)),
        "topic_concentration": rng.gamma(5.0, 1 / 5.0, (topics, words)),
    }
    return Problem({"counts": counts}, start)


def gaussian_process(rng, quick):
    x = np.sort(rng.uniform(-2, 2, 8 if quick else 50))
    return Problem({"x": x, "y": np.sin(3 * x) + 0.2 * rng.normal(size=len(x))})


def stochastic_volatility(rng, quick):
    log_scale = -1 + 0.1 * rng.normal(size=20 if quick else 500).cumsum()
    return Problem({"r": np.exp(log_scale) * rng.standard_t(5, len(log_scale))})


def item_response(rng, quick):
    people, items = (6, 4) if quick else (200, 40)
    logits = rng.normal(size=(people, 1)) - rng.normal(size=items)
    return Problem({"right": rng.random((people, items)) < 1 / (1 + np.exp(-logits))})


def beta_binomial(rng, quick):
    trials = rng.integers(20, 60, 4 if quick else 18)
    return Problem({"trials": trials, "hits": rng.binomial(trials, rng.beta(8, 22, len(trials)))})


def factor_analysis(rng, quick):
    rows, columns, factors = (10, 4, 2) if quick else (500, 20, 3)
    x = rng.normal(size=(rows, factors)) @ rng.normal(size=(factors, columns))
    start = {"loadings": 0.3 * rng.normal(size=(factors, columns))}
    return Problem({"x": x + 0.5 * rng.normal(size=(rows, columns))}, start)


def survival(rng, quick):
    x, log_rate = linear(rng, *((20, 2) if quick else (1000, 5)))
    time = np.exp(0.3 * log_rate) * rng.weibull(1.5, len(x))
    censored = rng.exponential(1.5, len(x))
    return Problem({"x": x, "time": np.minimum(time, censored), "event": time < censored})


def robust_regression(rng, quick):
    x, y = linear(rng, *((250, 3) if quick else (10_000, 10)))
    return Problem({"x": x, "y": y + rng.standard_t(3, len(x))})


def binary_codes(rng, quick):
    rows, pixels, bits = (6, 5, 3) if quick else (200, 16, 6)
    nets = layers(rng, encoder=(pixels, bits), decoder=(bits, pixels))
    logits = 2 * rng.integers(2, size=(rows, bits)) @ rng.normal(size=(bits, pixels)) - 1
    return Problem({"x": rng.random((rows, pixels)) < 1 / (1 + np.exp(-logits))}, nets)


DRAWN: Mapping[str, Callable[..., Problem]] = {
    "VAE 784-400-20": vae,
    "logistic regression, half-Cauchy scale": logistic_regression,
    "eight schools": eight_schools,
    "Gaussian mixture, classes summed out": gaussian_mixture,
    "HMM, states summed out": hidden_markov,
    "partial pooling, full-rank guide": partial_pooling,
    "negative binomial, low-rank guide": negative_binomial,
    "topics, Dirichlet guide": topics,
    "Gaussian process": gaussian_process,
    "stochastic volatility": stochastic_volatility,
    "item response, crossed plates": item_response,
    "beta-binomial, flow guide": beta_binomial,
    "factor analysis, pyro.param": factor_analysis,
    "survival, censored": survival,
    "robust regression, minibatches": robust_regression,
    "binary codes, score function": binary_codes,
}


def draw(name: str, quick: bool = False) -> Problem:
    """Draw the data of a program, always the same; numbers but indices are in single precision."""
    problem = DRAWN[name](np.random.default_rng(0), quick)
    for arrays in (problem.data, problem.start):
        for key, array in arrays.items():
            arrays[key] = array.astype(np.int64 if key == "group" else np.float32)
    return replace(problem, steps=20) if quick else problem
