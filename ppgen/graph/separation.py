"""d-separation: what can depend on what, given what is known, in linear time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from itertools import chain

import networkx as nx

from ppgen.graph.independence import Node


class Separation:
    """Queries on one graph, by balls that roll along its edges.

    A ball that comes from a child rolls on to parents and children; one that comes from a parent
    rolls on to the children, and bounces off a known node back to that node's parents; known nodes
    let nothing else pass (Shachter 1998, Bayes-ball). The bounce opens every collider above a known
    node, so that no ancestors need to be marked beforehand. All balls roll at once, a step at a
    time, as operations on whole sets.
    """

    def __init__(self, graph: nx.DiGraph) -> None:
        # networkx gives its innermost dictionaries here, so that no edge is copied.
        self.children: Mapping[Node, Mapping[Node, object]] = dict(graph.adjacency())
        self.parents: Mapping[Node, Mapping[Node, object]] = dict(
            nx.reverse_view(graph).adjacency()
        )

    def connected(self, x: Set[Node], y: Set[Node], given: Set[Node]) -> bool:
        """Whether something in ``x`` depends on something in ``y`` given ``given``.

        Balls start on both sides, and the side with fewer of them rolls: the time is that of the
        side that is cheaper to exhaust, or where both are large, that until they meet.
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
        """All nodes outside ``given`` that depend on ``x`` given ``given``, with ``x``."""
        balls = _Balls(self, x, given).roll_out()
        return frozenset(balls.came_up | (balls.came_down - given))

    def boundary(self, x: Set[Node], given: Set[Node]) -> frozenset[Node]:
        """Nodes of ``given`` that balls from ``x`` touch.

        They are the smallest part of ``given`` that makes ``x`` independent of the rest of it, its
        Markov boundary.
        """
        balls = _Balls(self, x, given).roll_out()
        touched = balls.came_down & given
        above = union(self.parents, balls.came_up | touched)
        return frozenset((above & given) | touched)


class _Balls:
    """Where balls from some nodes have been, and those that still roll.

    Attributes
    ----------
    up, down
        Nodes that were first reached in the last step: from a child (or as the start); from a
        parent.
    came_up, came_down
        All nodes ever reached so. Known nodes are not noted in ``came_up``: they stop these balls.
    """

    def __init__(self, graph: Separation, start: Set[Node], known: Set[Node]) -> None:
        self.graph, self.known = graph, known
        self.up: Set[Node] = start
        self.down: Set[Node] = frozenset()
        self.came_up: set[Node] = set(start)
        self.came_down: set[Node] = set()

    @property
    def rolling(self) -> bool:
        return bool(self.up or self.down)

    def roll(self) -> None:
        """Move every ball along every edge that it may take."""
        bounced = self.down & self.known
        up = union(self.graph.parents, self.up, bounced) - self.known - self.came_up
        down = union(self.graph.children, self.up, self.down - bounced) - self.came_down
        self.came_up |= up
        self.came_down |= down
        self.up, self.down = up, down

    def roll_out(self) -> _Balls:
        """Move the balls until all rest."""
        while self.up or self.down:
            self.roll()
        return self

    def meet(self, other: _Balls) -> bool:
        """Whether a ball of the last step came to where one of the other side has been.

        Two that both come down meet at a collider, which is no passage; where it is open, its
        bounce will meet the other side above it.
        """
        return not (
            self.up.isdisjoint(other.came_up)
            and self.up.isdisjoint(other.came_down)
            and self.down.isdisjoint(other.came_up)
        )


def union(neighbours: Mapping[Node, Iterable[Node]], *nodes: Iterable[Node]) -> set[Node]:
    """Give the neighbours of several nodes as one set."""
    return set().union(*map(neighbours.__getitem__, chain(*nodes)))


def spread(neighbours: Mapping[Node, Iterable[Node]], start: Iterable[Node]) -> frozenset[Node]:
    """Give the nodes themselves, and everything that leads from them along ``neighbours``."""
    seen = set(start)
    front = seen
    while front:
        front = union(neighbours, front) - seen
        seen |= front
    return frozenset(seen)
