"""Likelihoods of pixels, p(x | raw), given the raw outputs of a network."""

from ppgen.likelihoods.bernoulli import Bernoulli, SoftBernoulli, as_likelihood
from ppgen.likelihoods.densities import (
    Beta,
    ContinuousBernoulli,
    Gaussian,
    HomoscedasticGaussian,
    LogitNormal,
)
from ppgen.likelihoods.likelihood import Density, Likelihood, Mass, at_least_float32
from ppgen.likelihoods.masses import Categorical, DiscretizedLogisticMixture

__all__ = [
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
