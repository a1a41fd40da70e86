"""Expectation maximisation: what the fits of all models share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Expected = TypeVar("Expected")


def alternate(
    expectation: Callable[[], tuple[float, Expected]],
    maximisation: Callable[[Expected], None],
    *,
    iterations: int,
    tolerance: float,
    stop: Callable[[list[float]], bool | None] | None = None,
) -> list[float]:
    """Alternate between the two steps until the objective has converged.

    Dempster, Laird and Rubin 1977, Maximum likelihood from incomplete data via the EM algorithm.

    Parameters
    ----------
    expectation
        E-step: gives the objective under the present parameters and what the M-step needs.
    maximisation
        M-step: sets the parameters.
    iterations
        At most so many.
    tolerance
        The fit ends where an iteration gains less.
    stop
        Called with the values so far after every E-step; the fit ends where it returns True.

    Returns
    -------
    list of float
        The objective at the start and after each iteration.

    Raises
    ------
    ValueError
        Where ``iterations`` is below 0.
    """
    if iterations < 0:
        raise ValueError(f"iterations is {iterations}; expected 0 or more")
    values: list[float] = []
    while True:
        value, expected = expectation()
        values.append(value)
        stopped = stop is not None and stop(values)
        converged = len(values) > 1 and values[-1] - values[-2] < tolerance
        if stopped or converged or len(values) > iterations:
            return values
        maximisation(expected)
