"""Tests of conditional independence: their base class, Gaussian columns, Holm's correction."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import atanh, erfc, sqrt

import numpy as np

from ppgen.graph.columns import Columns
from ppgen.graph.monte_carlo import MonteCarlo
from ppgen.graph.report import Outcome


def untested(reason: str) -> Outcome:
    """Return the result of a test that could not be made."""
    return Outcome("none", 0.0, 0, 1.0, reason)


class ConditionalTest(ABC):
    """A test of x ⊥ y | given.

    To add a test, write a subclass with ``__call__`` and, if its columns must be of one kind,
    ``reading`` (see :func:`ppgen.graph.columns.read_columns`); name it in
    ``ppgen.graph.statement_tests.TESTS``.
    """

    reading = "auto"

    @abstractmethod
    def __call__(self, x: Columns, y: Columns, given: Columns, draws: MonteCarlo) -> Outcome:
        """Test columns without missing values; x and y are not empty."""


class Gaussian(ConditionalTest):
    """Partial correlation (Fisher 1924); between sets of columns, Bartlett's likelihood ratio."""

    reading = "numbers"

    def __call__(self, x: Columns, y: Columns, given: Columns, draws: MonteCarlo) -> Outcome:
        """Test x ⊥ y | given."""
        n, columns = len(x[0].values), len(x) + len(y) + len(given)
        if n < columns + 2:
            return untested(f"{n} rows are too few for {columns} columns")
        sides = (matrix(x), matrix(y), matrix(given) if given else np.empty((n, 0)))
        if len(x) == len(y) == 1:
            return Outcome("partial correlation", *fisher_z(*sides), "normal")
        return Outcome("likelihood ratio", *bartlett(*sides), "χ²")


def matrix(columns: Columns) -> np.ndarray:
    """Values of columns, divided by powers of two so that no square overflows."""
    values = np.stack([column.values.astype(float) for column in columns], 1)
    return np.ldexp(values, -np.frexp(np.abs(values).max(0, initial=0))[1])


def fisher_z(x: np.ndarray, y: np.ndarray, given: np.ndarray) -> tuple[float, int | None, float]:
    """Fisher's z of the partial correlation of two columns, no degrees of freedom, its p-value.

    If ``given`` determines x or y, z is 0, with 0 degrees of freedom.
    """
    rx, ry = _residuals(x, given)[:, 0], _residuals(y, given)[:, 0]
    scale = float(np.linalg.norm(rx) * np.linalg.norm(ry))
    if not scale:
        return 0.0, 0, 1.0
    r = float(rx @ ry) / scale
    z = sqrt(len(x) - given.shape[1] - 3) * atanh(min(max(r, -1 + 1e-15), 1 - 1e-15))
    return z, None, erfc(abs(z) / sqrt(2))


def bartlett(x: np.ndarray, y: np.ndarray, given: np.ndarray) -> tuple[float, int, float]:
    """Bartlett's χ² test of x ⊥ y | given for sets of columns: χ², degrees of freedom, p-value.

    It is the likelihood ratio of Gaussians with and without correlation between the residuals of
    x and y (Bartlett 1938). Columns that are linear functions of ``given`` or of other columns of
    their side add no degrees of freedom.
    """
    bases = [_basis(_residuals(side, given)) for side in (x, y)]
    p, q = (basis.shape[1] for basis in bases)
    if not p * q:
        return 0.0, 0, 1.0
    correlations = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).clip(0, 1 - 1e-15)
    weight = len(x) - 1 - given.shape[1] - (p + q + 1) / 2
    statistic = float(-weight * np.log1p(-(correlations**2)).sum())
    return statistic, p * q, chi2_tail(statistic, p * q)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction of p-values: bounds the probability of any false rejection (Holm 1979).

    Examples
    --------
    >>> holm([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.04]
    """
    order = np.argsort(p_values, kind="stable")
    weights = len(p_values) - np.arange(len(p_values))
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(np.asarray(p_values, float)[order] * weights)
    return [float(p) for p in corrected.clip(max=1)]


def chi2_tail(statistic: float, freedom: int) -> float:
    """Probability that χ² is at least the statistic."""
    from scipy.special import chdtrc  # here, as it is slow to import

    # With no degree of freedom, no data contradict independence.
    return float(chdtrc(freedom, statistic)) if freedom else 1.0


def _residuals(columns: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Residuals of each column given a constant and ``given``, in units of the rounding error."""
    own, known = centred(columns), centred(given)
    known = known / np.maximum(np.abs(known).max(0, initial=0), np.finfo(float).tiny)
    residuals = own - known @ np.linalg.lstsq(known, own, rcond=None)[0]
    far, near = np.linalg.norm(columns, axis=0), np.linalg.norm(own, axis=0)
    rounding = np.maximum(10 * np.finfo(float).eps * far + 1e-10 * near, np.finfo(float).tiny)
    # The residual of a column that the others determine is rounding error.
    explained = np.linalg.norm(residuals, axis=0) <= rounding
    return np.where(explained, 0.0, residuals / rounding)


def centred(columns: np.ndarray) -> np.ndarray:
    """Columns minus their means."""
    near = columns - columns.mean(0)
    return near - near.mean(0)  # the sum of many large numbers is inexact


def _basis(residuals: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the residuals, without directions of rounding error alone."""
    directions, lengths, _ = np.linalg.svd(residuals, full_matrices=False)
    return directions[:, lengths > 1]
