"""Expectation maximisation: the loop that the fits of all models share.

Dempster, Laird and Rubin 1977, Maximum likelihood from incomplete data via the EM algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ppgen.arguments import check_size

Expected = TypeVar("Expected")


def alternate(
    expectation: Callable[[], tuple[float, Expected]],
    maximisation: Callable[[Expected], None],
    *,
    iterations: int,
    tolerance: float,
    stop: Callable[[list[float]], bool | None] | None = None,
) -> list[float]:
    """Alternate E-steps and M-steps until the objective converges.

    ``expectation`` is the E-step: it returns the objective at the current parameters, and what the
    M-step ``maximisation`` needs to set new ones. The loop ends after the given number of
    iterations, when one gains less than ``tolerance``, or if ``stop``, called with the objectives
    so far after every E-step, returns True. It returns the objective at the start and after each
    iteration.
    """
    check_size("iterations", iterations, least=0)
    values: list[float] = []
    while True:
        value, expected = expectation()
        values.append(value)
        stopped = stop is not None and stop(values)
        converged = len(values) > 1 and values[-1] - values[-2] < tolerance
        if stopped or converged or len(values) > iterations:
            return values
        maximisation(expected)
