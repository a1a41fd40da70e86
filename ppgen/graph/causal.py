"""Interventions, and what must be adjusted for to find their effects."""

from __future__ import annotations

import networkx as nx

from ppgen.graph.building import Nodes
from ppgen.graph.core import AnyDAG, BaseDAG
from ppgen.graph.errors import GraphError
from ppgen.graph.independence import Node, join
from ppgen.graph.separators import minimal_separator


def do(dag: AnyDAG, x: Nodes) -> AnyDAG:
    """Set x from outside: the graph without the edges into x.

    (Pearl 2009, Causality, section 3.2.3.)

    Raises
    ------
    GraphError
        Where a node is unknown.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("u -> x; u -> y")
    >>> dag.d_separated("x", "y"), dag.do("x").d_separated("x", "y")
    (False, True)
    """
    chosen = dag.node_set(x, "x")
    return _without(dag, list(dag.graph.in_edges(chosen)))


def backdoor_valid(dag: BaseDAG, x: Nodes, y: Nodes, given: Nodes = ()) -> bool:
    """Whether adjusting for ``given`` yields the effect of x on y, by the back-door criterion.

    Nothing in ``given`` may be below x, and it must separate x from y in the graph without the
    edges out of x (Pearl 2009, Causality, definition 3.3.1). A set x is read as one intervention
    on all of its nodes, for which this condition is sufficient (rules 2 and 3 of the do-calculus).

    Raises
    ------
    GraphError
        Where a node is unknown, x or y is empty, the sets overlap, or ``given`` has latent nodes.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("u -> x -> m -> y; u -> y")
    >>> dag.backdoor_valid("x", "y"), dag.backdoor_valid("x", "y", given="u")
    (False, True)
    >>> dag.backdoor_valid("x", "y", given={"u", "m"})
    False
    """
    first, second, known = dag.query(x, y, given)
    if known & dag.latent:
        raise GraphError(f"given holds latent nodes, {join(known & dag.latent)}; expected observed")
    if known & dag.descendants(first):
        return False
    return _without_effects(dag, first).d_separated(first, second, known)


def backdoor_set(dag: BaseDAG, x: Nodes, y: Nodes) -> frozenset[Node] | None:
    """Find a set of observed nodes to adjust for of which none can be left out.

    Returns
    -------
    frozenset or None
        None where no set passes the back-door criterion.

    Raises
    ------
    GraphError
        Where a node is unknown, x or y is empty, or they overlap.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> DAG("a -> u -> x -> y; u -> y").backdoor_set("x", "y")
    frozenset({'u'})
    >>> DAG("x -> y; x <-> y").backdoor_set("x", "y") is None
    True
    """
    first, second, _ = dag.query(x, y)
    pool = frozenset(dag.observed) - dag.descendants(first)
    return minimal_separator(_without_effects(dag, first), first, second, among=pool)


def _without_effects(dag: AnyDAG, x: frozenset[Node]) -> AnyDAG:
    return _without(dag, list(dag.graph.out_edges(x)))


def _without(dag: AnyDAG, edges: list[tuple[Node, Node]]) -> AnyDAG:
    graph = nx.DiGraph(dag.graph)
    graph.remove_edges_from(edges)
    return type(dag)(graph)
