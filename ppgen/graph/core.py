"""A directed acyclic graph, its families and its separations: what all other questions rest on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TypeVar

import networkx as nx

from ppgen.graph.building import Nodes, build, node_set
from ppgen.graph.errors import GraphError
from ppgen.graph.independence import Node, refuse_overlap
from ppgen.graph.separation import Separation, spread


class BaseDAG:
    """What :class:`ppgen.graph.DAG` is without the questions that have a file of their own."""

    def __init__(
        self,
        source: str | nx.DiGraph | Iterable[tuple[Node, Node]],
        latent: Nodes = (),
    ) -> None:
        self.graph, self.order = build(source, latent)

    def __repr__(self) -> str:
        latent = f", {len(self.latent)} latent" if self.latent else ""
        size = f"{len(self.graph)} nodes, {self.graph.number_of_edges()} edges{latent}"
        return f"{type(self).__name__}({size})"

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, in the order in which they came."""
        return tuple(self.graph)

    @cached_property
    def latent(self) -> frozenset[Node]:
        """Nodes that are never observed."""
        return frozenset(n for n, latent in self.graph.nodes(data="latent") if latent)

    @cached_property
    def observed(self) -> tuple[Node, ...]:
        """Nodes that can be observed, in the order in which they came."""
        return tuple(node for node in self.graph if node not in self.latent)

    @cached_property
    def rank(self) -> dict[Node, int]:
        """Where each node stands in ``nodes``: what listings go by, to be the same every time."""
        return {node: i for i, node in enumerate(self.nodes)}

    @cached_property
    def separation(self) -> Separation:
        """The engine of all queries; it takes sets, and does not check them."""
        return Separation(self.graph)

    def node_set(self, nodes: Nodes, name: str = "nodes") -> frozenset[Node]:
        """Make a set of one node, or of several, and check that all are in the graph.

        Raises
        ------
        GraphError
            With ``name``, and the nearest name of a node.
        """
        return node_set(self.graph, nodes, name)

    def query(
        self, x: Nodes, y: Nodes, given: Nodes = ()
    ) -> tuple[frozenset[Node], frozenset[Node], frozenset[Node]]:
        """Make sets of the nodes of a question, and check them.

        Raises
        ------
        GraphError
            Where a node is unknown, x or y is empty, or the sets overlap.
        """
        first, second = self.node_set(x, "x"), self.node_set(y, "y")
        known = self.node_set(given, "given")
        for name, nodes in (("x", first), ("y", second)):
            if not nodes:
                raise GraphError(f"{name} is empty; expected one node or more")
        refuse_overlap(x=first, y=second, given=known)
        return first, second, known

    def in_order(self, nodes: Iterable[Node]) -> list[Node]:
        """Sort nodes as in ``nodes``."""
        return sorted(nodes, key=self.rank.__getitem__)

    def parents(self, node: Node) -> frozenset[Node]:
        """Nodes with an edge to ``node``.

        Raises
        ------
        GraphError
            Where a node is unknown.
        """
        return frozenset(p for n in self.node_set(node) for p in self.graph.pred[n])

    def children(self, node: Node) -> frozenset[Node]:
        """Nodes with an edge from ``node``.

        Raises
        ------
        GraphError
            Where a node is unknown.
        """
        return frozenset(c for n in self.node_set(node) for c in self.graph.succ[n])

    def ancestors(self, nodes: Nodes) -> frozenset[Node]:
        """Give the nodes themselves, and everything above them.

        Raises
        ------
        GraphError
            Where a node is unknown.
        """
        return spread(self.separation.parents, self.node_set(nodes))

    def descendants(self, nodes: Nodes) -> frozenset[Node]:
        """Give the nodes themselves, and everything below them.

        Raises
        ------
        GraphError
            Where a node is unknown.
        """
        return spread(self.separation.children, self.node_set(nodes))

    def d_separated(self, x: Nodes, y: Nodes, given: Nodes = ()) -> bool:
        """Whether the graph implies that x and y are independent given ``given``.

        With latent nodes, of which bidirected edges are short for one, this is m-separation.

        Raises
        ------
        GraphError
            Where a node is unknown, x or y is empty, or the sets overlap.

        Examples
        --------
        >>> BaseDAG("a -> c <- b; c -> d").d_separated("a", "b", given="d")
        False
        """
        return not self.separation.connected(*self.query(x, y, given))

    def reachable(self, x: Nodes, given: Nodes = ()) -> frozenset[Node]:
        """Every node that depends on x given ``given``, x included; in linear time.

        Raises
        ------
        GraphError
            Where a node is unknown, or the sets overlap.

        Examples
        --------
        >>> sorted(BaseDAG("a -> c <- b; c -> d").reachable("a", given="c"))
        ['a', 'b']
        """
        first, known = self.node_set(x, "x"), self.node_set(given, "given")
        refuse_overlap(x=first, given=known)
        return self.separation.reachable(first, known)


AnyDAG = TypeVar("AnyDAG", bound=BaseDAG)
