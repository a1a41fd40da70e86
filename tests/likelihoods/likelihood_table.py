"""All likelihoods, with the data of their tests; a new one is one more line in `LIKELIHOODS`."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch.distributions import Normal

from ppgen.likelihoods import (
    Bernoulli,
    Beta,
    Categorical,
    ContinuousBernoulli,
    Density,
    DiscretizedLogisticMixture,
    Gaussian,
    HomoscedasticGaussian,
    Likelihood,
    LogitNormal,
    Mass,
    SoftBernoulli,
)

# Chance that a statistical test fails on correct code, if its seed were not fixed.
FAILURE_RATE = 1e-4


@dataclass
class Case:
    """A likelihood and the data of its tests.

    `raw` turns standard normal numbers into moderate raw outputs, `grid` gives points of the
    support and their weights, with which a function is summed or integrated over it.
    """

    likelihood: Likelihood
    grid: Callable
    raw: Callable = lambda noise: 2 * noise
    levels: tuple = (2, 17, 256)
    outside: float = 1.5

    def make_raw(self, *batch, image=(1, 3, 3)):
        return self.raw(torch.randn(*batch, self.likelihood.outputs, *image))

    def pixel(self, raw):
        """Distribution of one pixel, batch shape ``(1, 1, 1)``, from a vector of raw outputs."""
        return self.likelihood.distribution(raw.view(-1, 1, 1, 1)).base_dist


def integers(levels):
    return lambda: (torch.arange(levels).double(), torch.ones(levels).double())


def unit_interval():
    """The trapezoid rule on the scale of logits, where densities are smooth at both ends."""
    t = torch.linspace(-36, 36, 20_001, dtype=torch.float64)
    return t.sigmoid(), t.sigmoid() * (-t).sigmoid() * (t[1] - t[0])


def line():
    x = torch.linspace(-10, 11, 20_001, dtype=torch.float64)
    return x, (x[1] - x[0]).expand(len(x))


def narrow(noise):
    """Means around one half, with scales so small that hardly any mass is outside [0, 1]."""
    return torch.cat([0.5 + 0.05 * noise[..., :1, :, :, :], 0.5 * noise[..., 1:, :, :, :] - 6], -4)


LIKELIHOODS = {
    "Bernoulli": Case(Bernoulli(), integers(2)),
    "SoftBernoulli": Case(SoftBernoulli(), integers(2)),
    "Gaussian": Case(Gaussian(), line, narrow, outside=math.nan),
    "HomoscedasticGaussian": Case(HomoscedasticGaussian(0.003), line, narrow, outside=math.nan),
    "Beta": Case(Beta(), unit_interval, lambda noise: noise.abs()),
    "ContinuousBernoulli": Case(ContinuousBernoulli(), unit_interval, lambda noise: 4 * noise),
    "LogitNormal": Case(LogitNormal(), unit_interval, lambda noise: noise),
    "Categorical of 2": Case(Categorical(2), integers(2)),
    "Categorical of 7": Case(Categorical(7), integers(7), levels=(7, 17, 256), outside=7),
    "DiscretizedLogisticMixture of 2 levels": Case(
        DiscretizedLogisticMixture(1, 2), integers(2), lambda noise: noise, outside=0.5
    ),
    "DiscretizedLogisticMixture of 256 levels": Case(
        DiscretizedLogisticMixture(3), integers(256), lambda noise: noise, (256,), -1
    ),
}

every = pytest.mark.parametrize("case", LIKELIHOODS.values(), ids=LIKELIHOODS)


def those(condition):
    chosen = {name: case for name, case in LIKELIHOODS.items() if condition(case)}
    return pytest.mark.parametrize("case", chosen.values(), ids=chosen)


binary = those(lambda case: len(case.grid()[0]) == 2)
masses = those(lambda case: isinstance(case.likelihood, Mass))
masses_on_more_than_two = those(
    lambda case: isinstance(case.likelihood, Mass) and case.likelihood.levels > 2
)
bernoullis = those(lambda case: isinstance(case.likelihood, Bernoulli))
densities = those(lambda case: isinstance(case.likelihood, Density))
image_shapes = pytest.mark.parametrize("image", [(1, 3, 3), (3, 2, 4)], ids=["grey", "colour"])


every_levels = pytest.mark.parametrize(
    ("case", "levels"),
    [
        pytest.param(case, levels, id=f"{name}-{levels}")
        for name, case in LIKELIHOODS.items()
        for levels in case.levels
    ],
)


def grey_images(levels, image=(1, 3, 3), n=500):
    """Random integer grey levels; the first image is black and the second white."""
    images = torch.randint(0, levels, (n, *image), dtype=torch.uint8)
    images[0], images[1] = 0, levels - 1
    return images


def z_bound(tests):
    """Bound of the largest of several standard normal statistics, by Bonferroni's correction."""
    return Normal(0.0, 1.0).icdf(torch.tensor(1 - FAILURE_RATE / (2 * tests), dtype=torch.double))
