"""The exponential distribution, the smallest model with an exact answer."""

import math
from typing import Any, Self

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ppgen.arguments import Positive, Size, checked
from ppgen.program import Program


@checked
class Exponential(Program):
    """x ~ Exponential(rate λ), independent observations of shape ``(batch,)``.

    log p(x) = n log λ − λ Σ x. Its derivative n / λ − Σ x is 0 at the maximum likelihood
    λ = n / Σ x (:meth:`from_data`). The Fisher information is n / λ², the standard error λ / √n.

    The parameter ``log_rate``, log λ, ``()``, leaves λ positive after every optimiser step.

    Examples
    --------
    >>> Exponential(2.0).model(n=3).shape
    torch.Size([3])
    """

    def __init__(self, rate: Positive = 1.0) -> None:
        super().__init__()
        self.log_rate = nn.Parameter(torch.tensor(math.log(rate)))

    @property
    def rate(self) -> Tensor:
        """λ, ``()``."""
        return self.log_rate.exp()

    def model(self, x: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw ``n`` values at site ``"x"``, or observe ``x``, ``(batch,)``."""
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", dist.Exponential(self.rate), obs=x)

    @classmethod
    @checked
    def from_data(cls, x: Tensor) -> Self:
        """Fit by maximum likelihood in closed form, λ = n / Σ x, in the data's floating type.

        Raises a ValueError if ``x`` is empty, not ``(batch,)``, negative or not finite, or if it is
        all zero, so that the likelihood has no maximum.

        Examples
        --------
        >>> Exponential.from_data(torch.tensor([1.0, 2.0, 3.0, 2.0])).rate.item()
        0.5
        """
        if x.dim() != 1 or not len(x):
            raise ValueError(f"x has the shape {tuple(x.shape)}; expected (batch,), one or more")
        wrong = x[~(x.isfinite() & (x >= 0))]
        if len(wrong):
            raise ValueError(f"x holds {wrong[0].item():g}; expected finite numbers of 0 or more")
        if not x.any():
            raise ValueError(
                "x is all zero, and the likelihood then rises with the rate to infinity; expected "
                "a positive number among them"
            )
        x = x if x.is_floating_point() else x.to(torch.get_default_dtype())
        fitted = cls().to(x)
        with torch.no_grad():
            fitted.log_rate.copy_(len(x) / x.sum()).log_()
        return fitted

    @checked
    def standard_error(self, n: Size) -> Tensor:
        """Return the standard error λ / √n of a rate fitted to ``n`` values."""
        return self.rate / math.sqrt(n)
