"""Likelihoods of binary pixels, and of grey pixels as probabilities of white."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ppgen.arguments import check_kind
from ppgen.distributions.pixels import CrossEntropyBernoulli
from ppgen.likelihoods.likelihood import Likelihood, at_least_float32, check_grey_levels


class Bernoulli(Likelihood):
    """Binary pixels, one logit each; its log_prob is a log-mass over binary images.

    Examples
    --------
    >>> raw = torch.zeros(2, 1, 1, 8, 8)
    >>> Bernoulli().distribution(raw).log_prob(torch.ones(2, 1, 8, 8))  # −64 log 2 nats
    tensor([-44.3614, -44.3614])
    """

    outputs = 1
    symbols: int | None = 2

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return Bernoulli pixels with the logits ``raw``."""
        return dist.Bernoulli(logits=at_least_float32(raw).squeeze(-4)).to_event(3)

    def encode(self, images: Tensor, levels: int) -> Tensor:
        """Draw each pixel white with its grey value as the probability, at each call again.

        Salakhutdinov and Murray 2008 binarise once; drawing for every batch is called dynamic
        binarisation. Binary images are returned as they are.
        """
        grey = _grey_values(images, levels)
        return grey if levels == 2 else torch.bernoulli(grey)

    def log_volume(self, images: Tensor, levels: int) -> Tensor:
        """Zeros for binary images; raises ValueError for others, which have no bound."""
        check_grey_levels(images, levels)
        if levels > 2:
            raise ValueError(
                f"levels is {levels}; expected 2, for {self} has probabilities of binary images "
                "only: its log_prob of grey images cannot be compared in bits per pixel"
            )
        return torch.zeros(images.shape, device=images.device)

    def draw(self, raw: Tensor) -> Tensor:
        """Draw one pixel from each logit, without the cost of a distribution."""
        return torch.bernoulli(at_least_float32(raw).squeeze(-1).sigmoid())


class SoftBernoulli(Bernoulli):
    """The cross-entropy objective: grey values are targets for the probabilities of white.

    log_prob of a grey image x is Σ x log p + (1 − x) log(1 − p), a negative cross-entropy: the
    mean log_prob of binary images drawn with x as their probabilities. It is a log-mass over
    binary images. Over grey images it does not integrate to one, so ``bits_per_pixel`` raises
    ValueError for them. Samples are binary.

    Examples
    --------
    >>> raw = torch.zeros(2, 1, 1, 8, 8)
    >>> SoftBernoulli().distribution(raw).log_prob(torch.full((2, 1, 8, 8), 0.3))
    tensor([-44.3614, -44.3614])
    """

    symbols = None

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return Bernoulli pixels whose log_prob also accepts grey values."""
        return CrossEntropyBernoulli(logits=at_least_float32(raw).squeeze(-4)).to_event(3)

    def encode(self, images: Tensor, levels: int) -> Tensor:
        """Return the grey values g / (``levels`` − 1), from 0 to 1."""
        return _grey_values(images, levels)


def _grey_values(images: Tensor, levels: int) -> Tensor:
    check_grey_levels(images, levels)
    return images.to(torch.get_default_dtype()) / (levels - 1)


def as_likelihood(likelihood: Likelihood | None) -> Likelihood:
    """Return the likelihood, or :class:`Bernoulli` for None; raises TypeError for anything else."""
    if likelihood is None:
        return Bernoulli()
    expected = "an instance of a likelihood, such as ppgen.likelihoods.Bernoulli()"
    check_kind("likelihood", likelihood, Likelihood, expected)
    return likelihood
