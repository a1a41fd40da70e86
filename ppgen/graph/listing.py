"""Factorisation of the joint distribution, and iterators over the implied independencies.

Independencies are about observed nodes; those that would name a latent node are left out.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

from ppgen.arguments import checked
from ppgen.graph.core import BaseDAG
from ppgen.graph.nodes import GraphError, Independence, Node, latex_name
from ppgen.graph.separators import all_separators, minimal_separators
from ppgen.graph.statements import statements


@checked
def factorisation(dag: BaseDAG, *, latex: bool = False) -> str:
    r"""Joint distribution as a product of p(node | parents), in text or LaTeX for math mode.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("S -> R; AP -> R; R -> G")
    >>> dag.factorisation()
    'p(S) p(AP) p(R | S, AP) p(G | R)'
    >>> print(dag.factorisation(latex=True))
    p(S)\, p(\mathrm{AP})\, p(R \mid S, \mathrm{AP})\, p(G \mid R)
    """
    return (r"\, " if latex else " ").join(factors(dag, latex))


def factors(dag: BaseDAG, latex: bool = False) -> Iterator[str]:
    """Factors p(node | parents) of the joint distribution, parents before children."""
    name, mid = (latex_name, r" \mid ") if latex else (str, " | ")
    for node in dag.order:
        parents = ", ".join(map(name, dag.in_order(dag.separation.parents[node])))
        yield f"p({name(node)}{mid + parents if parents else ''})"


@statements
def chain_rule(dag: BaseDAG, ordering: Iterable[Node] | None = None) -> Iterator[Independence]:
    """Independencies of the chain rule along an ordering: x_i ⊥ other predecessors | B.

    B is the smallest set of predecessors that makes x_i independent of the others. It is the
    parents of x_i if all of them and none of its descendants come before x_i. A node whose B is all
    its predecessors has no statement. ``ordering`` has each observed node once, latent nodes are
    skipped; by default parents come before children.

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
            f"ordering has {len(nodes)} nodes, {len(chosen)} of them different; expected each "
            f"of the {len(dag.observed)} observed nodes once"
        )
    return _along(dag, [node for node in nodes if node not in dag.latent])


def _along(dag: BaseDAG, ordering: list[Node]) -> Iterator[Independence]:
    before: set[Node] = set()
    upwards_closed = True  # so far; then no descendant of a node comes before it
    for node in ordering:
        parents = dag.separation.parents[node].keys()
        upwards_closed = upwards_closed and parents <= before
        needed = parents if upwards_closed else dag.separation.boundary({node}, before)
        if others := before - needed:
            yield Independence({node}, others, needed)
        before.add(node)


@statements
def local_markov(dag: BaseDAG) -> Iterator[Independence]:
    """Local Markov property: each node ⊥ its other non-descendants | its parents.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*local_markov(DAG("a -> b -> c; a -> d")), sep="; ")
    b ⊥ d | a; c ⊥ a, d | b; d ⊥ b, c | a
    """
    observed = dag.visible
    for node in dag.observed:
        parents = frozenset(dag.separation.parents[node])
        others = observed - dag.descendants({node}) - parents
        if others and parents <= observed:
            yield Independence({node}, others, parents)


@statements
def pairwise(dag: BaseDAG) -> Iterator[Independence]:
    """Pairwise Markov property: x ⊥ y | other non-descendants of y, for each missing edge x → y.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*pairwise(DAG("a -> b -> c; a -> d")), sep="; ")
    b ⊥ d | a, c; a ⊥ c | b, d; c ⊥ d | a, b
    """
    observed = dag.visible
    for y, before in _missing_edges(dag):
        others = frozenset(dag.nodes) - dag.descendants({y})
        if others <= observed:
            for x in before:
                yield Independence({x}, {y}, others - {x})


@statements
def basis(dag: BaseDAG) -> Iterator[Independence]:
    """Basis set: x ⊥ y | parents of x and parents of y, for each missing edge.

    If no node is latent, these statements imply all others (Shipley 2000, A new inferential test
    for path models based on directed acyclic graphs).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*basis(DAG("a -> b -> c; a -> d")), sep="; ")
    b ⊥ d | a; a ⊥ c | b; c ⊥ d | a, b
    """
    observed = dag.visible
    parents = dag.separation.parents
    for y, before in _missing_edges(dag):
        for x in before:
            given = frozenset(parents[x]).union(parents[y])
            if given <= observed:
                yield Independence({x}, {y}, given)


@statements
def implied(dag: BaseDAG) -> Iterator[Independence]:
    """Minimal independencies: x ⊥ y | Z for each pair of nodes and each minimal separator Z.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*implied(DAG("a -> b -> c -> d")), sep="; ")
    a ⊥ c | b; a ⊥ d | b; a ⊥ d | c; b ⊥ d | c
    """
    return _separated(dag, minimal_separators)


@statements
def every(dag: BaseDAG) -> Iterator[Independence]:
    """All independencies x ⊥ y | Z of two nodes; there can be exponentially many.

    These imply all independencies of sets: in a DAG, two sets are d-separated if and only if all
    pairs of their members are.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*every(DAG("a -> b -> c; a -> d")), sep="; ")
    a ⊥ c | b; a ⊥ c | b, d; b ⊥ d | a; b ⊥ d | a, c; c ⊥ d | b; c ⊥ d | a; c ⊥ d | a, b
    """
    return _separated(dag, all_separators)


def _separated(
    dag: BaseDAG, separators: Callable[..., Iterator[frozenset[Node]]]
) -> Iterator[Independence]:
    for x, y in combinations(dag.observed, 2):
        if not (dag.graph.has_edge(x, y) or dag.graph.has_edge(y, x)):
            for separator in separators(dag, {x}, {y}):
                yield Independence({x}, {y}, separator)


def _missing_edges(dag: BaseDAG) -> Iterator[tuple[Node, list[Node]]]:
    """Each observed node with its observed predecessors in ``order`` that are not its parents."""
    before: list[Node] = []
    for node in dag.order:
        if node not in dag.latent:
            yield node, [other for other in before if other not in dag.graph.pred[node]]
            before.append(node)
