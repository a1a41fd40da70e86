"""The base class of DAG: nodes, families and d-separation."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TypeVar

import networkx as nx

from ppgen.graph.building import build
from ppgen.graph.nodes import Node, Nodes, check_disjoint, check_sides, node_sequence
from ppgen.graph.separation import Separation, spread


class BaseDAG:
    """:class:`ppgen.graph.DAG` without the methods that are defined in files of their own."""

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
        """All nodes, in the order of the source."""
        return tuple(self.graph)

    @cached_property
    def latent(self) -> frozenset[Node]:
        """Nodes that are never observed."""
        return frozenset(n for n, latent in self.graph.nodes(data="latent") if latent)

    @cached_property
    def observed(self) -> tuple[Node, ...]:
        """Nodes that are not latent, in the order of the source."""
        return tuple(node for node in self.graph if node not in self.latent)

    @cached_property
    def rank(self) -> dict[Node, int]:
        """Position of each node in ``nodes``."""
        return {node: i for i, node in enumerate(self.nodes)}

    @cached_property
    def separation(self) -> Separation:
        """Engine of all queries. It takes sets of nodes, without checks."""
        return Separation(self.graph)

    def node_set(self, nodes: Nodes, name: str = "nodes") -> frozenset[Node]:
        """Set of one node or of several nodes; ``name`` is the argument that an error names."""
        return frozenset(node_sequence(self.graph, nodes, name))

    def query(
        self, x: Nodes, y: Nodes, given: Nodes = ()
    ) -> tuple[frozenset[Node], frozenset[Node], frozenset[Node]]:
        """Node sets of a query; validates that they are disjoint, and x and y are not empty."""
        first, second = self.node_set(x, "x"), self.node_set(y, "y")
        known = self.node_set(given, "given")
        check_sides(first, second, known)
        return first, second, known

    def in_order(self, nodes: Iterable[Node]) -> list[Node]:
        """Sort nodes as in ``nodes``."""
        return sorted(nodes, key=self.rank.__getitem__)

    def parents(self, node: Nodes) -> frozenset[Node]:
        """Nodes with an edge to ``node``."""
        return frozenset(p for n in self.node_set(node) for p in self.graph.pred[n])

    def children(self, node: Nodes) -> frozenset[Node]:
        """Nodes with an edge from ``node``."""
        return frozenset(c for n in self.node_set(node) for c in self.graph.succ[n])

    def ancestors(self, nodes: Nodes) -> frozenset[Node]:
        """Nodes with a directed path to ``nodes``, and ``nodes`` themselves."""
        return spread(self.separation.parents, self.node_set(nodes))

    def descendants(self, nodes: Nodes) -> frozenset[Node]:
        """Nodes with a directed path from ``nodes``, and ``nodes`` themselves."""
        return spread(self.separation.children, self.node_set(nodes))

    def d_separated(self, x: Nodes, y: Nodes, given: Nodes = ()) -> bool:
        """Whether the graph implies that x and y are independent given ``given``.

        With latent nodes, including those of bidirected edges, this is m-separation.

        Examples
        --------
        >>> BaseDAG("a -> c <- b; c -> d").d_separated("a", "b", given="d")
        False
        """
        return not self.separation.connected(*self.query(x, y, given))

    def reachable(self, x: Nodes, given: Nodes = ()) -> frozenset[Node]:
        """All nodes that are d-connected to x given ``given``, including x, in linear time.

        Examples
        --------
        >>> sorted(BaseDAG("a -> c <- b; c -> d").reachable("a", given="c"))
        ['a', 'b']
        """
        first, known = self.node_set(x, "x"), self.node_set(given, "given")
        check_disjoint(x=first, given=known)
        return self.separation.reachable(first, known)


AnyDAG = TypeVar("AnyDAG", bound=BaseDAG)
