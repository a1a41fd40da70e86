"""Markov blankets, moral graphs, v-structures and equivalence classes of DAGs."""

from collections.abc import Set
from dataclasses import dataclass
from itertools import combinations

import networkx as nx

from ppgen.graph.core import BaseDAG
from ppgen.graph.nodes import GraphError, Node, Nodes


@dataclass(frozen=True)
class CPDAG:
    """Completed partially directed graph: the class of all DAGs with the same independencies.

    Attributes
    ----------
    directed
        Edges (parent, child) with the same direction in all DAGs of the class.
    undirected
        Edges whose direction differs between DAGs of the class.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(DAG("a -> b -> c; d -> c").cpdag())
    b → c; d → c; a — b
    """

    nodes: frozenset[Node]
    directed: frozenset[tuple[Node, Node]]
    undirected: frozenset[frozenset[Node]]

    def __str__(self) -> str:
        directed = (f"{a} → {b}" for a, b in self.directed)
        undirected = (" — ".join(sorted(map(str, edge))) for edge in self.undirected)
        return "; ".join([*sorted(directed), *sorted(undirected)])


def markov_blanket(dag: BaseDAG, x: Nodes) -> frozenset[Node]:
    """Markov blanket: smallest set of observed nodes that makes x independent of all others.

    If no node is latent, it is the parents, the children, and the children's other parents (Pearl
    1988, Probabilistic reasoning in intelligent systems).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> sorted(DAG("a -> b -> c -> d; e -> c").markov_blanket("b"))
    ['a', 'c', 'e']
    """
    chosen = dag.node_set(x, "x")
    if dag.latent:
        return dag.separation.boundary(chosen, dag.visible) - chosen
    parents, children = dag.separation.parents, dag.separation.children
    found: set[Node] = set()
    for node in chosen:
        found.update(parents[node], children[node])
        for child in children[node]:
            found.update(parents[child])
    found -= chosen
    return frozenset(found)


def moral(dag: BaseDAG) -> nx.Graph:
    """Moral graph: undirected, with an edge between the parents of each node; keeps latent nodes.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> sorted(DAG("a -> c <- b").moral().edges)
    [('a', 'b'), ('a', 'c'), ('c', 'b')]
    """
    return nx.moral_graph(dag.graph)


def v_structures(dag: BaseDAG) -> tuple[tuple[Node, Node, Node], ...]:
    """V-structures a → c ← b without an edge between a and b, each once as (a, c, b).

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
    """Equivalence class of the DAG: which edges have the same direction in all its members.

    No node may be latent: classes of graphs with latent nodes are different objects.

    Nodes are visited parents first. Let x be the latest parent of y. If an edge into x is fixed and
    does not come from a parent of y, or if y has another parent that is not a parent of x, then all
    edges into y are fixed. Otherwise the edges into y from the tails of fixed edges into x are
    fixed (Chickering 1995, A transformational characterization of equivalent Bayesian network
    structures, section 3).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> pattern = DAG("a -> c <- b; c -> d; d -> e; f -> a").cpdag()
    >>> print(pattern)
    a → c; b → c; c → d; d → e; a — f
    >>> len(pattern.directed), [sorted(edge) for edge in pattern.undirected]
    (4, [['a', 'f']])
    """
    fixed = _fixed(dag, "the graph")
    return CPDAG(
        frozenset(dag.nodes),
        frozenset((x, y) for y in fixed for x in fixed[y]),
        frozenset(frozenset((x, y)) for x, y in dag.graph.edges if x not in fixed[y]),
    )


def equivalent(dag: BaseDAG, other: BaseDAG) -> bool:
    """Whether two DAGs imply the same independencies; no node may be latent.

    They do if they have the same edges without their directions and the same v-structures (Verma
    and Pearl 1990, Equivalence and synthesis of causal models), and then the same :func:`cpdag`.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> chain, fork, collider = DAG("a -> b -> c"), DAG("a <- b -> c"), DAG("a -> b <- c")
    >>> chain.equivalent(fork), chain.equivalent(collider)
    (True, False)
    """
    if not isinstance(other, BaseDAG):
        raise GraphError(f"other is {other!r}; expected a DAG")
    parents = other.separation.parents
    first, second = _fixed(dag, "the graph"), _fixed(other, "other")
    # The nodes are compared as well. The graphs differ in no edge if each of ours is in the other.
    return (
        first == second
        and dag.graph.number_of_edges() == other.graph.number_of_edges()
        and all(
            a in parents[b] or b in parents[a]
            for b, above in dag.separation.parents.items()
            for a in above
        )
    )


def _fixed(dag: BaseDAG, name: str) -> dict[Node, Set[Node]]:
    """For each node, the tails of the edges into it whose direction is the same in the class."""
    if dag.latent:
        names = ", ".join(map(str, dag.in_order(dag.latent)))
        raise GraphError(f"{name} has latent nodes ({names}); expected only observed nodes")
    parents = dag.separation.parents
    position = {node: i for i, node in enumerate(dag.order)}
    fixed: dict[Node, Set[Node]] = {}
    for y in dag.order:
        above = parents[y].keys()
        fixed[y] = frozenset()
        if above:
            x = max(above, key=position.__getitem__)
            turns = fixed[x] <= above and above - {x} <= parents[x].keys()
            fixed[y] = fixed[x] if turns else above
    return fixed
