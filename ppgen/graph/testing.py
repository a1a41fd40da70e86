"""Whether the independencies of a graph hold in a table of data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from ppgen.graph import listing
from ppgen.graph.columns import check, codes, is_discrete, read
from ppgen.graph.conditional_tests import bartlett, fisher_z, g_test, holm, permuted_g_test
from ppgen.graph.core import BaseDAG
from ppgen.graph.errors import GraphError
from ppgen.graph.independence import Independence, Node

KINDS = ("auto", "discrete", "gaussian")


@dataclass(frozen=True)
class IndependenceTest:
    """One statement, and what the data say of it.

    Parameters
    ----------
    statement
        That x ⊥ y | given.
    method
        ``"G"``, ``"partial correlation"`` or, between sets of columns, ``"likelihood ratio"``.
    statistic
        G, Fisher's z, or Bartlett's χ².
    freedom
        Degrees of freedom; None for z.
    p_value
        Probability of a statistic at least as large where the statement holds.
    corrected
        The same over all statements tested together (Holm 1979).
    holds
        Whether the corrected probability is at least the level.
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
    """Statements tested on one table of data, in their order.

    Parameters
    ----------
    rows
        One a statement.
    level
        Probability that any true statement is rejected, at most.
    n
        Number of observations.
    """

    rows: tuple[IndependenceTest, ...]
    level: float
    n: int

    @property
    def rejected(self) -> tuple[IndependenceTest, ...]:
        """The statements that the data speak against."""
        return tuple(row for row in self.rows if not row.holds)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __iter__(self) -> Iterator[IndependenceTest]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        width = max([len(str(row.statement)) for row in self.rows], default=0)
        lines = [
            f"{row.statement!s:{width}}  {row.method} {row.statistic:.2f}"
            + ("" if row.freedom is None else f" ({row.freedom} df)")
            + f", p {row.p_value:.2g}, corrected {row.corrected:.2g}"
            + ("" if row.holds else "  REJECTED")
            for row in self.rows
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

    Discrete columns by the G-test within each state of the given ones, with the degrees of freedom
    of the rows and columns that are not empty there (Sokal and Rohlf 1995, Biometry, section
    17.4); Gaussian ones by their partial correlation (Fisher 1924). The G-test's χ² needs
    several observations a cell: with fewer it rejects too often, and ``permutations`` do not.

    Parameters
    ----------
    dag
        The graph, whose nodes name columns.
    data
        A mapping (or data frame) from names to columns, a structured array, or an array
        ``(observations, columns)`` with ``names``.
    statements
        By default :meth:`DAG.basis_independencies`, which together imply all others. With latent
        nodes, ``dag.implied_independencies()`` says more.
    names
        Of the columns of a two-dimensional array; by default the observed nodes in their order.
    level
        Probability that any true statement is rejected, over all of them.
    kind
        ``"discrete"``, ``"gaussian"``, or ``"auto"``: columns of floats are Gaussian unless they
        hold at most 20 different whole numbers, all other columns discrete.
    permutations
        Shuffles for the p-values of discrete columns, in place of χ²: exact with few observations.
        The least p-value is then 1 / (1 + permutations), so many statements need many.

    Raises
    ------
    GraphError
        Where columns are missing, differ in length, hold NaN, lack values or are no numbers though
        they are to be Gaussian, a statement mixes discrete with Gaussian columns, there are too few
        observations, or ``level``, ``kind`` or ``permutations`` is none that is allowed.

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
        raise GraphError(f"permutations is {permutations!r}; expected a whole number from 0 on")
    chosen = tuple(listing.basis(dag) if statements is None else statements)
    columns = read(data, dag.observed if names is None else names)
    used = {node for s in chosen for node in s.x | s.y | s.given}
    check(columns, used)
    discrete = {node: kind == "discrete" or is_discrete(node, columns[node], kind) for node in used}
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
    sides = [sorted(side, key=str) for side in (s.x, s.y, s.given)]
    n = len(columns[sides[0][0]])
    kinds = {discrete[node] for side in sides for node in side}
    if len(kinds) > 1:
        whole = ", ".join(sorted(str(n) for n in s.x | s.y | s.given if discrete[n]))
        raise GraphError(
            f"{s} mixes discrete columns ({whole}) with Gaussian ones; expected one kind, or "
            "kind='discrete' or 'gaussian' for all"
        )
    if kinds == {True}:
        x, y, given = (codes([columns[m] for m in side], n) for side in sides)
        if permutations:
            return ("G", *permuted_g_test(x, y, given, permutations))
        return ("G", *g_test(x, y, given))
    x, y, given = (
        np.stack([columns[m].astype(float) for m in side], 1) if side else np.empty((n, 0))
        for side in sides
    )
    needed = x.shape[1] + y.shape[1] + given.shape[1] + 2
    if n < needed:
        raise GraphError(f"{s} is tested on {n} observations; expected {needed} or more")
    if x.shape[1] == y.shape[1] == 1:
        z, p = fisher_z(x[:, 0], y[:, 0], given)
        return "partial correlation", z, None, p
    return ("likelihood ratio", *bartlett(x, y, given))
