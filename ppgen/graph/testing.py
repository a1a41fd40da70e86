"""Test on data whether the independencies of a graph hold."""

from collections.abc import Sequence
from typing import Any

from ppgen.arguments import Between, Count, checked
from ppgen.graph.core import BaseDAG
from ppgen.graph.nodes import Node
from ppgen.graph.report import Report
from ppgen.graph.statements import AnyStatements


@checked
def check_independencies(
    dag: BaseDAG,
    data: Any,
    statements: AnyStatements | None = None,
    *,
    names: Sequence[Node] | None = None,
    level: Between = 0.05,
    kind: str = "auto",
    permutations: Count | None = None,
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
        ``(observations, columns)``. None, NaN and the like are missing values. Columns that are
        not of nodes are ignored, which the report says. A column of a node marked ``selected`` can
        be absent, as all rows are given it.
    statements
        By default :meth:`DAG.basis_independencies`, which implies all others. For a pair of nodes
        with latent parents, or in a selected sample, x ⊥ y | a minimal separator of observed nodes
        takes its place; pairs without one are named in the report.
        ``dag.implied_independencies()`` covers more.
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
    >>> import numpy as np
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
    from ppgen.graph.statement_tests import tested  # here, since questions need no numpy

    return tested(dag, data, statements, names, level, kind, permutations)
