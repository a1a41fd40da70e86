"""The likelihood of pixels, p(x | raw), given a network's raw outputs.

A new likelihood is one subclass of :class:`Likelihood` that says three things: how many raw
outputs a pixel needs, which distribution they parametrise, and how grey levels become values in
its support.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor


class Likelihood(ABC):
    """p(x | raw), independent over the pixels of an image given the network's raw outputs.

    Raw outputs have the shape ``(*batch, outputs, channel, height, width)``, images and
    distributions the event shape ``(channel, height, width)``.
    """

    outputs: int
    """Raw outputs that the network gives for each pixel."""

    @abstractmethod
    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Distribution of the image, batch shape ``batch``."""

    @abstractmethod
    def encode(self, images: Tensor, levels: int) -> Tensor:
        """Turn integer grey levels 0 … ``levels`` − 1 into values in the support."""

    def mean(self, distribution: TorchDistribution) -> Tensor:
        """Give the mean of one of its distributions as an image, grey values from 0 to 1."""
        return distribution.mean


class Bernoulli(Likelihood):
    """Binary pixels, one logit each; its log_prob is a log-mass over binary images.

    Examples
    --------
    >>> raw = torch.zeros(2, 1, 1, 8, 8)
    >>> Bernoulli().distribution(raw).log_prob(torch.ones(2, 1, 8, 8))  # −64 log 2 nats
    tensor([-44.3614, -44.3614])
    """

    outputs = 1

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Bernoulli over every pixel with the logit ``raw``."""
        return dist.Bernoulli(logits=at_least_float32(raw).squeeze(-4)).to_event(3)

    def encode(self, images: Tensor, levels: int) -> Tensor:
        """Draw each pixel white with its grey value as the probability.

        Draws are fresh at every call (Salakhutdinov and Murray 2008 binarise once; drawing again
        for every batch is called dynamic binarisation). Binary images stay as they are.
        """
        if levels == 2:
            return images.to(torch.get_default_dtype())
        return torch.bernoulli(images.to(torch.get_default_dtype()) / (levels - 1))


def at_least_float32(raw: Tensor) -> Tensor:
    """Raise half-precision raw outputs to float32: log-probabilities lose too much in bfloat16."""
    return raw.float() if torch.finfo(raw.dtype).bits < 32 else raw
