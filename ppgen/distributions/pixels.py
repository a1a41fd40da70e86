"""Distributions of single values, grey or integer, that Pyro lacks or has with other edges.

They are univariate: ``p.to_event(3)`` makes a distribution of images of them.
"""

from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.distributions.transforms import SigmoidTransform
from torch import Tensor
from torch.nn.functional import logsigmoid

from ppgen.distributions.expand import Expandable

SERIES_BELOW = 0.1
"""Absolute value of a logit below which a series replaces formulas that are 0/0 at zero."""


class CrossEntropyBernoulli(dist.Bernoulli):
    """Bernoulli distribution whose log_prob of a value in [0, 1] is the negative cross-entropy."""

    support = constraints.unit_interval


class FloatingCategorical(dist.Categorical):
    """Categorical distribution whose values have the floating-point type of its logits."""

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw whole numbers."""
        return super().sample(sample_shape).to(self.logits.dtype)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all whole numbers, ``(levels, *batch)``."""
        return super().enumerate_support(expand).to(self.logits.dtype)


class OpenBeta(dist.Beta):
    """Beta distribution whose log_prob is finite at 0 and 1 and exact for large concentrations."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density, nats; 0 and 1 are replaced by the nearest numbers inside the interval."""
        if self._validate_args:
            self._validate_sample(value)
        # Large concentrations make large terms that nearly cancel, hence float64.
        a, b = self.concentration1.double(), self.concentration0.double()
        x = inside_unit_interval(value).double()
        log_normalizer = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
        log_prob = (a - 1) * x.log() + (b - 1) * (-x).log1p() - log_normalizer
        return log_prob.to(self.concentration1.dtype)


class TruncatedExponential(Expandable):
    """Continuous Bernoulli with logit η: the density η exp(ηx) / (exp(η) − 1) on [0, 1].

    torch's ContinuousBernoulli clamps its probability away from 0 and 1, so in float32 it does not
    integrate to one for logits beyond ±16. This class is exact for every logit.

    Examples
    --------
    >>> TruncatedExponential(torch.tensor([-10.0, 0.0, 10.0])).mean
    tensor([0.1000, 0.5000, 0.9000])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"logits": constraints.real}
    support = constraints.unit_interval
    batched = ("logits",)

    def __init__(self, logits: Tensor, validate_args: bool | None = None) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=validate_args)

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
        """Draw by inverting the distribution function."""
        with torch.no_grad():
            u = torch.rand_like(self.logits.expand(self._extended_shape(sample_shape)))
            # A smaller logit makes no visible difference, and zero would be 0/0.
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


class DiscretizedLogistic(Expandable):
    """Logistic variable rounded to the nearest of the integers 0 … ``levels`` − 1.

    P(x) = F(x + 1/2) − F(x − 1/2) with the distribution function F of the logistic variable with
    ``loc`` and ``scale``. It counts as 0 below the lowest integer and as 1 above the highest: these
    two also hold the tails.

    Examples
    --------
    >>> p = DiscretizedLogistic(torch.tensor(1.5), torch.tensor(0.7), levels=4)
    >>> p.log_prob(p.enumerate_support()).exp().sum()
    tensor(1.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    has_enumerate_support = True
    shared = ("levels",)
    batched = ("loc", "scale")

    def __init__(
        self, loc: Tensor, scale: Tensor, levels: int, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        self.levels = levels
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        """Integers 0 … ``levels`` − 1."""
        return constraints.integer_interval(0, self.levels - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-mass, nats."""
        if self._validate_args:
            self._validate_sample(value)
        # sigmoid(b) − sigmoid(a) = sigmoid(b) sigmoid(−a) (1 − exp(a − b)) has no cancellation.
        below_upper = logsigmoid((value + 0.5 - self.loc) / self.scale)
        above_lower = logsigmoid((self.loc - value + 0.5) / self.scale)
        width = (-(-1 / self.scale).expm1()).log()
        lowest, highest = value <= 0, value >= self.levels - 1
        return (
            torch.where(highest, 0.0, below_upper)
            + torch.where(lowest, 0.0, above_lower)
            + torch.where(lowest | highest, 0.0, width)
        )

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw a logistic variable and round it."""
        with torch.no_grad():
            u = torch.rand_like(self.loc.expand(self._extended_shape(sample_shape)))
            x = self.loc + self.scale * torch.logit(u, eps=torch.finfo(u.dtype).eps)
            return x.round().clamp(0, self.levels - 1)

    @property
    def mean(self) -> Tensor:
        """Mean: the sum over k ≥ 1 of the probability that the value is at least k."""
        edges = (level + 0.5 for level in range(self.levels - 1))
        return sum(((self.loc - edge) / self.scale).sigmoid() for edge in edges)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all integers, ``(levels, *batch)``."""
        values = torch.arange(self.levels, dtype=self.loc.dtype, device=self.loc.device)
        values = values.view(-1, *[1] * len(self.batch_shape))
        return values.expand(-1, *self.batch_shape) if expand else values


def inside_unit_interval(x: Tensor) -> Tensor:
    """Replace 0 and 1 by the floating-point numbers next to them, inside the interval."""
    numbers = torch.finfo(x.dtype)
    return x.clamp(numbers.tiny * numbers.eps, 1 - numbers.eps / 2)


class OpenSigmoid(SigmoidTransform):
    """The sigmoid, with an inverse that is exact up to the numbers next to 0 and 1."""

    def _inverse(self, y: Tensor) -> Tensor:
        inside = inside_unit_interval(y)
        return inside.log() - (-inside).log1p()
