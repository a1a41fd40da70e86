"""Test on data whether the independencies of a graph hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from ppgen.graph import listing
from ppgen.graph.conditional_tests import bartlett, fisher_z, g_test, holm, permuted_g_test
from ppgen.graph.core import BaseDAG
from ppgen.graph.nodes import GraphError, Independence, Node, join, suggestion

KINDS = ("auto", "discrete", "gaussian")
LEVELS = 20  # columns of whole numbers with more different values count as Gaussian


@dataclass(frozen=True)
class IndependenceTest:
    """Result of the test of one statement.

    Attributes
    ----------
    method
        ``"G"``, ``"partial correlation"`` or, between sets of columns, ``"likelihood ratio"``.
    statistic
        G, Fisher's z, or Bartlett's χ².
    freedom
        Degrees of freedom; None for z.
    p_value
        Probability of a statistic at least as large if the statement holds.
    corrected
        The p-value corrected for all statements tested together (Holm 1979).
    holds
        Whether the corrected p-value is at least the level.
    """

    statement: Independence
    method: str
    statistic: float
    freedom: int | None
    p_value: float
    corrected: float
    holds: bool


@dataclass(frozen=True)
class Report(Sequence[IndependenceTest]):
    """Sequence of test results, one for each statement, on ``n`` observations.

    ``level`` is an upper bound on the probability that any true statement is rejected.
    """

    rows: tuple[IndependenceTest, ...]
    level: float
    n: int

    @property
    def rejected(self) -> tuple[IndependenceTest, ...]:
        """Results whose statement the data reject."""
        return tuple(row for row in self if not row.holds)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        width = max((len(str(row.statement)) for row in self), default=0)
        lines = [
            f"{row.statement!s:{width}}  {row.method} {row.statistic:.2f}"
            + ("" if row.freedom is None else f" ({row.freedom} df)")
            + f", p {row.p_value:.2g}, corrected {row.corrected:.2g}"
            + ("" if row.holds else "  REJECTED")
            for row in self
        ]
        summary = f"{len(self.rejected)} of {len(self)} statements rejected at level {self.level:g}"
        return "\n".join([*lines, f"{summary}, {self.n} observations"])


def check_independencies(
    dag: BaseDAG,
    data: Any,
    statements: Iterable[Independence] | None = None,
    *,
    names: Sequence[Node] | None = None,
    level: float = 0.05,
    kind: str = "auto",
    permutations: int = 0,
) -> Report:
    """Test the independencies of a graph on data.

    Discrete columns are tested by the G-test within each state of the given columns; empty rows and
    columns of a table add no degrees of freedom (Sokal and Rohlf 1995, Biometry, section 17.4).
    Gaussian columns are tested by their partial correlation (Fisher 1924).

    Parameters
    ----------
    data
        A mapping (or data frame) from names to columns, a structured array, or an array of shape
        ``(observations, columns)``.
    statements
        By default :meth:`DAG.basis_independencies`, which implies all others. With latent nodes,
        ``dag.implied_independencies()`` covers more.
    names
        Names of the columns of a two-dimensional array; by default the observed nodes in order.
    level
        Upper bound on the probability that any true statement is rejected.
    kind
        ``"discrete"``, ``"gaussian"``, or ``"auto"``: columns of floats are Gaussian unless they
        have at most 20 different values, all of them whole numbers; other columns are discrete.
    permutations
        Number of shuffles for the p-values of discrete columns. With few observations for each cell
        these are exact, and those from χ² are too small. The smallest is 1 / (1 + permutations), so
        many statements need many permutations.

    Raises
    ------
    GraphError
        If columns or values are missing, columns differ in length or are not numeric but should be
        Gaussian, a statement mixes discrete and Gaussian columns, or observations are too few.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=500)
    >>> b = a + rng.normal(size=500)
    >>> data = {"a": a, "b": b, "c": b + rng.normal(size=500)}
    >>> print(check_independencies(DAG("a -> b -> c"), data))
    a ⊥ c | b  partial correlation 0.79, p 0.43, corrected 0.43
    0 of 1 statements rejected at level 0.05, 500 observations
    >>> [str(row.statement) for row in check_independencies(DAG("a -> b <- c"), data).rejected]
    ['a ⊥ c']
    """
    if not 0 < level < 1:
        raise GraphError(f"level is {level}; expected a probability between 0 and 1")
    if kind not in KINDS:
        raise GraphError(f"kind is {kind!r}; expected one of {', '.join(map(repr, KINDS))}")
    if not isinstance(permutations, Integral) or permutations < 0:
        raise GraphError(f"permutations is {permutations!r}; expected an integer of at least 0")
    chosen = tuple(listing.basis(dag) if statements is None else statements)
    columns = _read(data, dag.observed if names is None else names)
    used = {node for s in chosen for node in s.x | s.y | s.given}
    _check(columns, used)
    discrete = {node: _is_discrete(node, columns[node], kind) for node in used}
    results = [_test_one(s, columns, discrete, permutations) for s in chosen]
    corrected = holm([p for *_, p in results])
    rows = tuple(
        IndependenceTest(s, *result, q, q >= level)
        for s, result, q in zip(chosen, results, corrected, strict=True)
    )
    return Report(rows, level, next((len(columns[node]) for node in used or columns), 0))


def _test_one(
    s: Independence,
    columns: Mapping[Node, np.ndarray],
    discrete: Mapping[Node, bool],
    permutations: int,
) -> tuple[str, float, int | None, float]:
    nodes = s.x | s.y | s.given
    n = len(columns[next(iter(nodes))])
    sides = [[columns[m] for m in sorted(side, key=str)] for side in (s.x, s.y, s.given)]
    whole = [node for node in nodes if discrete[node]]
    if 0 < len(whole) < len(nodes):
        raise GraphError(
            f"{s} mixes discrete columns ({join(whole)}) with Gaussian ones; expected one kind, or "
            "kind='discrete' or 'gaussian' for all"
        )
    if whole:
        x, y, given = (_codes(side, n) for side in sides)
        if permutations:
            return ("G", *permuted_g_test(x, y, given, permutations))
        return ("G", *g_test(x, y, given))
    if n < len(nodes) + 2:
        raise GraphError(f"{s} is tested on {n} observations; expected at least {len(nodes) + 2}")
    x, y, given = (np.stack(s, 1).astype(float) if s else np.empty((n, 0)) for s in sides)
    if x.shape[1] == y.shape[1] == 1:
        z, p = fisher_z(x[:, 0], y[:, 0], given)
        return "partial correlation", z, None, p
    return ("likelihood ratio", *bartlett(x, y, given))


def _read(data: Any, names: Sequence[Node]) -> dict[Node, np.ndarray]:
    """Columns by name of a mapping, a data frame, a structured array or an array with ``names``."""
    if hasattr(data, "keys"):
        return {name: np.asarray(data[name]) for name in data.keys()}  # noqa: SIM118, a data frame
    array = np.asarray(data)
    if array.dtype.names:
        return {name: array[name] for name in array.dtype.names}
    if array.ndim != 2 or array.shape[1] != len(names):
        raise GraphError(
            f"data has shape {array.shape}; expected (observations, {len(names)}) for the "
            f"columns {', '.join(map(str, names))}, a mapping or a structured array"
        )
    return dict(zip(names, array.T, strict=True))


def _check(columns: Mapping[Node, np.ndarray], used: Iterable[Node]) -> None:
    """Validate that all used columns are there, of one length, complete and finite."""
    lengths = {}
    for node in used:
        if node not in columns:
            raise GraphError(f"data has no column {node!r}{suggestion(node, columns)}")
        column = columns[node]
        if column.ndim != 1:
            raise GraphError(f"column {node!r} has shape {column.shape}; expected one axis")
        if column.dtype.kind in "fc" and not np.isfinite(column).all():
            raise GraphError(f"column {node!r} contains NaN or infinity; expected finite numbers")
        if column.dtype.kind in "OMm" and any(map(_is_missing, column)):
            raise GraphError(f"column {node!r} has missing values; expected a state in every row")
        lengths[node] = len(column)
    if len(set(lengths.values())) > 1:
        raise GraphError(f"data has columns of different lengths: {lengths}")
    if 0 in lengths.values():
        raise GraphError("data has no observations; expected at least one")


def _is_discrete(node: Node, column: np.ndarray, kind: str) -> bool:
    """Whether a column is discrete; validates that Gaussian columns are numeric."""
    if kind == "gaussian" and column.dtype.kind not in "biuf":
        raise GraphError(
            f"kind is 'gaussian', but column {node!r} has type {column.dtype}; expected numbers"
        )
    if kind != "auto" or column.dtype.kind != "f":
        return kind != "gaussian"
    return bool((column == np.round(column)).all()) and len(np.unique(column)) <= LEVELS


def _codes(columns: Sequence[np.ndarray], n: int) -> np.ndarray:
    """Integer code from 0 for the joint state of the columns, ``(n,)``."""
    code = np.zeros(n, int)
    for column in columns:
        states, state = np.unique(column, return_inverse=True)
        code = np.unique(code * len(states) + state.ravel(), return_inverse=True)[1].ravel()
    return code


def _is_missing(value: object) -> bool:
    try:
        return value is None or bool(value != value)  # NaN and NaT differ from themselves
    except (TypeError, ValueError):  # pandas' NA is neither true nor false
        return True
