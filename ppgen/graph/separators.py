"""Sets of nodes that separate others: one that is minimal, all that are, and all there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ppgen.graph.building import Nodes
from ppgen.graph.core import BaseDAG
from ppgen.graph.independence import Node
from ppgen.graph.separation import union

Set = frozenset[Node]


def minimal_separator(dag: BaseDAG, x: Nodes, y: Nodes, among: Nodes | None = None) -> Set | None:
    """Find a set of observed nodes that separates x from y and has no smaller subset that does.

    It is the one nearest to x, found in linear time.

    Parameters
    ----------
    x, y
        Nodes, or sets of them.
    among
        Nodes to choose from; by default all that are observed.

    Returns
    -------
    frozenset or None
        None where no set of these nodes separates them, as where they are neighbours.

    Raises
    ------
    GraphError
        Where a node is unknown, x or y is empty, or they overlap.

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
    """List all minimal sets of observed nodes that separate x from y, lazily.

    Each is moved past one of its own nodes to the nearest one behind it, which reaches them all
    (Shen and Liang 1997, Efficient enumeration of all minimal separators in a graph); the time
    between two is polynomial. Parameters and errors as for the minimal separator.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> [set(found) for found in DAG("a -> b -> c -> d").minimal_separators("a", "d")]
    [{'b'}, {'c'}]
    """
    return _moved(_Moral(dag, x, y, among))


def all_separators(dag: BaseDAG, x: Nodes, y: Nodes) -> Iterator[Set]:
    """List every set of observed nodes that separates x from y, minimal or not.

    Nodes are left out or taken in one after the other, as long as there is a separator between
    what must be in and what may be: that is so just where all that may be, among the ancestors
    of x, y and what must, is one. So the time between two sets is polynomial (van der Zander,
    Liśkiewicz and Textor 2014, Constructing separators and adjustment sets in ancestral graphs).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> [sorted(found) for found in all_separators(DAG("a -> b -> c; a -> d"), "a", "c")]
    [['b'], ['b', 'd']]
    """
    first, second, _ = dag.query(x, y)
    return _grown(dag, first, second)


def _moved(moral: _Moral) -> Iterator[Set]:
    first = moral.nearest()
    if first is None:
        return
    seen, queue = {first}, deque([first])
    while queue:
        separator = queue.popleft()
        yield separator
        side = moral.spread(moral.x, separator) - separator
        for node in moral.dag.in_order(separator):
            moved = moral.nearest(side | {node})
            if moved is not None and moved not in seen:
                seen.add(moved)
                queue.append(moved)


def _grown(dag: BaseDAG, x: Set, y: Set) -> Iterator[Set]:
    pool = [node for node in dag.observed if node not in x | y]
    none: Set = frozenset()
    stack = [(none, frozenset(pool), 0)]
    while stack:
        must, may, position = stack.pop()
        if dag.separation.connected(x, y, dag.ancestors(x | y | must) & may):
            continue
        if position == len(pool):
            yield must
            continue
        node = frozenset((pool[position],))
        stack.append((must | node, may, position + 1))
        stack.append((must, may - node, position + 1))


class _Moral:
    """The moral graph of the ancestors of x and y, where sets of nodes separate as in the DAG.

    (Lauritzen et al. 1990, Independence properties of directed Markov fields.) Its cliques are the
    families, a node with its parents; going from one family to the next needs no edges to be made.

    Attributes
    ----------
    pool
        Ancestors to choose separators from; other nodes let everything pass.
    """

    def __init__(self, dag: BaseDAG, x: Nodes, y: Nodes, among: Nodes | None) -> None:
        self.dag = dag
        self.x, self.y, _ = dag.query(x, y)
        self.above = dag.ancestors(self.x | self.y)
        pool = frozenset(dag.observed) if among is None else dag.node_set(among, "among")
        self.pool = (pool & self.above) - self.x - self.y

    def nearest(self, side: Set | None = None) -> Set | None:
        """Find the minimal separator nearest to ``side``, by default x; None where it touches y.

        ``side`` holds x, and is connected but for its members in x.
        """
        side = self.x if side is None else side
        reached = self.spread(side, self.pool | self.y)
        if reached & self.y:
            return None
        border = (reached & self.pool) - side
        return self.spread(self.y, border) & border

    def spread(self, start: Set, walls: Set) -> Set:
        """Give what can be reached from ``start`` without passing a wall, and the walls reached."""
        parents, children = self.dag.separation.parents, self.dag.separation.children
        reached, families, front = set(start), set[Node](), set(start)
        while front:
            heads = (front | (union(children, front) & self.above)) - families
            families |= heads
            new = (heads | union(parents, heads)) - reached
            reached |= new
            front = new - walls
        return frozenset(reached)
