"""The tests of statements on data, one after the other."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ppgen.graph import listing
from ppgen.graph.columns import Column, by_name, read_columns
from ppgen.graph.conditional_tests import ConditionalTest, Gaussian, holm, untested
from ppgen.graph.contingency import Discrete
from ppgen.graph.core import BaseDAG
from ppgen.graph.monte_carlo import MonteCarlo
from ppgen.graph.nodes import GraphError, Independence, Node, join
from ppgen.graph.report import IndependenceTest, Outcome, Report
from ppgen.graph.residual_products import Mixed, Nonlinear
from ppgen.graph.separators import minimal_separator

TESTS: dict[str, type[ConditionalTest]] = {
    "discrete": Discrete,
    "gaussian": Gaussian,
    "mixed": Mixed,
    "nonlinear": Nonlinear,
}
SELECTED = "it is implied, but not in data that are selected"


def tested(
    dag: BaseDAG,
    data: Any,
    statements: Iterable[Independence] | None,
    names: Sequence[Node] | None,
    level: float,
    kind: str,
    permutations: int | None,
) -> Report:
    """Report of :func:`ppgen.graph.testing.check_independencies`, whose arguments these are."""
    if kind != "auto" and kind not in TESTS:
        expected = ", ".join(map(repr, ("auto", *TESTS)))
        raise GraphError(f"kind is {kind!r}; expected one of {expected}")
    selected = frozenset(dag.marked("selected"))
    chosen, inseparable = _default(dag, selected) if statements is None else (list(statements), [])
    used = sorted({node for s in chosen for node in s.x | s.y | s.given}, key=str)
    reading = "auto" if kind == "auto" else TESTS[kind].reading
    table = by_name(data, dag.observed if names is None else names)
    columns = read_columns(table, [n for n in used if n in table or n not in selected], reading)
    draws = MonteCarlo(level / max(1, len(chosen)), permutations)
    tests = {name: test() for name, test in TESTS.items()}
    # In this order, as tests use again what depends only on the given columns.
    alike = sorted(chosen, key=lambda statement: join(statement.given))
    found = {
        s: (untested(SELECTED), 0)
        if _only_unselected(dag, s, selected)
        else _test_one(s, columns, tests, kind, draws)
        for s in alike
    }
    results = [found[statement] for statement in chosen]
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
        tuple(name for name in table if name not in columns and name not in dag.graph),
    )


def _test_one(
    statement: Independence,
    columns: Mapping[Node, Column],
    tests: Mapping[str, ConditionalTest],
    kind: str,
    draws: MonteCarlo,
) -> tuple[Outcome, int]:
    """Test a statement on its complete rows; return the result and their number."""
    x, y, given = (
        [columns[node] for node in sorted(side, key=str) if node in columns]
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
    given = [column for column in given if not column.constant]  # as that of a selected node
    outcome = tests[_kind((*x, *y, *given)) if kind == "auto" else kind](x, y, given, draws)
    if outcome.freedom == 0 and outcome.method != "none":
        what = f"given {join(statement.given)}, " if given else ""
        outcome = untested(f"{what}{' and '.join(statement.sides)} never vary together")
    return outcome, rows


def _kind(columns: Sequence[Column]) -> str:
    """Name of the test for columns of these kinds."""
    discrete = {column.discrete for column in columns}
    return "mixed" if len(discrete) > 1 else "discrete" if True in discrete else "gaussian"


def _only_unselected(dag: BaseDAG, statement: Independence, selected: frozenset[Node]) -> bool:
    """Whether the graph implies a statement, but not in data that are selected."""
    sides = statement.x, statement.y
    given = statement.given | selected
    return (
        not selected <= statement.given
        and given.isdisjoint(statement.x | statement.y)
        and dag.separation.connected(*sides, given)
        and not dag.separation.connected(*sides, statement.given)
    )


def _default(
    dag: BaseDAG, selected: frozenset[Node]
) -> tuple[list[Independence], list[tuple[Node, Node]]]:
    """One statement for each pair of observed nodes that can be separated, and the other pairs."""
    if not dag.latent | selected:
        return list(listing.basis(dag)), []
    parents = dag.separation.parents
    statements, others = [], []
    for x, y in combinations((n for n in dag.observed if n not in selected), 2):
        if x not in parents[y] and y not in parents[x]:
            both = frozenset(parents[x]).union(parents[y])
            search = both & dag.latent or selected
            given = minimal_separator(dag, {x}, {y}, must=selected) if search else both
            if given is None:
                others.append((x, y))
            else:
                statements.append(Independence({x}, {y}, given))
    return statements, others
