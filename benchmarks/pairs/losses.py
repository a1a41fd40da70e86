"""Comparison of losses that fits reached, by several seeds each."""

import numpy as np
from scipy import stats

ROUNDING = 1e-4
"""Relative error of a loss besides chance: sums of single precision, in another order."""

POINTS = 100
"""Points of a curve, each a mean over some steps."""


def reached(losses) -> tuple[float, float]:
    """Return the mean loss over the last tenth of the steps, and its standard error.

    ``losses`` are of ``(seeds, steps)``. Fits by different seeds are independent, so the standard
    error is that of their means, besides rounding.
    """
    last = np.asarray(losses)[:, -max(1, len(losses[0]) // 10) :].mean(1)
    chance = last.std(ddof=1) / len(last) ** 0.5
    return float(last.mean()), float(np.hypot(chance, ROUNDING * last.mean()))


def agreement(ours, theirs) -> dict[str, float]:
    """Compare the losses of two ways; ``p`` is that of Welch's t-test."""
    (a, error_a), (b, error_b) = reached(ours), reached(theirs)
    error = float(np.hypot(error_a, error_b))
    n_a, n_b = len(ours), len(theirs)
    freedom = error**4 / (error_a**4 / (n_a - 1) + error_b**4 / (n_b - 1))
    p = 2 * stats.t.sf(abs(a - b) / error, freedom)
    return {"ours": a, "theirs": b, "difference": b - a, "error": error, "p": float(p)}


def curve(losses) -> list[tuple[float, float]]:
    """Return numbers of steps and mean losses over the steps around them."""
    mean = np.asarray(losses).mean(0)
    parts = np.array_split(np.arange(len(mean)), min(POINTS, len(mean)))
    return [(float(part.mean() + 1), float(mean[part].mean())) for part in parts]
