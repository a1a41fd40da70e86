"""Tests by products of residuals, for numbers and states together."""

from functools import lru_cache

import numpy as np

from ppgen.graph.columns import LEVELS, Column, Columns, joint
from ppgen.graph.conditional_tests import (
    ConditionalTest,
    centred,
    chi2_tail,
    matrix,
    untested,
)
from ppgen.graph.monte_carlo import MonteCarlo
from ppgen.graph.report import Outcome

FREQUENCIES = 120  # random Fourier features of the given numbers
EXPLAINED = 1e-7  # residuals below this share of a column are rounding error
SHRINKAGES = np.logspace(-4, 2, 40)  # in units of the mean strength of the features
BENDS = np.pi * np.arange(1, 7)  # frequencies of functions of the fit

Residuals = tuple[np.ndarray, np.ndarray]  # and the leverage of each row, ``(rows, functions)``


class Mixed(ConditionalTest):
    """Generalised covariance measure, of means and proportions (Shah and Peters 2020).

    Each number, and the indicator of each state, is regressed on the given columns by
    ``Regression``. If the sides are independent, products of their residuals have mean zero,
    whatever the variances. The statistic is the sum of the products in units of their covariance.
    Its p-value is from χ²; below 100 rows, it is too large rather than too small. Rows that leave
    the residuals less than one degree of freedom are too few.
    """

    method = "covariance of residuals"

    def __init__(self) -> None:
        self._regression = lru_cache(maxsize=1)(Regression)  # the same for many statements

    def __call__(self, x: Columns, y: Columns, given: Columns, draws: MonteCarlo) -> Outcome:
        """Test x ⊥ y | given."""
        regression = self._regression(tuple(given), len(x[0].values))
        (rx, hx), (ry, hy) = (
            map(np.hstack, zip(*(self._residuals(c, regression) for c in side), strict=True))
            for side in (x, y)
        )
        used = max(hx.sum(0).max(initial=0), hy.sum(0).max(initial=0)) + regression.bends
        if len(rx) - used < 1 and regression.bends:
            return untested(f"{len(rx)} rows are too few to regress on {len(given)} columns")
        products = (rx[:, :, None] * ry[:, None]).reshape(len(rx), -1)
        leverage = np.maximum(hx[:, :, None], hy[:, None]).reshape(products.shape)
        # Divided by 1 - leverage, squares of residuals estimate those of errors without bias.
        unit = _whitening(products / np.sqrt(1 - np.minimum(leverage, 0.99)))
        statistic, freedom = float(((products.sum(0) @ unit) ** 2).sum()), unit.shape[1]
        return Outcome(self.method, statistic, freedom, chi2_tail(statistic, freedom), "χ²")

    def _residuals(self, column: Column, regression: "Regression") -> Residuals:
        if column not in regression.found:
            regression.found[column] = regression.residuals(self._features(column, regression))
        return regression.found[column]

    def _features(self, column: Column, regression: "Regression") -> np.ndarray:
        """Functions of the column that are compared, ``(rows, functions)``."""
        return _standard(matrix([column])) if not column.discrete else _indicators(column.values)


class Nonlinear(Mixed):
    """Generalised covariance measure of three functions of each number.

    They are the Legendre polynomials of degree 1 to 3 of the rank of the column's residual. So
    dependence that no mean shows, such as that of x² or of a variance, is seen too.
    """

    method = "covariance of functions of residuals"

    def _features(self, column: Column, regression: "Regression") -> np.ndarray:
        features = super()._features(column, regression)
        if column.discrete:
            return features
        u = 2 * _ranks(regression.residuals(features)[0][:, 0]) - 1
        return np.stack([u, (3 * u**2 - 1) / 2, (5 * u**3 - 3 * u) / 2], 1)


class Regression:
    """Least squares on each joint state of the given columns and on smooth functions of numbers.

    The functions are linear and quadratic, and random Fourier features (Rahimi and Recht 2007) of
    single numbers and of all with the state. The features are shrunk by a tenth of what generalised
    cross-validation chooses: the biases of two regressions must not look like dependence. Then a
    smooth function of the fit corrects it, as a link does: proportions are steep functions of it.

    ``found`` is for the residuals of functions of columns; ``bends`` is the number of functions of
    a fit.
    """

    def __init__(self, given: Columns, n: int) -> None:
        self.found: dict[Column, Residuals] = {}
        self._state = joint([column for column in given if column.discrete], n)
        self._sizes = np.bincount(self._state)
        self._order = np.argsort(self._state, kind="stable")
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._leverage = 1 / self._sizes[self._state]
        self._linear = self._smooth = np.empty((n, 0))
        self._unit, self._strength = np.empty((0, 0)), np.empty(0)
        numbers = [column for column in given if not column.discrete]
        self.bends = len(BENDS) if numbers else 0
        if numbers:
            z = _standard(matrix(numbers))
            first, second = np.triu_indices(len(numbers))
            if 8 * (len(numbers) + len(first)) < n:
                z = np.hstack([z, z[:, first] * z[:, second]])
            self._linear = self._known(z)
            self._linear = self._linear @ _whitening(self._linear)
            self._smooth = self._known(_fourier(matrix(numbers), self._state))
            self._unit = _whitening(self._smooth, 1e-5)
            self._strength = 1 / (self._unit**2).sum(0)
        self._leverage = self._leverage + (self._linear**2).sum(1)

    def residuals(self, columns: np.ndarray) -> Residuals:
        """Residuals of columns, ``(rows, columns)``, and the leverage of each row in each."""
        rest = self._known(columns)
        leverage = np.repeat(self._leverage[:, None], rest.shape[1], 1)
        if len(self._strength):
            inner = self._unit.T @ (self._smooth.T @ rest.astype(np.float32))
            weights = self._weights((rest**2).sum(0), inner)
            rest = rest - self._smooth @ (self._unit @ (weights * inner)).astype(np.float32)
            rest = _unbent(rest, columns - rest)
            leverage += weights.sum(0) / len(rest)
        length = np.linalg.norm(columns - columns.mean(0), axis=0)
        rest[:, np.linalg.norm(rest, axis=0) <= EXPLAINED * length] = 0
        return rest, leverage

    def _weights(self, squares: np.ndarray, inner: np.ndarray) -> np.ndarray:
        """Share that is kept of each column's coefficients, ``(features, columns)``."""
        shrinkages = SHRINKAGES[:, None] * self._strength.mean()
        kept = self._strength / (self._strength + shrinkages)
        squares = squares - (1 - (1 - kept) ** 2) @ inner**2
        freedom = len(self._state) - len(self._sizes) - self._linear.shape[1] - kept.sum(1)
        best = (squares / np.maximum(freedom, 1)[:, None] ** 2).argmin(0)
        return (self._strength / (self._strength + shrinkages[best] / 10)).T

    def _known(self, columns: np.ndarray) -> np.ndarray:
        """Residuals of columns given the state and the linear part."""
        sums = np.add.reduceat(columns[self._order], self._starts)
        rest = columns - (sums / self._sizes[:, None].astype(columns.dtype))[self._state]
        linear = self._linear.astype(columns.dtype)
        return rest - linear @ (linear.T @ rest)


def _unbent(residuals: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """Residuals of columns without what smooth functions of their fits explain."""
    order, bends = np.argsort(fits, 0), _bends(len(fits))
    inner = np.take_along_axis(residuals, order, 0)
    unbent = np.empty_like(inner)
    np.put_along_axis(unbent, order, inner - bends @ (bends.T @ inner), 0)
    tied = (np.diff(np.take_along_axis(fits, order, 0), axis=0) == 0).any(0)
    for i in np.flatnonzero(tied):
        bends = centred(np.cos(_ranks(fits[:, i])[:, None] * BENDS))
        bends = bends @ _whitening(bends)
        unbent[:, i] = residuals[:, i] - bends @ (bends.T @ residuals[:, i])
    return unbent


@lru_cache(maxsize=1)
def _bends(n: int) -> np.ndarray:
    """Functions of the fit at ranks without ties, which are orthonormal there, ``(n, bends)``."""
    return np.cos((np.arange(n)[:, None] + 0.5) / n * BENDS) * np.sqrt(2 / n)


def _fourier(numbers: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Cosines of random frequencies, the same in every call, ``(rows, features)``."""
    from scipy.special import ndtri  # here, as it is slow to import

    rng = np.random.default_rng(0)
    n, count = numbers.shape
    features = min(FREQUENCIES, n // 2)
    single = np.arange(features) < features // 2
    frequencies = rng.normal(size=(count, features)) / np.sqrt(rng.chisquare(3, features) / 3)
    alone = np.arange(features) % count == np.arange(count)[:, None]
    frequencies *= np.where(single, alone, 1 / np.sqrt(count))
    shift = np.where(single, 0, 1.5 * rng.normal(size=(state.max() + 1, features)))
    shift += rng.uniform(0, 2 * np.pi, features)
    scores = ndtri(np.stack([_ranks(column) for column in numbers.T], 1))
    # In single precision, a fifth of the time.
    scores, frequencies, shift = (a.astype(np.float32) for a in (scores, frequencies, shift))
    return np.cos(scores @ frequencies + shift[state])


def _ranks(column: np.ndarray) -> np.ndarray:
    """Ranks from 0 to 1 without the ends; equal values share the mean of theirs."""
    _, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    return ((np.cumsum(counts) - counts / 2) / len(column))[place]


def _standard(columns: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and variance 1; constant ones are 0."""
    columns = centred(columns)
    return columns / np.maximum(columns.std(0), np.finfo(float).tiny)


def _indicators(state: np.ndarray) -> np.ndarray:
    """Indicate all states but the commonest, at most 20; the rarest count with that."""
    common = np.argsort(-np.bincount(state), kind="stable")[1 : LEVELS + 1]
    return (state[:, None] == common).astype(float)


def _whitening(columns: np.ndarray, rounding: float = 1e-9) -> np.ndarray:
    """Matrix that makes the columns orthonormal; directions of rounding error are left out."""
    squares, directions = np.linalg.eigh((columns.T @ columns).astype(float))
    sound = squares > rounding * squares.max(initial=np.finfo(float).tiny)
    return directions[:, sound] / np.sqrt(squares[sound])
