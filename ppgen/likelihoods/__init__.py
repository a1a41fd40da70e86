"""The likelihood of pixels, p(x | raw), given a network's raw outputs: one small class each."""

from ppgen.likelihoods.bernoulli import Bernoulli, SoftBernoulli, as_likelihood
from ppgen.likelihoods.beta import Beta
from ppgen.likelihoods.categorical import Categorical
from ppgen.likelihoods.continuous_bernoulli import ContinuousBernoulli
from ppgen.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from ppgen.likelihoods.gaussian import Gaussian, HomoscedasticGaussian
from ppgen.likelihoods.likelihood import Density, Likelihood, Mass, at_least_float32
from ppgen.likelihoods.logit_normal import LogitNormal

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
