"""Continuous Bernoulli pixels."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor

from ppgen.likelihoods.expand import expanded
from ppgen.likelihoods.likelihood import Density, at_least_float32

SERIES_BELOW = 0.1
"""Size of a logit below which series replace formulas that are 0/0 at zero."""


class ContinuousBernoulli(Density):
    """Pixels on the closed unit interval with a density that is exponential in x, one logit each.

    The cross-entropy objective made a density: p(x) ∝ p^x (1 − p)^(1 − x), divided by its integral
    (Loaiza-Ganem and Cunningham 2019, The continuous Bernoulli). log_prob is a log-density
    with respect to length; black begins at 0 and white ends at 1.

    Examples
    --------
    >>> likelihood = ContinuousBernoulli()
    >>> likelihood.distribution(torch.zeros(2, 1, 1, 8, 8)).log_prob(torch.rand(1, 8, 8))
    tensor([0., 0.])
    """

    outputs = 1

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Continuous Bernoulli over every pixel with the logit ``raw``."""
        return TruncatedExponential(at_least_float32(raw).squeeze(-4)).to_event(3)


class TruncatedExponential(TorchDistribution):
    """The density η exp(ηx) / (exp(η) − 1) on [0, 1]: the continuous Bernoulli of the logit η.

    torch's ContinuousBernoulli keeps its probability away from 0 and 1 by the rounding error of
    its type; in float32 it does not integrate to one for logits beyond 16. This one does, for any
    logit.

    Parameters
    ----------
    logits
        η, ``(*batch)``.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"logits": constraints.real}
    support = constraints.unit_interval

    def __init__(self, logits: Tensor, validate_args: bool | None = None) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=validate_args)

    def expand(
        self, batch_shape: torch.Size, _instance: TruncatedExponential | None = None
    ) -> TruncatedExponential:
        """Give the same distribution with a larger batch shape."""
        new = expanded(TruncatedExponential, self, batch_shape, _instance)
        new.logits = self.logits.expand(new.batch_shape)
        return new

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density, nats."""
        if self._validate_args:
            self._validate_sample(value)
        # log((exp(η) − 1) / η) = η / 2 + an even function of η
        size, small = self.logits.abs(), self.logits.abs() < SERIES_BELOW
        safe = torch.where(small, 1.0, size)
        even = safe / 2 + (-(-safe).expm1() / safe).log()
        square = self.logits**2
        series = square * (1 / 24 - square * (1 / 2880 - square / 181440))
        return self.logits * (value - 0.5) - torch.where(small, series, even)

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw by the inverse of the distribution function."""
        with torch.no_grad():
            u = torch.rand_like(self.logits.expand(self._extended_shape(sample_shape)))
            # No difference from smaller ones can be seen, and zero would give 0/0.
            size = self.logits.abs().clamp(min=torch.finfo(u.dtype).eps)
            x = -(u * (-size).expm1()).log1p() / size
            return torch.where(self.logits > 0, 1 - x, x)

    @property
    def mean(self) -> Tensor:
        """1 / (1 − exp(−η)) − 1 / η."""
        small = self.logits.abs() < SERIES_BELOW
        safe = torch.where(small, 1.0, self.logits)
        square = self.logits**2
        series = 0.5 + self.logits * (1 / 12 - square * (1 / 720 - square / 30240))
        return torch.where(small, series, -1 / (-safe).expm1() - 1 / safe)
