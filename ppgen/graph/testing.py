"""Test on data whether the independencies of a graph hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral
from typing import Any

import numpy as np

from ppgen.graph import listing
from ppgen.graph.columns import Column, read_columns
from ppgen.graph.conditional_tests import ConditionalTest, Gaussian, Outcome, holm, untested
from ppgen.graph.contingency import Discrete
from ppgen.graph.core import BaseDAG
from ppgen.graph.monte_carlo import MonteCarlo
from ppgen.graph.nodes import GraphError, Independence, Node, join
from ppgen.graph.residual_products import Mixed, Nonlinear
from ppgen.graph.separators import minimal_separator

TESTS: dict[str, ConditionalTest] = {
    "discrete": Discrete(),
    "gaussian": Gaussian(),
    "mixed": Mixed(),
    "nonlinear": Nonlinear(),
}
SHOWN = 5  # pairs of nodes that a report names


@dataclass(frozen=True)
class IndependenceTest(Outcome):
    """Result of the test of one statement.

    Attributes
    ----------
    statement
        What was tested.
    n
        Number of rows with a value in every column of the statement.
    corrected
        The p-value corrected for all statements tested together (Holm 1979).
    holds
        Whether the corrected p-value is at least the level.
    """

    statement: Independence
    n: int
    corrected: float
    holds: bool

    @property
    def tested(self) -> bool:
        """Whether the data could have contradicted the statement."""
        return self.freedom != 0

    def __str__(self) -> str:
        if not self.tested:
            return f"not tested: {self.source}"
        freedom = "" if self.freedom is None else f"{self.freedom} df, "
        return (
            f"{self.method} {self.statistic:.2f} ({freedom}{self.source})"
            f", p {self.p_value:.2g}, corrected {self.corrected:.2g}"
            + ("" if self.holds else "  REJECTED")
        )


@dataclass(frozen=True)
class Report(Sequence[IndependenceTest]):
    """Sequence of test results, one for each statement, on ``n`` observations.

    ``level`` is an upper bound on the probability that any true statement is rejected.
    ``inseparable`` has the pairs of observed nodes without an edge about which the graph implies
    nothing, because latent nodes connect them whatever is given.
    """

    rows: tuple[IndependenceTest, ...]
    level: float
    n: int
    inseparable: tuple[tuple[Node, Node], ...] = ()

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
            f"{row.statement!s:{width}}  {row}" + (f", {row.n} rows" if row.n < self.n else "")
            for row in self
        ]
        tested = sum(row.tested for row in self)
        summary = [
            f"{len(self.rejected)} of {tested} statements rejected at level {self.level:g}"
            if tested
            else "nothing was tested"
        ]
        if tested < len(self):
            summary.append(f"{len(self) - tested} could not be tested")
        if pairs := [f"{x} and {y}" for x, y in self.inseparable]:
            more = [f"{len(pairs) - SHOWN} more pairs"] if len(pairs) > SHOWN else []
            summary.append(f"no observed nodes separate {'; '.join(pairs[:SHOWN] + more)}")
        elif not self.rows:
            summary.append("there are no statements")
        return "\n".join([*lines, f"{', '.join(summary)}, {self.n} observations"])


def check_independencies(
    dag: BaseDAG,
    data: Any,
    statements: Iterable[Independence] | None = None,
    *,
    names: Sequence[Node] | None = None,
    level: float = 0.05,
    kind: str = "auto",
    permutations: int | None = None,
) -> Report:
    """Test the independencies of a graph on data.

    Each statement is tested on the rows with a value in all of its columns, by the test that
    ``kind`` names:

    ``"discrete"``
        The G-test within each state of the given columns. Its p-value is from χ² if all expected
        counts are at least 20, else from as many permutations as the correction for all statements
        needs (:class:`ppgen.graph.contingency.Discrete`).
    ``"gaussian"``
        The partial correlation; a likelihood ratio between sets of columns.
    ``"mixed"``
        The covariance of residuals of smooth regressions on the given columns, for numbers with
        discrete columns (:class:`ppgen.graph.residual_products.Mixed`).
    ``"nonlinear"``
        The same for three functions of each number: it sees dependence that is not linear, and
        conditions on what is not linear.
    ``"auto"``
        For each statement, ``"discrete"`` or ``"gaussian"`` if all of its columns are of this kind,
        else ``"mixed"``.

    Text, categories (ordered or not), booleans, and whole numbers with at most 20 different values
    are discrete; other numbers and dates are not. ``kind="discrete"`` counts every value as a
    state, ``kind="gaussian"`` every state as a number, in the order of ordered categories.

    Parameters
    ----------
    data
        A mapping (or data frame) from names to columns, a structured array, or an array of shape
        ``(observations, columns)``. None, NaN and the like are missing values. Columns of other
        names are ignored.
    statements
        By default :meth:`DAG.basis_independencies`, which implies all others. For a pair of nodes
        with latent parents, x ⊥ y | a minimal separator of observed nodes takes its place; pairs
        without one are named in the report. ``dag.implied_independencies()`` covers more.
    names
        Names of the columns of a two-dimensional array; by default the observed nodes in order.
    level
        Upper bound on the probability that any true statement is rejected.
    kind
        Name of the test.
    permutations
        Largest number of permutations; 0 for χ² whatever the counts. By default as many as the
        correction for all statements needs.

    Raises
    ------
    GraphError
        If a column is absent or has no values, contains infinity, has text but should have numbers,
        or differs in length.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=500)
    >>> b = a + rng.normal(size=500)
    >>> data = {"a": a, "b": b, "c": b + rng.normal(size=500)}
    >>> print(check_independencies(DAG("a -> b -> c"), data))
    a ⊥ c | b  partial correlation 0.79 (normal), p 0.43, corrected 0.43
    0 of 1 statements rejected at level 0.05, 500 observations
    >>> [str(row.statement) for row in check_independencies(DAG("a -> b <- c"), data).rejected]
    ['a ⊥ c']
    """
    if not 0 < level < 1:
        raise GraphError(f"level is {level}; expected a probability between 0 and 1")
    if kind != "auto" and kind not in TESTS:
        expected = ", ".join(map(repr, ("auto", *TESTS)))
        raise GraphError(f"kind is {kind!r}; expected one of {expected}")
    if permutations is not None and (not isinstance(permutations, Integral) or permutations < 0):
        raise GraphError(f"permutations is {permutations!r}; expected an integer of at least 0")
    chosen, inseparable = _default(dag) if statements is None else (list(statements), [])
    used = sorted({node for s in chosen for node in s.x | s.y | s.given}, key=str)
    reading = "auto" if kind == "auto" else TESTS[kind].reading
    columns = read_columns(data, dag.observed if names is None else names, used, reading)
    draws = MonteCarlo(level / max(1, len(chosen)), permutations)
    results = [_test_one(statement, columns, kind, draws) for statement in chosen]
    p_values = [outcome.p_value for outcome, _ in results if outcome.freedom != 0]
    corrected = iter(holm(p_values))
    rows = []
    for statement, (outcome, n) in zip(chosen, results, strict=True):
        q = 1.0 if outcome.freedom == 0 else next(corrected)
        rows.append(
            IndependenceTest(
                **vars(outcome), statement=statement, n=n, corrected=q, holds=q >= level
            )
        )
    return Report(
        tuple(rows),
        level,
        max((len(column.values) for column in columns.values()), default=0),
        tuple(inseparable),
    )


def _test_one(
    statement: Independence, columns: Mapping[Node, Column], kind: str, draws: MonteCarlo
) -> tuple[Outcome, int]:
    """Test a statement on its complete rows; return the result and their number."""
    x, y, given = (
        [columns[node] for node in sorted(side, key=str)]
        for side in (statement.x, statement.y, statement.given)
    )
    used = (*x, *y, *given)
    missing = np.logical_or.reduce([column.missing for column in used])
    rows = len(missing) - int(missing.sum())
    if not rows:
        return untested(f"no row has values of all of {join(c.node for c in used)}"), 0
    if rows < len(missing):
        x, y, given = ([column.at(~missing) for column in side] for side in (x, y, given))
    for side in (x, y):
        if all(column.constant for column in side):
            return untested(f"{join(column.node for column in side)} is constant"), rows
    outcome = TESTS[_kind((*x, *y, *given)) if kind == "auto" else kind](x, y, given, draws)
    if outcome.freedom == 0 and outcome.method != "none":
        what = f"given {join(statement.given)}, " if given else ""
        outcome = untested(f"{what}{' and '.join(statement.sides)} never vary together")
    return outcome, rows


def _kind(columns: Sequence[Column]) -> str:
    """Name of the test for columns of these kinds."""
    discrete = {column.discrete for column in columns}
    return "mixed" if len(discrete) > 1 else "discrete" if True in discrete else "gaussian"


def _default(dag: BaseDAG) -> tuple[list[Independence], list[tuple[Node, Node]]]:
    """One statement for each pair of observed nodes that can be separated, and the other pairs."""
    if not dag.latent:
        return list(listing.basis(dag)), []
    parents = dag.separation.parents
    statements, others = [], []
    for x, y in combinations(dag.observed, 2):
        if x not in parents[y] and y not in parents[x]:
            both = frozenset(parents[x]).union(parents[y])
            given = minimal_separator(dag, {x}, {y}) if both & dag.latent else both
            if given is None:
                others.append((x, y))
            else:
                statements.append(Independence({x}, {y}, given))
    return statements, others
