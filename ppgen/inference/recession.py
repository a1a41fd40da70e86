"""Whether a log-likelihood of several terms rises without end, decided by linear programs."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import linprog
from torch import Tensor

Scores = Callable[[Tensor], Tensor]
"""From ``(parameters,)`` to the gradient of every row's term there, ``(rows, parameters)``."""

DISTANCES = 10.0 ** np.arange(-1, 7)
"""At which a direction is checked, in units in which the scores at the start are at most 1."""

ROUNDS, EPS = 100, 1e-6


def recession(scores: Scores, start: Tensor, end: Tensor) -> Tensor | None:
    """Return a direction in which no term ever falls and one rises, ``(parameters,)``; or None.

    If terms are concave and bounded, as in regressions on classes and counts, there is such a
    direction if and only if the sum has no maximum, or many: classes are separable (Albert and
    Anderson 1984, On the existence of maximum likelihood estimates in logistic regression models).
    The direction has to agree with every score at every point. A linear program finds one for the
    scores at a few points; if terms fall further along it, their scores there join the program.
    """
    here = scores(start).double()
    units = here.abs().amax(0).cpu().numpy()
    units = np.where(units > 0, 1 / np.where(units > 0, units, 1), 1.0)

    def lines(point: Tensor) -> np.ndarray:
        """Scores of length 1; a term that is flat there restricts nothing."""
        found = scores(point).double().cpu().numpy() * units
        lengths = np.linalg.norm(found, axis=1)
        known = np.isfinite(lengths) & (lengths > 0)
        return found[known] / lengths[known, None]

    known = np.unique(np.concatenate([lines(start), lines(end)]), axis=0)
    for _ in range(ROUNDS):
        answer = linprog(-known.sum(0), -known, np.zeros(len(known)), bounds=(-1, 1))
        if answer.x is None or (known @ answer.x).max(initial=0) < 10 * EPS:
            return None
        along = answer.x / np.linalg.norm(answer.x)
        step = torch.from_numpy(units * along).to(end)
        for distance in DISTANCES:
            there = lines(end + distance * step)
            against = there[there @ along < -EPS]
            if len(against):
                break
        else:
            return step / step.norm()
        known = np.concatenate([known, np.unique(against, axis=0)])
    return None
