"""Gaussian pixels."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.likelihoods.likelihood import Density, at_least_float32, check_positive


class Gaussian(Density):
    """Gaussian pixels on the line, each with its mean and log-variance from the network.

    log_prob is a log-density with respect to length on the scale where black begins at 0 and white
    ends at 1. Part of its mass lies outside, on what is no image.

    Parameters
    ----------
    variance_floor
        Added to every variance. Without it the density has no upper bound: where pixels are
        constant it grows for ever as the variance shrinks. The default is a little below the
        variance 1 / (12 · 256²) within one of 256 levels, so it costs dequantised images nothing.

    Raises
    ------
    ValueError
        Where the floor is not positive.

    Examples
    --------
    >>> likelihood = Gaussian()
    >>> p = likelihood.distribution(torch.zeros(5, 2, 1, 8, 8))  # mean 0, variance 1
    >>> p.log_prob(torch.zeros(1, 8, 8))
    tensor([-58.8121, -58.8121, -58.8121, -58.8121, -58.8121])
    """

    outputs = 2

    def __init__(self, variance_floor: float = 1e-6) -> None:
        self.variance_floor = check_positive("variance_floor", variance_floor)

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Gaussian with ``raw`` as mean, and log of the variance above the floor."""
        return self._normal(*at_least_float32(raw).unbind(-4))

    def grey(self, x: Tensor) -> Tensor:
        """Cut off what is darker than black or lighter than white."""
        return x.clamp(0, 1)

    def _normal(self, mean: Tensor, log_variance: Tensor) -> TorchDistribution:
        return dist.Normal(mean, (log_variance.exp() + self.variance_floor).sqrt()).to_event(3)


class HomoscedasticGaussian(nn.Module, Gaussian):
    """Gaussian pixels with means from the network and one variance, which is a parameter.

    It is a module, so that a model to which it is given trains and saves the variance. Give each
    model one of its own.

    Parameters
    ----------
    variance
        To start from; above the floor.
    variance_floor
        As for :class:`Gaussian`.

    Raises
    ------
    ValueError
        Where the floor is not positive, or the variance not above it.

    Examples
    --------
    >>> likelihood = HomoscedasticGaussian(variance=0.25)
    >>> p = likelihood.distribution(torch.zeros(5, 1, 1, 8, 8))
    >>> p.base_dist.variance.unique()
    tensor([0.2500], grad_fn=<Unique2Backward0>)
    """

    outputs = 1

    def __init__(self, variance: float = 0.1, variance_floor: float = 1e-6) -> None:
        nn.Module.__init__(self)
        Gaussian.__init__(self, variance_floor)
        if not variance > variance_floor:
            raise ValueError(
                f"variance is {variance}; expected more than the variance_floor {variance_floor}"
            )
        self.log_variance = nn.Parameter(torch.tensor(variance - variance_floor).log())

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Gaussian with ``raw`` as mean."""
        return self._normal(at_least_float32(raw).squeeze(-4), at_least_float32(self.log_variance))

    def extra_repr(self) -> str:
        """Give the arguments, for ``repr``."""
        return f"variance_floor={self.variance_floor}"
