"""Newton's method for the maximum of a smooth function of few parameters."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ppgen.arguments import Count, NotNegative, checked

HALVINGS = 60
"""Of a step, before the search is given up."""

SLOW = 5
"""Steps of slow convergence, with gains no more than rounding, before the search is given up."""


class NoMaximumError(ArithmeticError):
    """A function rises without end, or is flat at its top: no single point is the highest.

    Attributes
    ----------
    point
        Where the search ended, ``(parameters,)``.
    direction
        Unit vector along which the function is flat, or rises still; None if none was found.

    Examples
    --------
    >>> maximise(lambda x: x.sum(), torch.zeros(2))  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ppgen.inference.newton.NoMaximumError: …
    """

    def __init__(self, message: str, point: Tensor, direction: Tensor | None = None) -> None:
        super().__init__(message)
        self.point, self.direction = point, direction


@dataclass(frozen=True)
class Maximum:
    """The highest point of a function.

    Attributes
    ----------
    point
        ``(parameters,)``.
    value, gradient_norm
        Of the function there; the norm is Euclidean.
    hessian
        ``(parameters, parameters)``, negative definite.
    path
        Value of the function at the start and after each iteration.

    Examples
    --------
    >>> maximum = maximise(lambda x: -(x - 3).square().sum(), torch.zeros(2, dtype=torch.float64))
    >>> maximum.point
    tensor([3., 3.], dtype=torch.float64)
    """

    point: Tensor
    value: float
    gradient_norm: float
    hessian: Tensor
    path: list[float]

    @property
    def iterations(self) -> int:
        """Number of steps taken."""
        return len(self.path) - 1


@checked
def maximise(
    function: Callable[..., Tensor],
    start: Tensor,
    batches: Iterable[tuple[Any, ...]] = ((),),
    *,
    tolerance: NotNegative = 1e-8,
    max_iterations: Count = 50,
) -> Maximum:
    """Maximise a function by Newton's method, with steps halved until they lead upwards.

    Derivatives are torch's. Curvatures count by their absolute values, so that steps lead upwards
    also if the function is not concave (Nocedal and Wright 2006, Numerical optimization,
    section 3.4). The search ends when the gradient's norm is at most ``tolerance`` and the
    convergence is that of a regular maximum, faster than linear; or if rounding hides what could
    still be gained, as it does early in float32.

    Parameters
    ----------
    function
        From ``(parameters,)``, and the tensors of a batch if there are some, to a number. It
        is differentiated by ``torch.func``.
    start
        Where to begin.
    batches
        Further arguments for each part of the data, over which the function is summed. They are
        gone through again at each step.
    tolerance, max_iterations
        Largest norm of the gradient at the maximum; steps after which the search is given up.

    Raises
    ------
    NoMaximumError
        If the function has no highest point, or many that are equally high.
    ValueError
        If it is not finite at the start.

    Examples
    --------
    >>> found = maximise(lambda x: (x.log() - 2 * x).sum(), torch.ones(3, dtype=torch.float64))
    >>> found.point
    tensor([0.5000, 0.5000, 0.5000], dtype=torch.float64)
    """
    here = _Place(function, start.detach(), batches)
    if not math.isfinite(here.value):
        raise ValueError(f"the function is {here.value} at the start; expected a finite number")
    path = [here.value]
    norm, fast, slow = math.inf, here.rounded, 0
    while not (fast and (here.norm <= tolerance or (here.rounded and here.norm > norm / 2))):
        if len(path) > max_iterations or slow > SLOW:
            if here.norm > tolerance and not here.rounded:
                raise NoMaximumError(
                    f"the gradient's norm is still {here.norm:.3g} after {len(path) - 1} "
                    f"iterations, expected {tolerance:g} or less; if they are too few, raise "
                    f"max_iterations, {max_iterations}",
                    here.point,
                )
            raise NoMaximumError(
                f"after {len(path) - 1} iterations the function still rises, ever more slowly: its "
                "maximum lies at infinity",
                here.point,
                here.step / here.step.norm(),
            )
        norm, gain = here.norm, here.gain
        here = here.climb()
        path.append(here.value)
        # Gains that fall by a constant factor, and no faster, belong to a maximum at infinity.
        fast = here.gain <= 0.1 * gain or (fast and here.rounded)
        slow = slow + 1 if here.rounded and not fast else 0
    if here.open is not None:
        raise NoMaximumError(
            "the function is flat, or rises again, where its gradient vanishes",
            here.point,
            here.open,
        )
    return Maximum(here.point, here.value, here.norm, here.hessian, path)


class _Place:
    """A point, the function's derivatives there, and Newton's step from it."""

    def __init__(
        self,
        function: Callable[..., Tensor],
        point: Tensor,
        batches: Iterable[tuple[Any, ...]],
        scale: float = 0.0,
    ) -> None:
        self.function, self.point, self.batches = function, point, batches
        value, self.gradient, self.hessian = self._derivatives()
        self.value = float(value)
        self.scale = max(scale, abs(self.value))  # largest size so far
        self.norm = float(self.gradient.norm())
        if not (self.gradient.isfinite().all() and self.hessian.isfinite().all()):
            raise NoMaximumError("the derivatives are not finite", point)
        # In units in which every parameter has curvature 1, the scale of data plays no part.
        diagonal = self.hessian.diagonal().abs()
        units = torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
        curvature, axes = torch.linalg.eigh(units[:, None] * self.hessian * units)
        limit = 100 * len(point) * torch.finfo(point.dtype).eps
        along = axes.mT @ (units * self.gradient)
        self.step = units * (axes @ (along / curvature.abs().clamp(min=limit)))
        self.gain = float(self.gradient @ self.step)  # twice what the quadratic model promises
        least = units * axes[:, -1]  # bends down least, if at all
        self.open = least / least.norm() if curvature[-1] >= -limit else None
        # Differences of values that may be nothing but rounding, and whether they hide a step's.
        self.noise = 100 * torch.finfo(point.dtype).eps * self.scale
        self.rounded = self.gain <= self.noise

    def _derivatives(self) -> tuple[Tensor, Tensor, Tensor]:
        """Compute value, gradient and Hessian."""

        def gradient(point: Tensor, *batch: Any) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            slope, value = torch.func.grad_and_value(self.function)(point, *batch)
            return slope, (value, slope)

        # Backward twice: torch's forward mode lacks some of what Pyro's distributions need.
        second = torch.func.jacrev(gradient, has_aux=True)
        found = (second(self.point, *batch) for batch in self.batches)
        parts = ((*first, hessian) for hessian, first in found)
        value, slope, hessian = (sum(part) for part in zip(*parts, strict=True))
        return value.detach(), slope.detach(), hessian.detach()

    def climb(self) -> "_Place":
        """Go Newton's step, or the first of its halves that raises the function (Armijo's rule)."""
        for halving in range(HALVINGS):
            share = 0.5**halving
            point = self.point + share * self.step
            if self.rounded:
                break
            with torch.no_grad():
                value = sum(float(self.function(point, *batch)) for batch in self.batches)
            if value >= self.value + 1e-4 * share * self.gain - self.noise:
                break
        else:
            raise NoMaximumError("the function does not rise along its gradient", self.point)
        return _Place(self.function, point, self.batches, self.scale)
