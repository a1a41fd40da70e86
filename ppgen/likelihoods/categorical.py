"""Pixels in a number of bins without order."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ppgen.likelihoods.likelihood import Mass, at_least_float32


class Categorical(Mass):
    """Integer pixels 0 … ``levels`` − 1, one logit for each value.

    log_prob is a log-mass over images of so many levels.

    Parameters
    ----------
    levels
        Number of values. Images with more grey levels are binned by ``encode``.

    Raises
    ------
    TypeError
        Where ``levels`` is no whole number.
    ValueError
        Where ``levels`` is below 2.

    Examples
    --------
    >>> likelihood = Categorical(levels=4)
    >>> likelihood.encode(torch.tensor([[[0, 63, 64, 255]]]), levels=256)
    tensor([[[0., 0., 1., 3.]]])
    >>> p = likelihood.distribution(torch.zeros(5, 4, 1, 8, 8))
    >>> likelihood.mean(p).unique()
    tensor([0.5000])
    """

    def __init__(self, levels: int) -> None:
        super().__init__(levels)
        self.outputs = levels

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Categorical over every pixel with the logits ``raw``."""
        return FloatingCategorical(logits=at_least_float32(raw).movedim(-4, -1)).to_event(3)

    def mean(self, distribution: TorchDistribution) -> Tensor:
        """Mean of the bins' midpoints, grey values."""
        probs = distribution.base_dist.probs
        return probs @ self.grey(torch.arange(self.levels).to(probs))


class FloatingCategorical(dist.Categorical):
    """A categorical distribution with values in the floating type of its logits, as of images."""

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw whole numbers."""
        return super().sample(sample_shape).to(self.logits.dtype)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Give all whole numbers, ``(levels, *batch)``."""
        return super().enumerate_support(expand).to(self.logits.dtype)
