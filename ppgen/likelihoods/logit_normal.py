"""Logit-normal pixels."""

from __future__ import annotations

from math import exp, pi, sqrt

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from pyro.distributions.transforms import SigmoidTransform
from torch import Tensor

from ppgen.likelihoods.likelihood import Density, at_least_float32, check_positive


class LogitNormal(Density):
    """Pixels whose logit is Gaussian, with mean and log-variance from the network.

    log_prob is a log-density with respect to length on the open unit interval; black begins at 0
    and white ends at 1. It vanishes at both ends. At 0 and 1 themselves, whose logits are
    infinite, it is that of the nearest floating-point number inside.

    Parameters
    ----------
    variance_floor
        Added to every variance of a logit. Without it the density has no upper bound where pixels
        are constant.

    Raises
    ------
    ValueError
        Where the floor is not positive.

    Examples
    --------
    >>> likelihood = LogitNormal()
    >>> p = likelihood.distribution(torch.zeros(5, 2, 1, 8, 8))
    >>> likelihood.mean(p).unique()
    tensor([0.5000])
    """

    outputs = 2

    def __init__(self, variance_floor: float = 1e-6) -> None:
        self.variance_floor = check_positive("variance_floor", variance_floor)

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Logit-normal; of the logit, ``raw`` is the mean and the log-variance above the floor."""
        mean, log_variance = at_least_float32(raw).unbind(-4)
        logit = dist.Normal(mean, (log_variance.exp() + self.variance_floor).sqrt())
        return dist.TransformedDistribution(logit, [SigmoidTransform()]).to_event(3)

    def mean(self, distribution: TorchDistribution) -> Tensor:
        """Integrate numerically: this mean has no closed form."""
        logit = distribution.base_dist.base_dist
        return mean_sigmoid(logit.loc, logit.scale)


def mean_sigmoid(loc: Tensor, scale: Tensor) -> Tensor:
    """E[sigmoid(t)] for t ~ N(``loc``, ``scale``²).

    It is the probability that a logistic variable is below a Gaussian one. The trapezoid rule goes
    over the narrower of the two, for on it the other's distribution function is smooth; its error
    is below 1e-6 then.
    """
    over_gaussian = sum(
        exp(-z * z / 2) / sqrt(2 * pi) * 0.5 * (loc + scale * z).sigmoid()
        for z in (0.5 * step for step in range(-12, 13))
    )
    over_logistic = sum(
        torch.special.ndtr((loc - y) / scale) / (2 + exp(y) + exp(-y)) for y in range(-20, 21)
    )
    # The weights sum to one up to the error.
    return torch.where(scale < 2, over_gaussian, over_logistic).clamp(0, 1)
