"""Sets of nodes that d-separate two others: minimal ones, smallest ones and all of them."""

from collections.abc import Callable, Iterator

from ppgen.arguments import checked
from ppgen.graph.core import BaseDAG
from ppgen.graph.nodes import Node, Nodes, NodeSet, check_disjoint
from ppgen.graph.separation import union


@checked
def minimal_separator(
    dag: BaseDAG,
    x: Nodes,
    y: Nodes,
    among: Nodes | None = None,
    must: Nodes = (),
    *,
    minimum: bool = False,
) -> NodeSet | None:
    """Minimal d-separator nearest to x: no node outside ``must`` can be left out of it.

    Its nodes are those of ``must`` and some of ``among``, by default all observed nodes. None if no
    such set separates x from y, for example if x and y are neighbours. It is found in linear time.
    With ``minimum``, no other separator has fewer nodes; this takes a maximum flow.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("a -> b -> c -> d; b -> f")
    >>> dag.minimal_separator("a", "d")
    frozenset({'b'})
    >>> sorted(dag.minimal_separator("a", "d", must="f", among="c"))
    ['c', 'f']
    """
    moral = _Moral(dag, x, y, among, must)
    found = moral.nearest()
    return moral.smallest() if minimum and found is not None else found


def minimal_separators(
    dag: BaseDAG, x: Nodes, y: Nodes, among: Nodes | None = None, must: Nodes = ()
) -> Iterator[NodeSet]:
    """All minimal d-separators of x and y, with polynomial time between two.

    ``among`` and ``must`` are those of :func:`minimal_separator`. The search moves each separator
    past one of its own nodes to the nearest separator behind it; this reaches every one (Shen and
    Liang 1997, Efficient enumeration of all minimal separators in a graph).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> [set(found) for found in DAG("a -> b -> c -> d").minimal_separators("a", "d")]
    [{'b'}, {'c'}]
    """
    return _all_minimal(_Moral(dag, x, y, among, must))


def all_separators(dag: BaseDAG, x: Nodes, y: Nodes) -> Iterator[NodeSet]:
    """All d-separators of x and y, minimal or not, with polynomial time between two.

    A separator that contains the chosen nodes and others of the allowed ones exists if and only if
    all allowed ancestors of x, y and the chosen nodes separate x from y (van der Zander,
    Liśkiewicz and Textor 2014, Constructing separators and adjustment sets in ancestral graphs).
    """
    query = dag.query(x, y)
    sides = query.x | query.y

    def exists(chosen: NodeSet, allowed: NodeSet) -> bool:
        widest = dag.ancestors(sides | chosen) & allowed
        return not dag.separation.connected(query.x, query.y, widest)

    return search([node for node in dag.observed if node not in sides], exists)


def search(pool: list[Node], exists: Callable[[NodeSet, NodeSet], bool]) -> Iterator[NodeSet]:
    """All subsets of ``pool`` with some property.

    ``exists(chosen, allowed)`` is whether a set between these two has the property. The search
    decides for one node after the other whether it is in the set, and drops a branch without sets.
    """
    stack: list[tuple[NodeSet, NodeSet, int]] = [(frozenset(), frozenset(pool), 0)]
    while stack:
        chosen, allowed, position = stack.pop()
        if not exists(chosen, allowed):
            continue
        if position == len(pool):
            yield chosen
            continue
        node = frozenset((pool[position],))
        stack.append((chosen | node, allowed, position + 1))
        stack.append((chosen, allowed - node, position + 1))


def _all_minimal(moral: "_Moral") -> Iterator[NodeSet]:
    first = moral.nearest()
    if first is None:
        return
    seen, queue = {first}, [first]
    for separator in queue:  # which grows
        yield separator
        side = moral.spread(moral.x, separator) - separator
        for node in moral.dag.in_order(separator - moral.must):
            moved = moral.nearest(side | {node})
            if moved is not None and moved not in seen:
                seen.add(moved)
                queue.append(moved)


class _Moral:
    """Moral graph of the ancestors of x, y and ``must``; its separators are those of the DAG.

    (Lauritzen et al. 1990, Independence properties of directed Markov fields.) Its cliques are the
    families, each a node with its parents. The search goes from family to family, so the edges of
    the cliques are never created. Only nodes of ``pool`` and ``must`` are in separators.
    """

    def __init__(self, dag: BaseDAG, x: Nodes, y: Nodes, among: Nodes | None, must: Nodes) -> None:
        self.dag = dag
        query = dag.query(x, y)
        self.x, self.y, self.must = query.x, query.y, dag.node_set(must, "must")
        check_disjoint(x=self.x, y=self.y, must=self.must)
        self.above = dag.ancestors(self.x | self.y | self.must)
        pool = dag.visible if among is None else dag.node_set(among, "among")
        self.pool = (pool & self.above) - self.x - self.y - self.must

    def nearest(self, side: NodeSet | None = None) -> NodeSet | None:
        """Minimal separator nearest to ``side`` (default x), or None if ``side`` touches y.

        ``side`` must contain x, and every node of it must be connected to x within it.
        """
        side = self.x if side is None else side
        reached = self.spread(side, self.pool | self.y)
        if reached & self.y:
            return None
        border = (reached & self.pool) - side
        return (self.spread(self.y, border) & border) | self.must

    def spread(self, start: NodeSet, walls: NodeSet) -> NodeSet:
        """All nodes reachable from ``start`` without passing a wall, including the walls."""
        parents, children = self.dag.separation.parents, self.dag.separation.children
        walls = walls | self.must
        reached, families, front = set(start), set[Node](), set(start)
        while front:
            heads = (front | (union(children, front) & self.above)) - families
            families |= heads
            new = (heads | union(parents, heads)) - reached
            reached |= new
            front = new - walls
        return frozenset(reached)

    def smallest(self) -> NodeSet:
        """Separator with the fewest nodes: a minimum cut (Menger's theorem), if there is any.

        In the network each node is an arc, of capacity one if the node can be in a separator, and
        each family a point that all its members are joined to.
        """
        from scipy.sparse import csr_array  # here, as scipy is slow to import
        from scipy.sparse.csgraph import breadth_first_order, maximum_flow

        above = self.dag.in_order(self.above)
        entry = {node: 3 * i for i, node in enumerate(above)}  # + 1: its exit, + 2: its family
        source, sink, many = 3 * len(above), 3 * len(above) + 1, len(above) + 1
        arcs = [(entry[n], entry[n] + 1, 1 if n in self.pool else many) for n in above]
        for head in above:
            for node in {head, *self.dag.separation.parents[head]} - self.must:
                arcs.append((entry[node] + 1, entry[head] + 2, many))
                arcs.append((entry[head] + 2, entry[node], many))
        arcs += [(source, entry[node], many) for node in self.x]
        arcs += [(entry[node] + 1, sink, many) for node in self.y]
        rows, columns, capacity = zip(*arcs, strict=True)
        network = csr_array((capacity, (rows, columns)), (sink + 1, sink + 1), dtype="int32")
        residual = network - maximum_flow(network, source, sink).flow
        residual.eliminate_zeros()
        filled = set(breadth_first_order(residual, source, return_predecessors=False).tolist())
        cut = (n for n in self.pool if entry[n] in filled and entry[n] + 1 not in filled)
        return self.must.union(cut)
