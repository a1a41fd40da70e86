"""All likelihoods by name, for scripts and tests."""

from __future__ import annotations

from ppgen.likelihoods.bernoulli import Bernoulli, SoftBernoulli
from ppgen.likelihoods.densities import (
    Beta,
    ContinuousBernoulli,
    Gaussian,
    HomoscedasticGaussian,
    LogitNormal,
)
from ppgen.likelihoods.likelihood import Likelihood
from ppgen.likelihoods.masses import Categorical, DiscretizedLogisticMixture


def every_likelihood(levels: int) -> dict[str, Likelihood]:
    """Return each likelihood by its name in scripts, for images with ``levels`` grey levels."""
    return {
        "bernoulli": Bernoulli(),
        "soft_bernoulli": SoftBernoulli(),
        "categorical": Categorical(levels),
        "categorical_8": Categorical(min(8, levels)),
        "logistic_mixture": DiscretizedLogisticMixture(components=5, levels=levels),
        "beta": Beta(),
        "continuous_bernoulli": ContinuousBernoulli(),
        "logit_normal": LogitNormal(),
        "gaussian": Gaussian(),
        "homoscedastic_gaussian": HomoscedasticGaussian(),
    }
