"""Effect of some nodes on others: its causal paths, and what must not be adjusted for."""

from collections.abc import Iterable
from functools import cached_property
from typing import Self

import networkx as nx

from ppgen.graph.core import AnyDAG, BaseDAG
from ppgen.graph.nodes import GraphError, Node, Nodes, NodeSet, check_disjoint, join
from ppgen.graph.separation import spread


class Effect:
    """Effect of one set of nodes on another: its proper causal paths, and the graph without them.

    Attributes
    ----------
    between
        Nodes of the proper causal paths, without those of ``cause``.
    forbidden
        Descendants of ``between``: knowing them changes the effect.
    selected
        Nodes that are given in the sample.
    """

    def __init__(self, dag: BaseDAG, cause: Nodes, effect: Nodes) -> None:
        self.dag = dag
        self.cause = _given_or_marked(dag, cause, "cause", "exposure")
        self.effect = _given_or_marked(dag, effect, "effect", "outcome")
        if not self.cause:
            raise GraphError("cause is empty; expected nodes, here or marked [exposure]")
        if not self.effect:
            raise GraphError("effect is empty; expected nodes, here or marked [outcome]")
        self.selected = frozenset(dag.marked("selected"))
        check_disjoint(cause=self.cause, effect=self.effect, selected=self.selected)
        above = spread(dag.separation.parents, self.effect, walls=self.cause)
        self.between = (above & dag.descendants(self.cause)) - self.cause
        self.forbidden = dag.descendants(self.between)

    def __str__(self) -> str:
        return f"the effect of {join(self.cause)} on {join(self.effect)}"

    @cached_property
    def cut(self) -> BaseDAG:
        """Graph without the first edges of all proper causal paths."""
        return without(
            self.dag,
            ((a, b) for a in self.cause for b in self.dag.graph.succ[a] if b in self.between),
        )

    @property
    def biased(self) -> bool:
        """Whether the sample is selected by what the effect depends on otherwise."""
        return self.cut.separation.connected(self.effect, self.selected, frozenset())

    def unselected(self, what: str) -> Self:
        """Raise an error if the sample is selected."""
        if self.selected:
            raise GraphError(
                f"the graph has nodes marked [selected], {join(self.selected)}; expected none, for "
                f"{what}"
            )
        return self

    def observed(self, nodes: Nodes, name: str, mark: str = "") -> NodeSet:
        """Set of observed nodes other than causes and effects, by default marked ones."""
        chosen = _observed(self.dag, _given_or_marked(self.dag, nodes, name, mark), name)
        check_disjoint(**{"cause": self.cause, "effect": self.effect, name: chosen})
        return chosen

    def among(self, nodes: Nodes) -> NodeSet:
        """Set of observed nodes, by default all."""
        chosen = self.dag.visible if nodes is None else self.dag.node_set(nodes, "among")
        return _observed(self.dag, chosen, "among")

    def choice(self, among: Nodes, must: Nodes) -> tuple[NodeSet, NodeSet]:
        """Nodes that a set to adjust for can contain, and nodes that it has to contain."""
        pool = self.among(among) - self.forbidden - self.cause - self.effect - self.selected
        return pool, self.observed(must, "must", "adjusted")


def _given_or_marked(dag: BaseDAG, nodes: Nodes, name: str, mark: str) -> NodeSet:
    return frozenset(dag.marked(mark)) if nodes is None else dag.node_set(nodes, name)


def _observed(dag: BaseDAG, nodes: NodeSet, name: str) -> NodeSet:
    if latent := nodes & dag.latent:
        raise GraphError(f"{name} contains latent nodes, {join(latent)}; expected observed nodes")
    return nodes


def without(dag: AnyDAG, edges: Iterable[tuple[Node, Node]]) -> AnyDAG:
    """Graph without some edges."""
    graph = nx.DiGraph(dag.graph)
    graph.remove_edges_from(list(edges))
    return type(dag)(graph)
