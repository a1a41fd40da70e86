"""Expectation maximisation: the loop that the fits of all models share.

Dempster, Laird and Rubin 1977, Maximum likelihood from incomplete data via the EM algorithm.
"""

from collections.abc import Callable
from typing import TypeVar

Expected = TypeVar("Expected")
Fitted = TypeVar("Fitted")


def alternate(
    program: Fitted,
    expectation: Callable[[], tuple[float, Expected]],
    maximisation: Callable[[Expected], None],
    iterations: int,
    tolerance: float,
    callback: Callable[[Fitted, list[float]], bool | None] | None,
) -> list[float]:
    """Alternate E-steps and M-steps until the objective converges, and return its values.

    ``expectation`` is the E-step: it returns the objective at the current parameters, and what the
    M-step ``maximisation`` needs to set new ones. The other arguments are those of
    :meth:`ppgen.models.BernoulliMixture.fit_em`.
    """
    values: list[float] = []
    while True:
        value, expected = expectation()
        values.append(value)
        stopped = callback is not None and callback(program, values)
        converged = len(values) > 1 and values[-1] - values[-2] < tolerance
        if stopped or converged or len(values) > iterations:
            return values
        maximisation(expected)
