"""Beta pixels."""

from __future__ import annotations

from math import log

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ppgen.likelihoods.grey_levels import inside_unit_interval
from ppgen.likelihoods.likelihood import Density, at_least_float32, check_positive

LINEAR_FROM = 1000.0
"""Concentration from which it grows linearly with the raw output, no more exponentially."""


class Beta(Density):
    """Beta pixels on the open unit interval, two concentrations each.

    log_prob is a log-density with respect to length; black begins at 0 and white ends at 1. At 0
    and 1 themselves, where densities of this family are zero or infinite, it is that of the
    nearest floating-point number inside.

    Parameters
    ----------
    floor
        Added to every concentration. The density is infinite at an end where the concentration is
        below one, and grows the steeper the lower that is; below 0.1, more than 1e-4 of the mass
        would lie closer to zero than float32 can tell.

    Raises
    ------
    ValueError
        Where the floor is not positive.

    Examples
    --------
    >>> likelihood = Beta()
    >>> p = likelihood.distribution(torch.zeros(5, 2, 1, 8, 8))
    >>> likelihood.mean(p).unique()
    tensor([0.5000])
    """

    outputs = 2

    def __init__(self, floor: float = 0.1) -> None:
        self.floor = check_positive("floor", floor)

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Beta with the concentrations exp(``raw``) + floor, of white first, then of black."""
        white, black = (self.floor + _exp(at_least_float32(raw))).unbind(-4)
        return OpenBeta(white, black).to_event(3)


class OpenBeta(dist.Beta):
    """A Beta distribution with a log_prob that is finite at 0 and 1, and exact throughout."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; 0 and 1 count as the nearest numbers inside."""
        if self._validate_args:
            self._validate_sample(value)
        # In float64, for large concentrations make large terms that nearly cancel.
        a, b = self.concentration1.double(), self.concentration0.double()
        x = inside_unit_interval(value).double()
        log_normalizer = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
        log_prob = (a - 1) * x.log() + (b - 1) * (-x).log1p() - log_normalizer
        return log_prob.to(self.concentration1.dtype)


def _exp(raw: Tensor) -> Tensor:
    # Continued by its tangent, for neither the value nor the gradient must overflow or vanish.
    bend = log(LINEAR_FROM)
    return raw.clamp(max=bend).exp() * (1 + (raw - bend).clamp(min=0))
