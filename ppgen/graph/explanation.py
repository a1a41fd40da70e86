"""Explanations of d-separation: the trails between two sets of nodes, open or blocked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from math import inf

from ppgen.arguments import Count, checked
from ppgen.graph.core import BaseDAG
from ppgen.graph.nodes import Independence, Node, Nodes, NodeSet, join
from ppgen.graph.statements import as_html

Path = tuple[Node, ...]
State = tuple[Node, bool]


@dataclass(frozen=True)
class Passage:
    """An inner node of a trail, and whether it is open.

    Attributes
    ----------
    role
        ``"chain"`` (→ node →) or ``"fork"`` (← node →), open unless known, or ``"collider"``
        (→ node ←), open if it or one of its descendants is known.
    way_down
        For an open collider, the shortest directed path to a known node: the collider alone if it
        is known itself. Empty for all other nodes.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> (trail,) = DAG("a -> c <- b; c -> d").explain("a", "b", "d").trails
    >>> (passage,) = trail.passages
    >>> passage.role, passage.open, passage.way_down
    ('collider', True, ('c', 'd'))
    """

    node: Node
    role: str
    open: bool
    way_down: Path = ()

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
    """An undirected path in a DAG, with the role of each inner node.

    ``arrows`` are ``"→"`` or ``"←"`` between each two neighbours; ``passages`` has one for each
    inner node.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> trail = DAG("S -> A; S -> R; AP -> R").explain("A", "AP").trails[0]
    >>> print(trail, "|", trail.block)
    A ← S → R ← AP | R: a collider, and neither it nor a descendant is known
    """

    nodes: Path
    arrows: tuple[str, ...]
    passages: tuple[Passage, ...]

    @property
    def block(self) -> Passage | None:
        """The first inner node that blocks the trail, or None if the trail is open."""
        return next((passage for passage in self.passages if not passage.open), None)

    def __str__(self) -> str:
        steps = zip(self.arrows, self.nodes[1:], strict=True)
        return f"{self.nodes[0]}" + "".join(f" {arrow} {node}" for arrow, node in steps)


@dataclass(frozen=True)
class Explanation:
    """Answer to a d-separation query with its reasons; ``print`` shows them.

    Attributes
    ----------
    separated
        Whether the graph implies the statement ``query``.
    trails
        A shortest open trail if the nodes are d-connected. Otherwise the trails between them,
        shortest first, all of them blocked; ``complete`` says whether these are all trails.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(DAG("a -> c <- b").explain("a", "b"))
    a ⊥ b
      a → c ← b is blocked
        c: a collider, and neither it nor a descendant is known
    """

    query: Independence
    separated: bool
    trails: tuple[Trail, ...]
    complete: bool

    def __str__(self) -> str:
        if not self.separated:
            (trail,) = self.trails
            first, second = self.query.sides
            given = f" given {join(self.query.given)}" if self.query.given else ""
            lines = [f"{first} and {second} depend on each other{given}", f"  {trail} is open"]
            return "\n".join([*lines, *(f"    {passage}" for passage in trail.passages)])
        lines = [str(self.query)]
        for trail in self.trails:
            lines += [f"  {trail} is blocked", f"    {trail.block}"]
        if not self.complete:
            shown = f"only the {len(self.trails)} shortest trails" if self.trails else "no trails"
            lines.append(f"  … {shown} shown; all trails are blocked")
        elif not self.trails:
            lines.append("  no trail joins them")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return as_html(str(self))


@checked
def explain(
    dag: BaseDAG, x: Nodes, y: Nodes, given: Nodes = (), *, limit: Count = 20
) -> Explanation:
    """Explain why x and y are d-connected or d-separated given ``given``.

    An open trail is found in linear time. At most ``limit`` blocked trails are listed, as there can
    be exponentially many.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("S -> A; S -> R; AP -> R; R -> G")
    >>> print(dag.explain("A", "AP", given="G"))
    A and AP depend on each other given G
      A ← S → R ← AP is open
        S: a fork, not known
        R: a collider, and its descendant G is known (R → G)
    >>> print(dag.explain("A", "AP", given=["S", "G"]))
    A ⊥ AP | G, S
      A ← S → R ← AP is blocked
        S: a fork, and known
    """
    query = dag.query(x, y, given)
    below = _descents(dag, query.given)
    found = _open_path(dag, query, below)
    paths, complete = ([found], True) if found else _shortest_paths(dag, query.x, query.y, limit)
    trails = tuple(_trail(dag, path, query.given, below) for path in paths)
    return Explanation(query, found is None, trails, complete)


def _descents(dag: BaseDAG, known: NodeSet) -> dict[Node, Node]:
    """Next node on a shortest way down to a known node; known nodes have themselves."""
    following = {node: node for node in dag.in_order(known)}
    queue = list(following)
    for node in queue:  # which grows
        for parent in dag.separation.parents[node]:
            if parent not in following:
                following[parent] = node
                queue.append(parent)
    return following


def _trail(dag: BaseDAG, nodes: Path, known: NodeSet, below: dict[Node, Node]) -> Trail:
    children = dag.separation.children
    forward = [b in children[a] for a, b in pairwise(nodes)]
    passages = []
    for node, (arrives, leaves) in zip(nodes[1:-1], pairwise(forward), strict=True):
        if arrives and not leaves:
            way = [node] if node in below else []
            while way and way[-1] not in known:
                way.append(below[way[-1]])
            passages.append(Passage(node, "collider", bool(way), tuple(way)))
        else:
            role = "chain" if arrives == leaves else "fork"
            passages.append(Passage(node, role, node not in known))
    return Trail(nodes, tuple("→" if f else "←" for f in forward), tuple(passages))


def _open_path(dag: BaseDAG, query: Independence, below: dict[Node, Node]) -> Path | None:
    """Shortest open path from x to y, in linear time, or None if x and y are d-separated.

    The search is breadth-first over pairs (node, whether it was reached from a parent). A shortest
    walk over such pairs visits no node twice: if it returned upwards to a node that it had left
    downwards, it had turned at a collider above a known node. That node is an ancestor of the
    known node as well, so the walk could have turned there at once.
    """
    parents, children = dag.separation.parents, dag.separation.children
    links: dict[State, State | None] = {(node, False): None for node in dag.in_order(query.x)}
    queue = list(links)
    for state in queue:  # which grows
        node, downwards = state
        if node in query.y:
            path = [node]
            while (link := links[state]) is not None:
                state = link
                path.append(state[0])
            return tuple(reversed(path))
        passes = node not in query.given
        moves: Iterator[State] = chain(
            ((c, True) for c in children[node] if passes),
            ((p, False) for p in parents[node] if (node in below if downwards else passes)),
        )
        for move in moves:
            if move not in links:
                links[move] = state
                queue.append(move)
    return None


def _shortest_paths(dag: BaseDAG, x: NodeSet, y: NodeSet, limit: int) -> tuple[list[Path], bool]:
    """Shortest paths from x to y with no other node of x and y inside, and whether these are all.

    The second value is False if there are more than ``limit`` paths, or too many to search.
    """
    distance = _distances(dag, x, y)
    found, outcome = _search(dag, x, distance, limit, steps=20_000)
    if outcome is None:  # perhaps the search is lost where no path passes
        block = _block(dag, x, y)
        inside = {node: steps for node, steps in distance.items() if node in block}
        found, outcome = _search(dag, x, inside, limit, steps=500_000)
    return found, bool(outcome)


def _search(
    dag: BaseDAG, x: NodeSet, distance: Mapping[Node, int], limit: int, steps: int
) -> tuple[list[Path], bool | None]:
    """Shortest paths from x to distance 0, and whether these are all; None after all steps.

    Iterative deepening (Korf 1985, Iterative-deepening A*) is a depth-first search that stops at
    paths longer than the current length, so memory stays linear.
    """
    parents, children = dag.separation.parents, dag.separation.children
    found: list[Path] = []
    length: float = 0
    while length < inf:
        longer = inf
        for start in dag.in_order(x):
            path, inside = [start], set(x)
            stack = [chain(parents[start], children[start])]
            while stack:
                node = next(stack[-1], None)
                steps -= 1
                if steps < 0:
                    return found, None
                if node is None:
                    stack.pop()
                    inside.discard(path.pop())
                elif node not in inside and node in distance:
                    at_least = len(path) + distance[node]
                    if at_least > length:
                        longer = min(longer, at_least)
                    elif distance[node]:
                        path.append(node)
                        inside.add(node)
                        stack.append(chain(parents[node], children[node]))
                    elif at_least == length:  # an earlier round has found the shorter ones
                        if len(found) == limit:
                            return found, False
                        found.append((*path, node))
        length = longer
    return found, True


def _distances(dag: BaseDAG, x: NodeSet, y: NodeSet) -> dict[Node, int]:
    """Distance in edges to y from each node that reaches y past no node of x."""
    parents, children = dag.separation.parents, dag.separation.children
    distances, queue = dict.fromkeys(y, 0), list(y)
    for node in queue:  # which grows
        for near in chain(parents[node], children[node]):
            if near not in distances and near not in x:
                distances[near] = distances[node] + 1
                queue.append(near)
    return distances


def _block(dag: BaseDAG, x: NodeSet, y: NodeSet) -> set[Node]:
    """Nodes on simple paths from x to y: the block of x and y after an edge joins them.

    All nodes of x count as one, and so do those of y. In a depth-first search from x, a node is in
    the block if the node before it is and if an edge leads from it, or from a node after it, to
    before that one (Hopcroft and Tarjan 1973, Efficient algorithms for graph manipulation).
    """
    parents, children = dag.separation.parents, dag.separation.children
    start = next(iter(x))
    number = dict.fromkeys(y, 0) | dict.fromkeys(x, 1)
    before: dict[Node, Node] = {}
    earliest = {start: 1}  # number of the first node that an edge leads to
    stack = [near for node in x for near in chain(parents[node], children[node])]
    origins = [start] * len(stack)
    while stack:
        node, origin = stack.pop(), origins.pop()
        if node in number:
            earliest[origin] = min(earliest[origin], number[node])
        else:
            number[node] = earliest[node] = len(number)
            before[node] = origin
            near = [*parents[node], *children[node]]
            stack += near
            origins += [node] * len(near)
    for node, origin in reversed(before.items()):
        earliest[origin] = min(earliest[origin], earliest[node])
    block = {*y, start}
    for node, origin in before.items():
        if origin in block and earliest[node] < number[origin]:
            block.add(node)
    return block
