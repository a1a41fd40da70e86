"""Tests of conditional independence, and the correction for multiple tests.

Tests of discrete data take states as integers from 0, ``(observations,)``; tests of Gaussian data
take columns, ``(observations, columns)``.
"""

from collections.abc import Sequence
from math import atanh, erfc, sqrt

import numpy as np


def g_test(x: np.ndarray, y: np.ndarray, given: np.ndarray) -> tuple[float, int, float]:
    """G-test of x ⊥ y | given: the statistic G, its degrees of freedom and the p-value."""
    rows, row_of = np.unique(given * (x.max() + 1) + x, return_inverse=True)
    columns, column_of = np.unique(given * (y.max() + 1) + y, return_inverse=True)
    cells, counts = np.unique(row_of * len(columns) + column_of, return_counts=True)
    row, column = np.divmod(cells, len(columns))
    strata = (rows // (x.max() + 1), columns // (y.max() + 1))
    stratum = strata[0][row]
    in_row, in_column, in_stratum = (np.bincount(i, counts) for i in (row, column, stratum))
    expected = in_row[row] * in_column[column] / in_stratum[stratum]
    statistic = max(0.0, float(2 * (counts * np.log(counts / expected)).sum()))
    filled = [np.bincount(s, minlength=len(in_stratum)) for s in strata]
    freedom = int(np.prod([np.maximum(n - 1, 0) for n in filled], axis=0).sum())
    return statistic, freedom, _chi2_tail(statistic, freedom)


def permuted_g_test(
    x: np.ndarray, y: np.ndarray, given: np.ndarray, permutations: int
) -> tuple[float, int, float]:
    """G-test of x ⊥ y | given whose p-value comes from shuffles of y within each state of given.

    The p-value is exact for any counts. The random numbers are the same in every call.
    """
    statistic, freedom, _ = g_test(x, y, given)
    if not freedom:
        return statistic, freedom, 1.0
    rng = np.random.default_rng(0)
    rows = np.unique(given * (x.max() + 1) + x, return_inverse=True)[1]
    states = y.max() + 1
    sorted_by_given = np.argsort(given, kind="stable")

    def neg_entropy(y: np.ndarray) -> float:
        # With fixed margins, G is an increasing function of this.
        counts = np.unique(rows * states + y, return_counts=True)[1]
        return float((counts * np.log(counts)).sum())

    observed, shuffled, larger = neg_entropy(y), np.empty_like(y), 0
    for _ in range(permutations):
        shuffled[sorted_by_given] = y[np.lexsort((rng.random(len(y)), given))]
        larger += neg_entropy(shuffled) >= observed - 1e-9
    return statistic, freedom, (1 + larger) / (1 + permutations)


def fisher_z(x: np.ndarray, y: np.ndarray, given: np.ndarray) -> tuple[float, float]:
    """Fisher's z of the partial correlation of x and y, ``(observations,)``, and its p-value."""
    rx, ry = _residuals(x[:, None], given)[:, 0], _residuals(y[:, None], given)[:, 0]
    scale = float(np.linalg.norm(rx) * np.linalg.norm(ry))
    r = float(rx @ ry) / scale if scale else 0.0
    z = sqrt(len(x) - given.shape[1] - 3) * atanh(min(max(r, -1 + 1e-15), 1 - 1e-15))
    return z, erfc(abs(z) / sqrt(2))


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
    return statistic, p * q, _chi2_tail(statistic, p * q)


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


def _chi2_tail(statistic: float, freedom: int) -> float:
    from scipy.special import chdtrc  # here, as it is slow to import

    # With no degree of freedom, no data contradict independence.
    return float(chdtrc(freedom, statistic)) if freedom else 1.0


def _residuals(columns: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Residuals of each column given a constant and ``given``, in units of the rounding error."""
    centred, known = _centred(columns), _centred(given)
    known = known / np.maximum(np.abs(known).max(0, initial=0), np.finfo(float).tiny)
    residuals = centred - known @ np.linalg.lstsq(known, centred, rcond=None)[0]
    far, near = np.linalg.norm(columns, axis=0), np.linalg.norm(centred, axis=0)
    rounding = np.maximum(10 * np.finfo(float).eps * far + 1e-10 * near, np.finfo(float).tiny)
    # The residual of a column that the others determine is rounding error.
    explained = np.linalg.norm(residuals, axis=0) <= rounding
    return np.where(explained, 0.0, residuals / rounding)


def _centred(columns: np.ndarray) -> np.ndarray:
    centred = columns - columns.mean(0)
    return centred - centred.mean(0)  # the sum of many large numbers is inexact


def _basis(residuals: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the residuals, without directions of rounding error alone."""
    directions, lengths, _ = np.linalg.svd(residuals, full_matrices=False)
    return directions[:, lengths > 1]
