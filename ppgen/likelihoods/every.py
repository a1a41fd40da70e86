"""All likelihoods by name, for scripts and tests that go through them."""

from __future__ import annotations

from ppgen.likelihoods.bernoulli import Bernoulli, SoftBernoulli
from ppgen.likelihoods.beta import Beta
from ppgen.likelihoods.categorical import Categorical
from ppgen.likelihoods.continuous_bernoulli import ContinuousBernoulli
from ppgen.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from ppgen.likelihoods.gaussian import Gaussian, HomoscedasticGaussian
from ppgen.likelihoods.likelihood import Likelihood
from ppgen.likelihoods.logit_normal import LogitNormal


def every_likelihood(levels: int) -> dict[str, Likelihood]:
    """Give each likelihood by the name that scripts have for it, for images of so many levels."""
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
