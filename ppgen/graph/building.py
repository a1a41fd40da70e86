"""Build acyclic graphs from text, pairs of nodes and networkx graphs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import networkx as nx

from ppgen.graph.nodes import GraphError, Node, Nodes, node_sequence
from ppgen.graph.parsing import parse

NAMED = 20  # nodes of a cycle that an error message names


def build(source: object, latent: Nodes = ()) -> tuple[nx.DiGraph, tuple[Node, ...]]:
    """Frozen graph with the node attribute ``latent``, and a topological order of its nodes.

    The arguments are those of :class:`ppgen.graph.DAG`.

    Examples
    --------
    >>> graph, order = build([("b", "c"), ("a", "b")])
    >>> order
    ('a', 'b', 'c')
    """
    graph = _from_text(source) if isinstance(source, str) else _from_edges(source)
    extra = set(node_sequence(graph, latent, "latent"))
    for node, attributes in graph.nodes(data=True):
        attributes["latent"] = bool(attributes.get("latent")) or node in extra
    order = _order(graph)
    return nx.freeze(graph), order


def from_pairs(source: object, name: str) -> nx.DiGraph:
    """Graph, possibly cyclic, from pairs (parent, child)."""
    if not isinstance(source, Iterable):
        raise GraphError(f"{name} is {source!r}; expected text, pairs of nodes or a DiGraph")
    edges = list(source)
    for edge in edges:
        if not isinstance(edge, tuple | list) or len(edge) != 2:
            raise GraphError(f"{name} contains {edge!r}; expected pairs (parent, child)")
    graph = nx.DiGraph()
    try:
        graph.add_edges_from(edges)
    except (TypeError, ValueError) as error:  # unhashable, or None
        raise GraphError(f"{name} contains an invalid node: {error}") from None
    return graph


def _from_text(text: str) -> nx.DiGraph:
    graph, bidirected = parse(text)
    # Each pair once, in whichever direction it was written.
    for x, y in {frozenset(pair): pair for pair in bidirected}.values():
        if x == y:
            raise GraphError(f"source has the edge {x} ↔ {x}; expected two different nodes")
        cause = f"U({x}, {y})"
        while cause in graph:
            cause += "'"
        graph.add_node(cause, latent=True)
        graph.add_edges_from(((cause, x), (cause, y)))
    return graph


def _from_edges(source: Any) -> nx.DiGraph:
    if not isinstance(source, nx.Graph):
        return from_pairs(source, "source")
    if not source.is_directed():
        raise GraphError("source is an undirected graph; expected a networkx.DiGraph")
    graph = nx.DiGraph()  # also from a multigraph or a frozen graph
    graph.add_nodes_from(source.nodes(data=True))
    graph.add_edges_from(source.edges(data=True))
    return graph


def _order(graph: nx.DiGraph) -> tuple[Node, ...]:
    order: list[Node] = []
    try:
        for generation in nx.topological_generations(graph):
            order += generation
    except nx.NetworkXUnfeasible:
        path = list(map(str, _cycle(graph, set(graph).difference(order))))
        if len(path) > NAMED:
            path[NAMED // 2 : -NAMED // 2] = [f"… {len(path) - NAMED} more …"]
        raise GraphError(
            f"the graph has the cycle {' → '.join(path)}; expected an acyclic graph"
        ) from None
    return tuple(order)


def _cycle(graph: nx.DiGraph, among: set[Node]) -> list[Node]:
    """Cycle among nodes that each have a parent among them, from its first node back to it.

    nx.find_cycle can take quadratic time; going up from parent to parent is linear.
    """
    node = next(n for n in graph if n in among)
    path: dict[Node, None] = {}
    while node not in path:
        path[node] = None
        node = next(parent for parent in graph.pred[node] if parent in among)
    upwards = list(path)
    cycle = upwards[upwards.index(node) :][::-1]
    members = set(cycle)
    first = cycle.index(next(n for n in graph if n in members))
    return [*cycle[first:], *cycle[:first], cycle[first]]
