"""Lay out the nodes, edges and plates of a DAG."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from ppgen.graph.ordering import Key, layers, ordered

GAP = 0.35  # between neighbours, and around a plate
BEND = 0.1  # half the width of an edge that passes a layer


@dataclass(frozen=True)
class Bend:
    """Point at which an edge passes a layer between those of its two nodes."""

    edge: tuple[Hashable, Hashable]
    layer: int


@dataclass(frozen=True)
class Layout:
    """Positions of nodes, edges and plates.

    Attributes
    ----------
    x, layer
        Position of every node and bend: to the right in units of ``width``, downwards in layers.
    routes
        Nodes and bends of each edge, from parent to child.
    boxes
        Left and right end of each plate.
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
    """Layered layout of a DAG (Sugiyama et al. 1981) that keeps the nodes of a plate together.

    A node lies below its parents. Where an edge passes a layer, it gets a bend, which keeps it
    clear of the nodes. Barycentres order each layer. Linear programming then finds positions that
    make the edges as short and straight as the order allows (Gansner et al. 1993).

    Parameters
    ----------
    plates
        Names of each node's plates, outermost first.
    width
        Width of each node.
    label
        Width of the name of each plate.

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
    names = dict.fromkeys(p for within in inside.values() for p in within)
    # Some overlaps of plates leave no layout with all other nodes outside: then allow them inside.
    for strict in (True, False):
        places = _Places(rows, layer, inside, half, links)
        ends = {p: places.box(p, (label or {}).get(p, 0.0), strict) for p in names}
        solution = places.solve()
        if solution is not None:
            break
    assert solution is not None  # if others may be inside, any large distances are a solution
    x = {key: float(solution[i]) for key, i in places.place.items()}
    boxes = {p: (float(solution[a]), float(solution[b])) for p, (a, b) in ends.items()}
    return Layout(x, layer, routes, boxes)


class _Places:
    """Linear program for the positions in each row, with constraints x[b] − x[a] ≥ distance."""

    def __init__(
        self,
        rows: list[list[Key]],
        layer: Mapping[Key, int],
        inside: Mapping[Key, tuple[str, ...]],
        half: Mapping[Key, float],
        links: list[tuple[Key, Key]],
    ) -> None:
        self.rows, self.layer, self.inside, self.half = rows, layer, inside, half
        self.cost: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.bounds: list[float] = []
        self.order = {key: i for row in rows for i, key in enumerate(row)}
        self.place = {key: self.variable() for row in rows for key in row}
        for row in rows:
            for a, b in pairwise(row):
                self.apart(self.place[a], self.place[b], half[a] + half[b] + GAP)
        for a, b in links:
            # Bends have a larger weight, as an edge that passes layers looks best straight.
            length = self.variable(1 + 2 * isinstance(a, Bend) + 2 * isinstance(b, Bend))
            self.apart(self.place[a], self.place[b], 0, length)
            self.apart(self.place[b], self.place[a], 0, length)

    def variable(self, cost: float = 0.0) -> int:
        self.cost.append(cost)
        return len(self.cost) - 1

    def apart(self, a: int, b: int, distance: float, slack: int | None = None) -> None:
        row = len(self.bounds)
        self.entries += [(row, a, 1.0), (row, b, -1.0)]
        if slack is not None:
            self.entries.append((row, slack, -1.0))
        self.bounds.append(-distance)

    def box(self, plate: str, label: float, strict: bool) -> tuple[int, int]:
        """Add the ends of a plate, with its nodes between them and, if strict, all others outside."""
        layer, inside, place, order = self.layer, self.inside, self.place, self.order
        left, right = self.variable(-0.1), self.variable(0.1)
        self.apart(left, right, label)
        members = [key for key, plates in inside.items() if plate in plates]
        for key in members:
            nested = len(inside[key]) - 1 - inside[key].index(plate)
            room = self.half[key] + GAP / 2 * (1 + nested)
            self.apart(left, place[key], room)
            self.apart(place[key], right, room)
        if not strict:
            return left, right
        shared = set.intersection(*(set(inside[key]) for key in members))
        centre = np.mean([order[key] - len(self.rows[layer[key]]) / 2 for key in members])
        span = [layer[key] for key in members]
        for row in self.rows[min(span) : max(span) + 1]:
            here = [order[key] for key in row if plate in inside[key]]
            middle = here[0] - len(row) / 2 if here else centre
            for key in row:
                if plate not in inside[key]:
                    room = self.half[key] + GAP / 2 * (1 + len(set(inside[key]) - shared))
                    if order[key] - len(row) / 2 < middle:
                        self.apart(place[key], left, room)
                    else:
                        self.apart(right, place[key], room)
        return left, right

    def solve(self) -> np.ndarray | None:
        if not self.entries:
            return np.zeros(len(self.cost))
        rows, columns, values = zip(*self.entries, strict=True)
        matrix = csr_array((values, (rows, columns)), (len(self.bounds), len(self.cost)))
        answer = linprog(self.cost, A_ub=matrix, b_ub=self.bounds, bounds=(0, None))
        return answer.x if answer.success else None
