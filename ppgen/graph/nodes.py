"""Nodes, their names in messages, and the error of this package."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable
from itertools import combinations
from typing import Any

import networkx as nx

Node = Hashable
Nodes = Any  # one node, or an iterable of nodes


class GraphError(ValueError):
    """Invalid graph, query or data."""


def join(nodes: Iterable[Node]) -> str:
    """Names of nodes in alphabetical order, separated by commas."""
    return ", ".join(sorted(map(str, nodes)))


def suggestion(name: object, names: Iterable[object]) -> str:
    """``"; did you mean …?"`` with the most similar name, or ``""`` if no name is similar."""
    near = difflib.get_close_matches(str(name), map(str, names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def node_sequence(graph: nx.DiGraph, nodes: Nodes, name: str) -> tuple[Node, ...]:
    """Tuple of one node or of several nodes, in their order; all must be in the graph.

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
                raise GraphError(f"{name} is {nodes!r}; expected a node or several nodes")
            hint = suggestion(node, graph)
            raise GraphError(f"{name} contains {node!r}, which is not a node of the graph{hint}")
    return chosen


def check_sides(x: frozenset[Node], y: frozenset[Node], given: frozenset[Node]) -> None:
    """Raise a GraphError if x or y is empty, or if two of the sets share a node."""
    for name, nodes in (("x", x), ("y", y)):
        if not nodes:
            raise GraphError(f"{name} is empty; expected at least one node")
    check_disjoint(x=x, y=y, given=given)


def check_disjoint(**sets: frozenset[Node]) -> None:
    """Raise a GraphError if two of the named sets share a node."""
    for (first, nodes), (second, others) in combinations(sets.items(), 2):
        if both := nodes & others:
            raise GraphError(
                f"{first} and {second} both contain {join(both)}; expected disjoint sets"
            )
