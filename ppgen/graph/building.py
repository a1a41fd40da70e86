"""Graphs from text, from pairs of nodes, and from networkx; cycles are refused."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable
from typing import Any

import networkx as nx

from ppgen.graph.errors import GraphError
from ppgen.graph.independence import Node
from ppgen.graph.parsing import parse

Nodes = Any  # one node, or an iterable of nodes

NAMED = 20  # nodes of a cycle that an error names


def build(source: object, latent: Nodes = ()) -> tuple[nx.DiGraph, tuple[Node, ...]]:
    """Make a frozen graph, with the attribute ``latent`` on every node, and a topological order.

    Parameters
    ----------
    source
        Text, pairs (parent, child) or a directed graph of networkx.
    latent
        Nodes that are latent besides those which the source says to be.

    Raises
    ------
    GraphError
        Where the source is none of these, has a cycle, or lacks a node of ``latent``.

    Examples
    --------
    >>> graph, order = build([("b", "c"), ("a", "b")])
    >>> order
    ('a', 'b', 'c')
    """
    graph = _from_text(source) if isinstance(source, str) else _from_edges(source)
    extra = node_set(graph, latent, "latent")
    for node, attributes in graph.nodes(data=True):
        attributes["latent"] = bool(attributes.get("latent")) or node in extra
    order = _order(graph)
    return nx.freeze(graph), order


def node_set(graph: nx.DiGraph, nodes: Nodes, name: str) -> frozenset[Node]:
    """Make a set of one node, or of several, and check that all are in the graph.

    Raises
    ------
    GraphError
        With the nearest name.
    """
    return frozenset(node_sequence(graph, nodes, name))


def node_sequence(graph: nx.DiGraph, nodes: Nodes, name: str) -> tuple[Node, ...]:
    """Put one node, or several in their order, into a tuple, and check that all are in the graph.

    Raises
    ------
    GraphError
        With the nearest name.

    Examples
    --------
    >>> graph = nx.DiGraph([("a", "b")])
    >>> node_sequence(graph, ["b", "a"], "path"), node_sequence(graph, "a", "path")
    (('b', 'a'), ('a',))
    """
    single = isinstance(nodes, str) or not isinstance(nodes, Iterable) or nodes in graph
    chosen: tuple[Node, ...] = (nodes,) if single else tuple(nodes)
    for node in chosen:
        if node not in graph:
            if not isinstance(node, Hashable):
                raise GraphError(f"{name} is {nodes!r}; expected a node, or several of them")
            near = difflib.get_close_matches(str(node), map(str, graph), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise GraphError(f"{name} names {node!r}, which is no node of the graph{hint}")
    return chosen


def from_pairs(source: object, name: str) -> nx.DiGraph:
    """Make a graph, which may have cycles, of pairs (parent, child).

    Raises
    ------
    GraphError
        With ``name``, where the source holds anything else.

    Examples
    --------
    >>> from_pairs([("a", "b"), ("b", "a")], "graph").edges
    OutEdgeView([('a', 'b'), ('b', 'a')])
    """
    if not isinstance(source, Iterable):
        raise GraphError(f"{name} is {source!r}; expected text, pairs of nodes or a DiGraph")
    edges = list(source)
    for edge in edges:
        if not isinstance(edge, tuple | list) or len(edge) != 2:
            raise GraphError(f"{name} holds {edge!r}; expected pairs (parent, child)")
    graph = nx.DiGraph()
    try:
        graph.add_edges_from(edges)
    except (TypeError, ValueError) as error:  # unhashable, or None
        raise GraphError(f"{name} holds what cannot be a node: {error}") from None
    return graph


def _from_text(text: str) -> nx.DiGraph:
    parsed = parse(text)
    graph = nx.DiGraph()
    graph.add_nodes_from(parsed.nodes)
    graph.add_edges_from(parsed.edges)
    for node in parsed.latent:
        graph.nodes[node]["latent"] = True
    # Each pair once, whichever way round it was written.
    for x, y in {frozenset(pair): pair for pair in parsed.bidirected}.values():
        if x == y:
            raise GraphError(f"source has the edge {x} ↔ {x}; expected two different nodes")
        cause = f"U({x}, {y})"
        while cause in graph:
            cause += "'"
        graph.add_node(cause, latent=True)
        graph.add_edges_from(((cause, x), (cause, y)))
    return graph


def _from_edges(source: Any) -> nx.DiGraph:
    if isinstance(source, nx.Graph):
        if not source.is_directed():
            raise GraphError("source is an undirected graph; expected a networkx.DiGraph")
        graph = nx.DiGraph()
        graph.add_nodes_from(source.nodes(data=True))
        graph.add_edges_from(source.edges(data=True))
        return graph
    return from_pairs(source, "source")


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
            f"the graph has a cycle, {' → '.join(path)}; a joint distribution needs none"
        ) from None
    return tuple(order)


def _cycle(graph: nx.DiGraph, among: set[Node]) -> list[Node]:
    """Find a cycle among nodes that each have a parent among them, by going up until one returns.

    It is given from the node that came first into the graph, back to that node.
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
