"""What DAGs have in common that imply the same independencies, and what their nodes share."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from itertools import combinations

import networkx as nx

from ppgen.graph.building import Nodes
from ppgen.graph.core import BaseDAG
from ppgen.graph.errors import GraphError
from ppgen.graph.independence import Node


@dataclass(frozen=True)
class CPDAG:
    """An equivalence class of DAGs: all that imply the same independencies.

    Attributes
    ----------
    nodes
        All nodes.
    directed
        Edges (parent, child) that point the same way in every DAG of the class.
    undirected
        Edges that point this way in some and that way in others.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> pattern = DAG("a -> c <- b; d -> a").cpdag()
    >>> sorted(pattern.directed), sorted(map(sorted, pattern.undirected))
    ([('a', 'c'), ('b', 'c')], [['a', 'd']])
    """

    nodes: frozenset[Node]
    directed: frozenset[tuple[Node, Node]]
    undirected: frozenset[frozenset[Node]]

    def __str__(self) -> str:
        directed = (f"{a} → {b}" for a, b in self.directed)
        undirected = (" — ".join(sorted(map(str, edge))) for edge in self.undirected)
        return "; ".join([*sorted(directed), *sorted(undirected)])


def markov_blanket(dag: BaseDAG, x: Nodes) -> frozenset[Node]:
    """Find the smallest set of observed nodes that makes x independent of all other observed ones.

    Where no node is latent it is the parents, the children, and the children's other parents
    (Pearl 1988, Probabilistic reasoning in intelligent systems).

    Raises
    ------
    GraphError
        Where a node is unknown.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> sorted(DAG("a -> b -> c -> d; e -> c").markov_blanket("b"))
    ['a', 'c', 'e']
    """
    chosen = dag.node_set(x, "x")
    return dag.separation.boundary(chosen, frozenset(dag.observed) - chosen)


def moral(dag: BaseDAG) -> nx.Graph:
    """Join the parents of each node, and drop the arrows; latent nodes are kept.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> sorted(DAG("a -> c <- b").moral().edges)
    [('a', 'b'), ('a', 'c'), ('c', 'b')]
    """
    return nx.moral_graph(dag.graph)


def v_structures(dag: BaseDAG) -> tuple[tuple[Node, Node, Node], ...]:
    """List the colliders a → c ← b with no edge between a and b, each as (a, c, b) once.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> DAG("a -> c <- b; c -> d").v_structures()
    (('a', 'c', 'b'),)
    """
    children = dag.separation.children
    return tuple(
        (a, c, b)
        for c in dag.nodes
        for a, b in combinations(dag.in_order(dag.separation.parents[c]), 2)
        if a not in children[b] and b not in children[a]
    )


def cpdag(dag: BaseDAG) -> CPDAG:
    """Find which edges point the same way in every DAG that implies the same independencies.

    Nodes are taken parents first. An edge into y cannot turn where one into its latest parent x
    cannot and does not come from a parent of y, or where y has a parent that x lacks; and with one
    edge, all into y are then fixed (Chickering 1995, A transformational characterization of
    equivalent Bayesian network structures, section 3).

    Raises
    ------
    GraphError
        Where nodes are latent: classes of such graphs are of another kind.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(DAG("a -> c <- b; c -> d; d -> e; f -> a").cpdag())
    a → c; b → c; c → d; d → e; a — f
    """
    _refuse_latent(dag, "the graph")
    parents = dag.separation.parents
    position = {node: i for i, node in enumerate(dag.order)}
    fixed: dict[Node, Set[Node]] = {}  # head: tails of the edges to it that cannot turn
    for y in dag.order:
        above = parents[y].keys()
        fixed[y] = frozenset()
        if above:
            x = max(above, key=position.__getitem__)
            turns = fixed[x] <= above and above - {x} <= parents[x].keys()
            fixed[y] = fixed[x] if turns else above
    return CPDAG(
        frozenset(dag.nodes),
        frozenset((x, y) for y in fixed for x in fixed[y]),
        frozenset(frozenset((x, y)) for x, y in dag.graph.edges if x not in fixed[y]),
    )


def equivalent(dag: BaseDAG, other: BaseDAG) -> bool:
    """Whether two DAGs imply the same independencies.

    They do where they have the same edges, arrows apart, and the same v-structures (Verma and Pearl
    1990, Equivalence and synthesis of causal models). DAGs of different nodes are not equivalent.

    Raises
    ------
    GraphError
        Where ``other`` is no DAG, or nodes are latent: this rule then says nothing about those
        that are observed.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> chain, fork, collider = DAG("a -> b -> c"), DAG("a <- b -> c"), DAG("a -> b <- c")
    >>> chain.equivalent(fork), chain.equivalent(collider)
    (True, False)
    """
    if not isinstance(other, BaseDAG):
        raise GraphError(f"other is {other!r}; expected a DAG")
    _refuse_latent(dag, "the graph")
    _refuse_latent(other, "other")
    return _class(dag) == _class(other)


def _class(dag: BaseDAG) -> tuple[frozenset[object], ...]:
    return (
        frozenset(dag.nodes),
        frozenset(map(frozenset, dag.graph.edges)),
        frozenset((frozenset((a, b)), c) for a, c, b in v_structures(dag)),
    )


def _refuse_latent(dag: BaseDAG, name: str) -> None:
    if dag.latent:
        raise GraphError(
            f"{name} has latent nodes ({', '.join(map(str, dag.in_order(dag.latent)))}); "
            "expected all to be observed"
        )
