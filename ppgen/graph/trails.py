"""Trails of a DAG: what each inner node does to them, the open one, and the shortest of all."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from math import inf

import networkx as nx

from ppgen.graph.core import BaseDAG
from ppgen.graph.independence import Node
from ppgen.graph.separation import union

Set = frozenset[Node]
State = tuple[Node, bool]


@dataclass(frozen=True)
class Passage:
    """An inner node of a trail, and whether dependence passes there.

    Attributes
    ----------
    node
        The node.
    role
        ``"chain"`` (→ node →), ``"fork"`` (← node →) or ``"collider"`` (→ node ←).
    open
        Chains and forks are open unless they are known, colliders where they or a descendant are.
    way_down
        From an open collider the shortest way down to a known node; the collider alone where it is
        itself known, and nothing for chains and forks.
    """

    node: Node
    role: str
    open: bool
    way_down: tuple[Node, ...] = ()

    def __str__(self) -> str:
        if self.role != "collider":
            reason = "not known" if self.open else "and known"
        elif not self.open:
            reason = "and neither it nor a descendant is known"
        elif len(self.way_down) == 1:
            reason = "and known"
        else:
            way = " → ".join(map(str, self.way_down))
            reason = f"and its descendant {self.way_down[-1]} is known ({way})"
        return f"{self.node}: a {self.role}, {reason}"


@dataclass(frozen=True)
class Trail:
    """A path that may go against the edges, and what each of its inner nodes does to it.

    Attributes
    ----------
    nodes
        From one end to the other, each once.
    arrows
        ``"→"`` or ``"←"`` between every two of them.
    passages
        One for each inner node.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> trail = DAG("S -> A; S -> R; AP -> R").explain("A", "AP").trails[0]
    >>> print(trail, "|", trail.block)
    A ← S → R ← AP | R: a collider, and neither it nor a descendant is known
    """

    nodes: tuple[Node, ...]
    arrows: tuple[str, ...]
    passages: tuple[Passage, ...]

    @property
    def block(self) -> Passage | None:
        """The first inner node that lets nothing pass; None where the trail is open."""
        return next((passage for passage in self.passages if not passage.open), None)

    def __str__(self) -> str:
        pieces = [str(self.nodes[0])]
        for arrow, node in zip(self.arrows, self.nodes[1:], strict=True):
            pieces += [arrow, str(node)]
        return " ".join(pieces)


class Descents:
    """The shortest way down from each ancestor of known nodes to one of them."""

    def __init__(self, dag: BaseDAG, known: Set) -> None:
        self.known = known
        self.next = {node: node for node in dag.in_order(known)}
        queue = deque(self.next)
        while queue:
            node = queue.popleft()
            for parent in dag.separation.parents[node]:
                if parent not in self.next:
                    self.next[parent] = node
                    queue.append(parent)

    def __contains__(self, node: Node) -> bool:
        return node in self.next

    def way(self, node: Node) -> tuple[Node, ...]:
        """Give the nodes from ``node`` down to the nearest that is known."""
        way = [node]
        while way[-1] not in self.known:
            way.append(self.next[way[-1]])
        return tuple(way)


def follow(dag: BaseDAG, nodes: tuple[Node, ...], descents: Descents) -> Trail:
    """Say what each inner node of a path does."""
    children = dag.separation.children
    forward = [b in children[a] for a, b in pairwise(nodes)]
    passages = []
    for node, (arrives, leaves) in zip(nodes[1:-1], pairwise(forward), strict=True):
        if arrives and not leaves:
            is_open = node in descents
            way = descents.way(node) if is_open else ()
            passages.append(Passage(node, "collider", is_open, way))
        else:
            role = "chain" if arrives == leaves else "fork"
            passages.append(Passage(node, role, node not in descents.known))
    return Trail(nodes, tuple("→" if f else "←" for f in forward), tuple(passages))


def open_trail(dag: BaseDAG, x: Set, y: Set, descents: Descents) -> tuple[Node, ...] | None:
    """Find a shortest open trail from x to y, in linear time; None where there is none.

    Breadth first over pairs (node, whether it was reached from a parent). A shortest walk from pair
    to pair comes to no node twice: if it came back up to one that it left downwards, it had turned
    at a collider above a known node, so that it could have turned at the first visit already.
    """
    parents, children = dag.separation.parents, dag.separation.children
    links: dict[State, State | None] = {(node, False): None for node in dag.in_order(x)}
    queue = deque(links)
    while queue:
        state = queue.popleft()
        node, downwards = state
        if node in y:
            path = [node]
            while (link := links[state]) is not None:
                state = link
                path.append(state[0])
            return tuple(reversed(path))
        passes = node not in descents.known
        moves: Iterator[State] = chain(
            ((c, True) for c in children[node] if passes),
            ((p, False) for p in parents[node] if (node in descents if downwards else passes)),
        )
        for move in moves:
            if move not in links:
                links[move] = state
                queue.append(move)
    return None


def shortest_trails(
    dag: BaseDAG, x: Set, y: Set, limit: int, steps: int = 1_000_000
) -> tuple[list[tuple[Node, ...]], bool]:
    """List the shortest paths from x to y that pass no node twice, and no others of x and y.

    A search in depth, cut where the nodes left to go exceed the length that is now looked for
    (Korf 1985, Iterative-deepening A*), so that memory stays linear.

    Returns
    -------
    paths, complete
        ``complete`` is False where there are more than ``limit`` of them, or perhaps more because
        the search ended after so many steps.
    """
    parents, children = dag.separation.parents, dag.separation.children
    between = _between(dag, x, y)
    distance = {node: d for node, d in _distances(dag, x, y).items() if node in between}
    starts = [node for node in dag.in_order(x) if node in distance]
    found: list[tuple[Node, ...]] = []
    length: float = min((distance[node] for node in starts), default=inf)
    while length < inf:
        longer = inf
        for start in starts:
            path, inside = [start], set(x)
            stack = [chain(parents[start], children[start])]
            while stack:
                node = next(stack[-1], None)
                steps -= 1
                if steps < 0:
                    return found, False
                if node is None:
                    stack.pop()
                    inside.discard(path.pop())
                elif node not in inside and node in distance:
                    at_least = len(path) + distance[node]
                    if at_least > length:
                        longer = min(longer, at_least)
                    elif node not in y:
                        path.append(node)
                        inside.add(node)
                        stack.append(chain(parents[node], children[node]))
                    elif at_least == length:  # shorter ones were found in an earlier round
                        if len(found) == limit:
                            return found, False
                        found.append((*path, node))
        length = longer
    return found, True


def _between(dag: BaseDAG, x: Set, y: Set) -> set[Node]:
    """Find the nodes on some path from x to y that passes none twice.

    They are the block of x and y once an edge joins these; elsewhere a search would lose its way.
    """
    start, end = object(), object()
    ends: dict[Node, Node] = dict.fromkeys(x, start) | dict.fromkeys(y, end)
    joined = ((ends.get(a, a), ends.get(b, b)) for a, b in dag.graph.edges)
    skeleton = nx.Graph((a, b) for a, b in joined if a is not b)
    skeleton.add_edge(start, end)
    blocks = nx.biconnected_components(skeleton)
    return next(block for block in blocks if start in block and end in block) | x | y


def _distances(dag: BaseDAG, x: Set, y: Set) -> dict[Node, int]:
    """Count the edges from each node to the nearest of y, along paths with no x inside."""
    distance: dict[Node, int] = {}
    front: set[Node] = set(y)
    steps = 0
    while front:
        distance |= dict.fromkeys(front, steps)
        inner = front - x
        front = union(dag.separation.parents, inner) | union(dag.separation.children, inner)
        front = {node for node in front if node not in distance}
        steps += 1
    return distance
