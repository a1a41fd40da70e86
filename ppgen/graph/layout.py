"""Where to draw the nodes, edges and plates of a DAG."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from ppgen.graph.ordering import Key, layers, ordered

GAP = 0.35  # between neighbours, and about a plate
BEND = 0.1  # half the room for an edge that passes a layer


@dataclass(frozen=True)
class Bend:
    """Where an edge passes a layer without a node of its own there."""

    edge: tuple[Hashable, Hashable]
    layer: int


@dataclass(frozen=True)
class Layout:
    """Places, in units of the nodes' widths to the right and in layers downwards.

    Parameters
    ----------
    x, layer
        Of every node and bend.
    routes
        For each edge its nodes and bends, from parent to child.
    boxes
        For each plate its left and right ends.
    """

    x: dict[Key, float]
    layer: dict[Key, int]
    routes: dict[tuple[Hashable, Hashable], list[Key]]
    boxes: dict[str, tuple[float, float]]


def layered(
    graph: nx.DiGraph,
    plates: Mapping[Hashable, tuple[str, ...]],
    width: Mapping[Hashable, float],
    label: Mapping[str, float] | None = None,
) -> Layout:
    """Lay out a DAG in layers (Sugiyama et al. 1981), with every plate's nodes side by side.

    A node lies below its parents. Edges that pass layers bend there, as nodes do not hide them;
    barycentres order each layer; and the places in it make the edges as short and straight as the
    order allows, by linear programming (Gansner et al. 1993).

    Parameters
    ----------
    graph
        Without cycles.
    plates
        Names of each node's plates, outermost first.
    width
        Of each node.
    label
        Room that the name of each plate needs.

    Examples
    --------
    >>> graph = nx.DiGraph([("a", "b"), ("b", "c"), ("a", "c")])
    >>> layout = layered(graph, {}, dict.fromkeys(graph, 1.0))
    >>> layout.layer["c"], len(layout.routes["a", "c"])
    (2, 3)
    """
    layer: dict[Key, int] = layers(graph)
    routes: dict[tuple[Hashable, Hashable], list[Key]] = {}
    inside: dict[Key, tuple[str, ...]] = {node: tuple(plates.get(node, ())) for node in graph}
    half: dict[Key, float] = {node: width[node] / 2 for node in graph}
    for parent, child in graph.edges:
        bends = [Bend((parent, child), i) for i in range(layer[parent] + 1, layer[child])]
        shared = [p for p in inside[parent] if p in inside[child]]
        for bend in bends:
            layer[bend], inside[bend], half[bend] = bend.layer, tuple(shared), BEND
        routes[parent, child] = [parent, *bends, child]
    links = [link for route in routes.values() for link in pairwise(route)]
    rows = ordered(layer, links, inside)
    x, boxes = _places(rows, layer, links, inside, half, label or {})
    return Layout(x, layer, routes, boxes)


class _Program:
    """A linear program whose constraints are differences: x[b] − x[a] ≥ distance."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.bounds: list[float] = []

    def variable(self, cost: float = 0.0) -> int:
        self.cost.append(cost)
        return len(self.cost) - 1

    def apart(self, a: int, b: int, distance: float, slack: int | None = None) -> None:
        row = len(self.bounds)
        self.entries += [(row, a, 1.0), (row, b, -1.0)]
        if slack is not None:
            self.entries.append((row, slack, -1.0))
        self.bounds.append(-distance)

    def solve(self) -> np.ndarray | None:
        rows, columns, values = zip(*self.entries, strict=True)
        matrix = csr_array((values, (rows, columns)), (len(self.bounds), len(self.cost)))
        answer = linprog(self.cost, A_ub=matrix, b_ub=self.bounds, bounds=(0, None))
        return answer.x if answer.success else None


def _places(
    rows: list[list[Key]],
    layer: Mapping[Key, int],
    links: list[tuple[Key, Key]],
    inside: Mapping[Key, tuple[str, ...]],
    half: Mapping[Key, float],
    label: Mapping[str, float],
) -> tuple[dict[Key, float], dict[str, tuple[float, float]]]:
    names: dict[str, None] = dict.fromkeys(p for plates in inside.values() for p in plates)
    # Where plates overlap oddly no picture keeps all strangers outside: then do without.
    for strict in (True, False):
        program = _Program()
        place = {key: program.variable() for row in rows for key in row}
        for row in rows:
            for a, b in pairwise(row):
                program.apart(place[a], place[b], half[a] + half[b] + GAP)
        for a, b in links:
            # Bends weigh more: an edge that passes layers looks best straight.
            length = program.variable(1 + 2 * isinstance(a, Bend) + 2 * isinstance(b, Bend))
            program.apart(place[a], place[b], 0, length)
            program.apart(place[b], place[a], 0, length)
        ends = {
            p: _box(program, p, place, rows, layer, inside, half, label.get(p, 0.0), strict)
            for p in names
        }
        if not program.entries:
            return dict.fromkeys(place, 0.0), {}
        solution = program.solve()
        if solution is not None:
            break
    assert solution is not None  # without strangers, putting all far apart is a solution
    x = {key: float(solution[i]) for key, i in place.items()}
    return x, {p: (float(solution[a]), float(solution[b])) for p, (a, b) in ends.items()}


def _box(
    program: _Program,
    plate: str,
    place: Mapping[Key, int],
    rows: list[list[Key]],
    layer: Mapping[Key, int],
    inside: Mapping[Key, tuple[str, ...]],
    half: Mapping[Key, float],
    label: float,
    strict: bool,
) -> tuple[int, int]:
    """Keep a plate's nodes between its two ends, which are given, and all others outside."""
    left, right = program.variable(-0.1), program.variable(0.1)
    program.apart(left, right, label)
    members = [key for key, plates in inside.items() if plate in plates]
    for key in members:
        inner = len(_within(key, plate, inside))
        room = half[key] + GAP / 2 * (1 + inner)
        program.apart(left, place[key], room)
        program.apart(place[key], right, room)
    if not strict:
        return left, right
    shared = set.intersection(*(set(inside[key]) for key in members))
    span = range(min(layer[k] for k in members), max(layer[k] for k in members) + 1)
    order = {key: i for row in rows for i, key in enumerate(row)}
    centre = np.mean([order[key] - len(rows[layer[key]]) / 2 for key in members])
    for i in span:
        here = [key for key in rows[i] if plate in inside[key]]
        for key in rows[i]:
            if plate not in inside[key]:
                if here:
                    before = order[key] < order[here[0]]
                else:
                    before = bool(order[key] - len(rows[i]) / 2 < centre)
                own = sum(p not in shared for p in inside[key])
                room = half[key] + GAP / 2 * (1 + own)
                if before:
                    program.apart(place[key], left, room)
                else:
                    program.apart(right, place[key], room)
    return left, right


def _within(key: Key, plate: str, inside: Mapping[Key, tuple[str, ...]]) -> tuple[str, ...]:
    """List the plates of a node that lie inside another of its plates."""
    return inside[key][inside[key].index(plate) + 1 :]
