"""Lists of the independencies that a DAG implies, each by its own rule and given lazily.

Statements are about observed nodes; those that would name a latent one are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from ppgen.graph.core import BaseDAG
from ppgen.graph.errors import GraphError
from ppgen.graph.independence import Independence, Node
from ppgen.graph.separators import all_separators, minimal_separators


def chain_rule(dag: BaseDAG, ordering: Iterable[Node] | None = None) -> Iterator[Independence]:
    """List what the factors of the chain rule along an ordering do not depend on.

    p(x_i | x_1 … x_{i−1}) depends on the smallest set B of predecessors given which x_i is
    independent of the others: its parents, where these all come before and no descendant does. The
    statement is x_i ⊥ the others | B; where B is everything before, there is none.

    Parameters
    ----------
    ordering
        Each observed node once; latent ones are passed over. By default parents before children.

    Raises
    ------
    GraphError
        Where the ordering does not hold each observed node once.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*chain_rule(DAG("a -> b -> c; a -> d")), sep="; ")
    b ⊥ d | a; c ⊥ a, d | b
    """
    nodes = list(dag.order if ordering is None else ordering)
    chosen = dag.node_set(nodes, "ordering")
    if len(chosen) != len(nodes) or not chosen >= set(dag.observed):
        raise GraphError(
            f"ordering holds {len(nodes)} nodes, {len(chosen)} of them different; expected each "
            f"of the {len(dag.observed)} observed nodes once"
        )
    return _along(dag, [node for node in nodes if node not in dag.latent])


def local_markov(dag: BaseDAG) -> Iterator[Independence]:
    """List each node's independence of its non-descendants given its parents.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*local_markov(DAG("a -> b -> c; a -> d")), sep="; ")
    b ⊥ d | a; c ⊥ a, d | b; d ⊥ b, c | a
    """
    observed = frozenset(dag.observed)
    for node in dag.observed:
        parents = frozenset(dag.separation.parents[node])
        others = observed - dag.descendants({node}) - parents
        if others and parents <= observed:
            yield Independence({node}, others, parents)


def pairwise(dag: BaseDAG) -> Iterator[Independence]:
    """List x ⊥ y | the other non-descendants of y, for each missing edge, x no descendant of y.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*pairwise(DAG("a -> b -> c; a -> d")), sep="; ")
    b ⊥ d | a, c; a ⊥ c | b, d; c ⊥ d | a, b
    """
    observed = frozenset(dag.observed)
    for y, before in _missing_edges(dag):
        others = frozenset(dag.nodes) - dag.descendants({y})
        if others <= observed:
            for x in before:
                yield Independence({x}, {y}, others - {x})


def basis(dag: BaseDAG) -> Iterator[Independence]:
    """List x ⊥ y | parents of x and of y, for each missing edge.

    Where no node is latent, these imply all others (Shipley 2000, A new inferential test for path
    models based on directed acyclic graphs).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*basis(DAG("a -> b -> c; a -> d")), sep="; ")
    b ⊥ d | a; a ⊥ c | b; c ⊥ d | a, b
    """
    observed = frozenset(dag.observed)
    parents = dag.separation.parents
    for y, before in _missing_edges(dag):
        for x in before:
            given = frozenset(parents[x]).union(parents[y])
            if given <= observed:
                yield Independence({x}, {y}, given)


def implied(dag: BaseDAG) -> Iterator[Independence]:
    """List x ⊥ y | Z for each pair of observed nodes and each minimal separator Z of them.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*implied(DAG("a -> b -> c -> d")), sep="; ")
    a ⊥ c | b; a ⊥ d | b; a ⊥ d | c; b ⊥ d | c
    """
    for x, y in _pairs(dag):
        for separator in minimal_separators(dag, {x}, {y}):
            yield Independence({x}, {y}, separator)


def every(dag: BaseDAG) -> Iterator[Independence]:
    """List x ⊥ y | Z for each pair of observed nodes and each set Z: exponentially many.

    For sets x and y there is nothing more to say: in a DAG, sets are separated just where all
    pairs of their members are.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*every(DAG("a -> b -> c; a -> d")), sep="; ")
    a ⊥ c | b; a ⊥ c | b, d; b ⊥ d | a; b ⊥ d | a, c; c ⊥ d | b; c ⊥ d | a; c ⊥ d | a, b
    """
    for x, y in _pairs(dag):
        for separator in all_separators(dag, {x}, {y}):
            yield Independence({x}, {y}, separator)


def _along(dag: BaseDAG, ordering: list[Node]) -> Iterator[Independence]:
    before: set[Node] = set()
    upwards_closed = True  # so far, so that nothing before a node is below it
    for node in ordering:
        parents = dag.separation.parents[node].keys()
        upwards_closed = upwards_closed and parents <= before
        needed = parents if upwards_closed else dag.separation.boundary({node}, before)
        others = before - needed
        if others:
            yield Independence({node}, others, needed)
        before.add(node)


def _pairs(dag: BaseDAG) -> Iterator[tuple[Node, Node]]:
    """Pairs of observed nodes without an edge."""
    for x, y in combinations(dag.observed, 2):
        if not (dag.graph.has_edge(x, y) or dag.graph.has_edge(y, x)):
            yield x, y


def _missing_edges(dag: BaseDAG) -> Iterator[tuple[Node, list[Node]]]:
    """Each observed node with those that are before it in topological order, but no parents."""
    before: list[Node] = []
    for node in dag.order:
        if node not in dag.latent:
            yield node, [other for other in before if other not in dag.graph.pred[node]]
            before.append(node)
