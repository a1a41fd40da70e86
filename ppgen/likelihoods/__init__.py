"""Likelihoods of pixels, p(x | raw), given the raw outputs of a network."""

from ppgen.likelihoods.densities import (
    Beta,
    ContinuousBernoulli,
    Density,
    Gaussian,
    HomoscedasticGaussian,
    LogitNormal,
)
from ppgen.likelihoods.likelihood import (
    AnyLikelihood,
    Bernoulli,
    Likelihood,
    SoftBernoulli,
    as_likelihood,
    at_least_float32,
)
from ppgen.likelihoods.masses import Categorical, DiscretizedLogisticMixture, Mass

__all__ = [
    "AnyLikelihood",
    "Bernoulli",
    "Beta",
    "Categorical",
    "ContinuousBernoulli",
    "Density",
    "DiscretizedLogisticMixture",
    "Gaussian",
    "HomoscedasticGaussian",
    "Likelihood",
    "LogitNormal",
    "Mass",
    "SoftBernoulli",
    "as_likelihood",
    "at_least_float32",
]
