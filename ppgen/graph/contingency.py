"""The G-test of discrete columns, by χ² or by permutations."""

from collections.abc import Callable

import numpy as np

from ppgen.graph.columns import Columns, joint, numbered
from ppgen.graph.conditional_tests import ConditionalTest, chi2_tail, untested
from ppgen.graph.monte_carlo import MonteCarlo
from ppgen.graph.report import Outcome

EXPECTED = 20  # smallest expected count for χ²; at 25, a p-value of 7e-5 was half the true one
CELLS = 4096  # of the largest table that is drawn cell by cell
NUMBERS = 2_000_000  # that the tables of a batch hold


class Discrete(ConditionalTest):
    """G-test within each state of the given columns (Sokal and Rohlf 1995, Biometry, 17.4).

    Empty rows and columns of a table add no degrees of freedom. The p-value is from χ² if every
    cell of every table has an expected count of at least 20, or if no permutations are allowed.
    Otherwise it is from permutations of y within the states of given.
    """

    reading = "states"

    def __call__(self, x: Columns, y: Columns, given: Columns, draws: MonteCarlo) -> Outcome:
        """Test x ⊥ y | given."""
        n = len(x[0].values)
        tables = Tables(*(joint(side, n) for side in (x, y, given)))
        if draws.limit == 0 or tables.smallest_expected >= EXPECTED:
            p, source = chi2_tail(tables.g, tables.freedom), "χ²"
        elif tables.fixed:
            return untested("all permutations of the rows have the same G, as no values repeat")
        else:
            p, count = draws.p_value(tables.g, *tables.permutations())
            source = f"{count:,} permutations"
        return Outcome("G", tables.g, tables.freedom, p, source)


class Tables:
    """Contingency tables of x and y within each state of given.

    Each argument has states from 0, ``(rows,)``; each state of ``given`` occurs. Tables without
    degrees of freedom are left out.

    Attributes
    ----------
    g, freedom
        The statistic G and its degrees of freedom.
    smallest_expected
        Smallest expected count of a cell; infinity without tables.
    fixed
        Whether the sums of rows and columns determine G: in each table, those of one side are 1.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, given: np.ndarray) -> None:
        row, row_sums, heights = _margins(x, given)
        column, column_sums, widths = _margins(y, given)
        free = (heights > 1) & (widths > 1)
        self._heights, self._widths = heights[free], widths[free]
        self._row_sums = row_sums[np.repeat(free, heights)]
        self._column_sums = column_sums[np.repeat(free, widths)]
        inside = free[given]
        self._given, self._row, self._column = given[inside], row[inside], column[inside]
        sizes = np.bincount(given)[free]
        self._n_log_n = np.arange(len(x) + 1) * np.log(np.maximum(np.arange(len(x) + 1), 1))
        margins = (sizes, self._row_sums, self._column_sums)
        total, in_rows, in_columns = (self._n_log_n[sums].sum() for sums in margins)
        self._margins = total - in_rows - in_columns
        self.g = max(0.0, self._g(self._column))
        self.freedom = int(((self._heights - 1) * (self._widths - 1)).sum())
        self.fixed = bool(((self._heights == sizes) | (self._widths == sizes)).all())
        least = _least(self._row_sums, self._heights) * _least(self._column_sums, self._widths)
        self.smallest_expected = float((least / sizes).min(initial=np.inf))

    def permutations(self) -> tuple[Callable[[int], np.ndarray], int]:
        """Return a function that draws G under permutations of y, and the size of a batch.

        The random numbers are the same in every call.
        """
        rng = np.random.default_rng(0)
        height, width = self._heights.max(), self._widths.max()
        numbers = len(self._heights) * (height + width)
        if height * width > CELLS or numbers > NUMBERS:
            return (lambda count: np.array([self._shuffled(rng) for _ in range(count)])), 64
        rows = _padded(self._row_sums, self._heights)
        columns = _padded(self._column_sums, self._widths)
        return (lambda count: self._drawn(rows, columns, count, rng)), int(NUMBERS // numbers) + 1

    def _g(self, column: np.ndarray) -> float:
        cells = numbered(self._row * (self._column.max(initial=0) + 1) + column)[0]
        return 2 * float(self._n_log_n[np.bincount(cells)].sum() + self._margins)

    def _shuffled(self, rng: np.random.Generator) -> float:
        order = np.argsort(self._given, kind="stable")
        column = np.empty_like(self._column)
        column[order] = self._column[np.lexsort((rng.random(len(order)), self._given))]
        return self._g(column)

    def _drawn(
        self, rows: np.ndarray, columns: np.ndarray, count: int, rng: np.random.Generator
    ) -> np.ndarray:
        """G of random tables with these margins, ``(tables, rows)`` and ``(tables, columns)``.

        Given the cells before it, a cell is hypergeometric (Patefield 1981, An efficient method of
        generating random R × C tables).
        """
        left = np.repeat(columns[:, :, None], count, 2)  # of each column's sum
        total = np.full(count, self._margins)
        for i in range(rows.shape[1] - 1):
            tables = np.flatnonzero(rows[:, i + 1])  # in the others, this row is the last
            row = np.repeat(rows[tables, i, None], count, 1)
            pool = left[tables].sum(1)
            for j in range(columns.shape[1] - 1):
                column = left[tables, j]
                pool -= column
                cell = rng.hypergeometric(column, pool, row)
                left[tables, j] -= cell
                row -= cell
                total += self._n_log_n[cell].sum(0)
            left[tables, -1] -= row
            total += self._n_log_n[row].sum(0)
        return 2 * (total + self._n_log_n[left].sum((0, 1)))


def _margins(x: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's number of (given, x), the counts of these, and how many each given has."""
    states = x.max() + 1
    number, pairs = numbered(given * states + x)
    return number, np.bincount(number), np.bincount(pairs // states)


def _least(sums: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Smallest of each table's sums."""
    return np.minimum.reduceat(sums, np.cumsum(lengths) - lengths) if len(lengths) else sums


def _padded(sums: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Each table's sums in a row, in falling order, with zeros behind."""
    padded = np.zeros((len(lengths), lengths.max()), int)
    padded[np.arange(lengths.max()) < lengths[:, None]] = sums
    return -np.sort(-padded, 1)
