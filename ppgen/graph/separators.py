"""Separators of two sets of nodes, and what follows of interventions and adjustment sets."""

from collections.abc import Iterable, Iterator

import networkx as nx

from ppgen.graph.core import AnyDAG, BaseDAG
from ppgen.graph.nodes import GraphError, Node, Nodes, join
from ppgen.graph.separation import union

Set = frozenset[Node]


def minimal_separator(dag: BaseDAG, x: Nodes, y: Nodes, among: Nodes | None = None) -> Set | None:
    """Minimal d-separator nearest to x: no proper subset of it separates x from y.

    It is chosen among the nodes ``among``, by default all observed ones, in linear time. None if
    no set of these separates x from y, for example if x and y are neighbours.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> DAG("a -> b -> c -> d; a -> e <- d").minimal_separator("a", "d")
    frozenset({'b'})
    """
    return _Moral(dag, x, y, among).nearest()


def minimal_separators(
    dag: BaseDAG, x: Nodes, y: Nodes, among: Nodes | None = None
) -> Iterator[Set]:
    """All minimal d-separators of x and y among some nodes, with polynomial time between two.

    The search moves each separator past one of its own nodes to the nearest separator behind it;
    this reaches every one (Shen and Liang 1997, Efficient enumeration of all minimal separators in
    a graph).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> [set(found) for found in DAG("a -> b -> c -> d").minimal_separators("a", "d")]
    [{'b'}, {'c'}]
    """
    return _all_minimal(_Moral(dag, x, y, among))


def all_separators(dag: BaseDAG, x: Nodes, y: Nodes) -> Iterator[Set]:
    """All d-separators of x and y, minimal or not, with polynomial time between two.

    The search decides for one node after the other whether it is in the separator. It drops a
    branch if no separator contains the chosen nodes and leaves out the rejected ones. There is one
    if and only if all nodes that are not rejected, among the ancestors of x, y and the chosen
    nodes, separate x from y (van der Zander, Liśkiewicz and Textor 2014, Constructing separators
    and adjustment sets in ancestral graphs).
    """
    query = dag.query(x, y)
    sides = query.x | query.y
    pool = [node for node in dag.observed if node not in sides]
    stack: list[tuple[Set, Set, int]] = [(frozenset(), frozenset(pool), 0)]
    while stack:
        chosen, allowed, position = stack.pop()
        widest = dag.ancestors(sides | chosen) & allowed
        if dag.separation.connected(query.x, query.y, widest):
            continue
        if position == len(pool):
            yield chosen
            continue
        node = frozenset((pool[position],))
        stack.append((chosen | node, allowed, position + 1))
        stack.append((chosen, allowed - node, position + 1))


def _all_minimal(moral: "_Moral") -> Iterator[Set]:
    first = moral.nearest()
    if first is None:
        return
    seen, queue = {first}, [first]
    for separator in queue:  # which grows
        yield separator
        side = moral.spread(moral.x, separator) - separator
        for node in moral.dag.in_order(separator):
            moved = moral.nearest(side | {node})
            if moved is not None and moved not in seen:
                seen.add(moved)
                queue.append(moved)


class _Moral:
    """Moral graph of the ancestors of x and y; its separators are those of the DAG.

    (Lauritzen et al. 1990, Independence properties of directed Markov fields.) Its cliques are the
    families, each a node with its parents. The search goes from family to family, so the edges of
    the cliques are never created. Nodes outside ``pool`` are in no separator.
    """

    def __init__(self, dag: BaseDAG, x: Nodes, y: Nodes, among: Nodes | None) -> None:
        self.dag = dag
        query = dag.query(x, y)
        self.x, self.y = query.x, query.y
        self.above = dag.ancestors(self.x | self.y)
        pool = frozenset(dag.observed) if among is None else dag.node_set(among, "among")
        self.pool = (pool & self.above) - self.x - self.y

    def nearest(self, side: Set | None = None) -> Set | None:
        """Minimal separator nearest to ``side`` (default x), or None if ``side`` touches y.

        ``side`` must contain x, and every node of it must be connected to x within it.
        """
        side = self.x if side is None else side
        reached = self.spread(side, self.pool | self.y)
        if reached & self.y:
            return None
        border = (reached & self.pool) - side
        return self.spread(self.y, border) & border

    def spread(self, start: Set, walls: Set) -> Set:
        """All nodes reachable from ``start`` without passing a wall, including the walls."""
        parents, children = self.dag.separation.parents, self.dag.separation.children
        reached, families, front = set(start), set[Node](), set(start)
        while front:
            heads = (front | (union(children, front) & self.above)) - families
            families |= heads
            new = (heads | union(parents, heads)) - reached
            reached |= new
            front = new - walls
        return frozenset(reached)


def do(dag: AnyDAG, x: Nodes) -> AnyDAG:
    """Graph of the intervention do(x): without the edges into x (Pearl 2009, section 3.2.3).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("u -> x; u -> y")
    >>> dag.d_separated("x", "y"), dag.do("x").d_separated("x", "y")
    (False, True)
    """
    return _without(dag, dag.graph.in_edges(dag.node_set(x, "x")))


def backdoor_valid(dag: BaseDAG, x: Nodes, y: Nodes, given: Nodes = ()) -> bool:
    """Whether adjusting for ``given`` identifies the effect of x on y by the back-door criterion.

    No node of ``given`` may be a descendant of x, and ``given`` must separate x from y in the graph
    without the edges out of x (Pearl 2009, Causality, definition 3.3.1). A set x means one
    intervention on all its nodes; the condition is then sufficient (rules 2 and 3 of the
    do-calculus).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("u -> x -> m -> y; u -> y")
    >>> dag.backdoor_valid("x", "y"), dag.backdoor_valid("x", "y", given="u")
    (False, True)
    >>> dag.backdoor_valid("x", "y", given={"u", "m"})
    False
    """
    query = dag.query(x, y, given)
    if latent := query.given & dag.latent:
        raise GraphError(f"given contains latent nodes, {join(latent)}; expected observed nodes")
    if query.given & dag.descendants(query.x):
        return False
    back = _without(dag, dag.graph.out_edges(query.x))
    return back.d_separated(query.x, query.y, query.given)


def backdoor_set(dag: BaseDAG, x: Nodes, y: Nodes) -> frozenset[Node] | None:
    """Minimal set of observed nodes to adjust for, by the back-door criterion; None without one.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> DAG("a -> u -> x -> y; u -> y").backdoor_set("x", "y")
    frozenset({'u'})
    >>> DAG("x -> y; x <-> y").backdoor_set("x", "y") is None
    True
    """
    query = dag.query(x, y)
    pool = frozenset(dag.observed) - dag.descendants(query.x)
    back = _without(dag, dag.graph.out_edges(query.x))
    return minimal_separator(back, query.x, query.y, among=pool)


def _without(dag: AnyDAG, edges: Iterable[tuple[Node, Node]]) -> AnyDAG:
    graph = nx.DiGraph(dag.graph)
    graph.remove_edges_from(list(edges))
    return type(dag)(graph)
