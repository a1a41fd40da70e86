"""Pixels with many levels in their order."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor
from torch.nn.functional import logsigmoid

from ppgen.arguments import check_kind
from ppgen.likelihoods.expand import expanded
from ppgen.likelihoods.likelihood import Mass, at_least_float32

NARROWEST = 0.02
"""Smallest scale, in levels: one level has all but 1e-10 of its mass, and gradients are finite."""


class DiscretizedLogisticMixture(Mass):
    """Integer pixels 0 … ``levels`` − 1: a mixture of logistic variables, rounded.

    log_prob is a log-mass over images of so many levels (Salimans et al. 2017, PixelCNN++, equation
    2). Each channel has a mixture of its own; the paper's linear coupling of the channels is left
    to autoregressive networks, which draw them in turn.

    Parameters
    ----------
    components
        Logistic variables that are mixed. Each takes three raw outputs: the logit of its weight,
        its mean on a scale where black is −1 and white is 1, and the logarithm of its scale there.
    levels
        Number of values. Images with more grey levels are binned by ``encode``.

    Raises
    ------
    TypeError
        Where an argument is no whole number.
    ValueError
        Where there is no component, or ``levels`` is below 2.

    Examples
    --------
    >>> likelihood = DiscretizedLogisticMixture(components=5)
    >>> p = likelihood.distribution(torch.zeros(2, 15, 1, 8, 8))
    >>> p.log_prob(likelihood.encode(torch.full((2, 1, 8, 8), 128), levels=256))
    tensor([-399.2631, -399.2631])
    """

    def __init__(self, components: int, levels: int = 256) -> None:
        check_kind("components", components, Integral, "a whole number")
        if components < 1:
            raise ValueError(f"components is {components}; expected 1 or more")
        super().__init__(levels)
        self.components = components
        self.outputs = 3 * components

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Mixture over every pixel; ``raw`` has all weights first, then the means, then scales."""
        raw = at_least_float32(raw).unflatten(-4, (3, self.components)).movedim(-4, -1)
        logits, mean, log_scale = raw.unbind(-5)
        unit = self.levels / 2
        loc, scale = unit * (1 + mean) - 0.5, unit * log_scale.exp() + NARROWEST
        return dist.MixtureSameFamily(
            dist.Categorical(logits=logits), DiscretizedLogistic(loc, scale, self.levels)
        ).to_event(3)


class DiscretizedLogistic(TorchDistribution):
    """A logistic variable rounded to the nearest of the integers 0 … ``levels`` − 1.

    P(x) = F(x + 1/2) − F(x − 1/2), where F is the distribution function, taken as 0 below the
    lowest and as 1 above the highest integer: these two have what lies beyond them.

    Parameters
    ----------
    loc, scale
        Of the logistic variable, ``(*batch)``.
    levels
        Number of integers.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    has_enumerate_support = True

    def __init__(
        self, loc: Tensor, scale: Tensor, levels: int, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        self.levels = levels
        super().__init__(self.loc.shape, validate_args=validate_args)

    def expand(
        self, batch_shape: torch.Size, _instance: DiscretizedLogistic | None = None
    ) -> DiscretizedLogistic:
        """Give the same distribution with a larger batch shape."""
        new = expanded(DiscretizedLogistic, self, batch_shape, _instance)
        new.loc, new.scale = (t.expand(new.batch_shape) for t in (self.loc, self.scale))
        new.levels = self.levels
        return new

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        """Integers 0 … ``levels`` − 1."""
        return constraints.integer_interval(0, self.levels - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-mass, nats."""
        if self._validate_args:
            self._validate_sample(value)
        # sigmoid(b) − sigmoid(a) = sigmoid(b) sigmoid(−a) (1 − exp(a − b)), where nothing cancels
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
        """Draw and round."""
        with torch.no_grad():
            u = torch.rand_like(self.loc.expand(self._extended_shape(sample_shape)))
            x = self.loc + self.scale * torch.logit(u, eps=torch.finfo(u.dtype).eps)
            return x.round().clamp(0, self.levels - 1)

    @property
    def mean(self) -> Tensor:
        """Sum of the probabilities that the value is 1 or more, 2 or more, and so on."""
        edges = (level + 0.5 for level in range(self.levels - 1))
        return sum(((self.loc - edge) / self.scale).sigmoid() for edge in edges)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Give all integers, ``(levels, *batch)``."""
        values = torch.arange(self.levels, dtype=self.loc.dtype, device=self.loc.device)
        values = values.view(-1, *[1] * len(self.batch_shape))
        return values.expand(-1, *self.batch_shape) if expand else values
