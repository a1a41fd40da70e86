"""d-separation in linear time."""

from collections.abc import Iterable, Mapping, Set
from itertools import chain
from typing import Self

import networkx as nx

from ppgen.graph.nodes import Node


class Separation:
    """d-separation queries on one graph by the Bayes-ball algorithm (Shachter 1998).

    Balls move along the edges. A ball that comes from a child moves on to parents and children. A
    ball that comes from a parent moves on to the children; a known node bounces it back to its
    parents. Known nodes stop all other balls. The bounce opens every collider above a known node,
    so ancestors of known nodes need not be marked first. All balls move at once, in set operations.
    """

    def __init__(self, graph: nx.DiGraph) -> None:
        # These are networkx's own inner dictionaries: no edge is copied.
        self.children: Mapping[Node, Mapping[Node, object]] = dict(graph.adjacency())
        self.parents: Mapping[Node, Mapping[Node, object]] = dict(
            nx.reverse_view(graph).adjacency()
        )

    def connected(self, x: Set[Node], y: Set[Node], given: Set[Node]) -> bool:
        """Whether x and y are d-connected given ``given``.

        Balls start on both sides, and the side with fewer balls moves. The search ends as soon as
        the cheaper side is exhausted or the two sides meet.
        """
        one, other = _Balls(self, x, given), _Balls(self, y, given)
        while one.rolling and other.rolling:
            if len(one.up) + len(one.down) > len(other.up) + len(other.down):
                one, other = other, one
            one.roll()
            if one.meet(other):
                return True
        return False

    def reachable(self, x: Set[Node], given: Set[Node]) -> frozenset[Node]:
        """All nodes outside ``given`` that are d-connected to x given ``given``, including x."""
        balls = _Balls(self, x, given).roll_out()
        return frozenset(balls.came_up | (balls.came_down - given))

    def boundary(self, x: Set[Node], given: Set[Node]) -> frozenset[Node]:
        """Markov boundary of x in ``given``: all nodes of ``given`` that balls from x touch.

        It is the smallest subset of ``given`` that makes x independent of the rest of ``given``.
        """
        balls = _Balls(self, x, given).roll_out()
        touched = balls.came_down & given
        above = union(self.parents, balls.came_up | touched)
        return frozenset((above & given) | touched)


class _Balls:
    """Balls from a set of nodes."""

    def __init__(self, graph: Separation, start: Set[Node], known: Set[Node]) -> None:
        self.graph, self.known = graph, known
        # Nodes that the last step reached first, from a child (or as a start) and from a parent.
        self.up: Set[Node] = start
        self.down: Set[Node] = frozenset()
        # All nodes reached so far in these ways; known nodes stop balls from children.
        self.came_up: set[Node] = set(start)
        self.came_down: set[Node] = set()

    @property
    def rolling(self) -> bool:
        return bool(self.up or self.down)

    def roll(self) -> None:
        """Move every ball along every edge that is open to it."""
        bounced = self.down & self.known
        up = union(self.graph.parents, self.up, bounced) - self.known - self.came_up
        down = union(self.graph.children, self.up, self.down - bounced) - self.came_down
        self.came_up |= up
        self.came_down |= down
        self.up, self.down = up, down

    def roll_out(self) -> Self:
        """Move the balls until none can move."""
        while self.rolling:
            self.roll()
        return self

    def meet(self, other: "_Balls") -> bool:
        """Whether a ball of the last step reached a node that the other side has reached.

        Two balls that both came from parents meet at a collider, which connects nothing. If it is
        open, its bounce meets the other side above it.
        """
        return not (
            self.up.isdisjoint(other.came_up)
            and self.up.isdisjoint(other.came_down)
            and self.down.isdisjoint(other.came_up)
        )


def union(neighbours: Mapping[Node, Iterable[Node]], *nodes: Iterable[Node]) -> set[Node]:
    """Neighbours of several nodes, as one set."""
    return set().union(*map(neighbours.__getitem__, chain(*nodes)))


def spread(
    neighbours: Mapping[Node, Iterable[Node]],
    start: Iterable[Node],
    walls: Set[Node] = frozenset(),
) -> frozenset[Node]:
    """All nodes on paths along ``neighbours`` from ``start``, including ``start``.

    Paths can end in ``walls``, but not pass them.
    """
    seen = set(start)
    front = seen
    while front:
        front = union(neighbours, front - walls) - seen
        seen |= front
    return frozenset(seen)
