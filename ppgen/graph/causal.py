"""Interventions, and adjustment sets by the back-door criterion."""

from collections.abc import Iterable

import networkx as nx

from ppgen.graph.core import AnyDAG, BaseDAG
from ppgen.graph.nodes import GraphError, Node, Nodes, join
from ppgen.graph.separators import minimal_separator


def do(dag: AnyDAG, x: Nodes) -> AnyDAG:
    """Graph of the intervention do(x): without the edges into x (Pearl 2009, section 3.2.3).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("u -> x; u -> y")
    >>> dag.d_separated("x", "y"), dag.do("x").d_separated("x", "y")
    (False, True)
    """
    return _without(dag, dag.graph.in_edges(dag.node_set(x, "x")))


def backdoor_valid(dag: BaseDAG, x: Nodes, y: Nodes, given: Nodes = ()) -> bool:
    """Whether adjusting for ``given`` identifies the effect of x on y by the back-door criterion.

    No node of ``given`` may be a descendant of x, and ``given`` must separate x from y in the graph
    without the edges out of x (Pearl 2009, Causality, definition 3.3.1). A set x means one
    intervention on all its nodes; the condition is then sufficient (rules 2 and 3 of the
    do-calculus).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("u -> x -> m -> y; u -> y")
    >>> dag.backdoor_valid("x", "y"), dag.backdoor_valid("x", "y", given="u")
    (False, True)
    >>> dag.backdoor_valid("x", "y", given={"u", "m"})
    False
    """
    query = dag.query(x, y, given)
    if latent := query.given & dag.latent:
        raise GraphError(f"given contains latent nodes, {join(latent)}; expected observed nodes")
    if query.given & dag.descendants(query.x):
        return False
    back = _without(dag, dag.graph.out_edges(query.x))
    return back.d_separated(query.x, query.y, query.given)


def backdoor_set(dag: BaseDAG, x: Nodes, y: Nodes) -> frozenset[Node] | None:
    """Minimal set of observed nodes to adjust for, by the back-door criterion; None without one.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> DAG("a -> u -> x -> y; u -> y").backdoor_set("x", "y")
    frozenset({'u'})
    >>> DAG("x -> y; x <-> y").backdoor_set("x", "y") is None
    True
    """
    query = dag.query(x, y)
    pool = frozenset(dag.observed) - dag.descendants(query.x)
    back = _without(dag, dag.graph.out_edges(query.x))
    return minimal_separator(back, query.x, query.y, among=pool)


def _without(dag: AnyDAG, edges: Iterable[tuple[Node, Node]]) -> AnyDAG:
    graph = nx.DiGraph(dag.graph)
    graph.remove_edges_from(list(edges))
    return type(dag)(graph)
