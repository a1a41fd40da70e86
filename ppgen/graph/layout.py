"""Lay out the nodes, edges and plates of a DAG."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from ppgen.graph.order import Key, Plates, Rows, ordered

Edge = tuple[Hashable, Hashable]
Links = list[tuple[Key, Key]]  # between keys of consecutive layers

GAP = 0.26  # between neighbours, and around a plate
BEND = 0.02  # half the width of an edge that passes a layer
CLOSE = 0.1  # between two such edges
TIE = 1e-4  # cost of a place, to choose among equally good ones


@dataclass(frozen=True)
class Bend:
    """Point at which an edge passes a layer between those of its two nodes."""

    edge: Edge
    layer: int


@dataclass(frozen=True)
class Layout:
    """Positions of nodes, edges and plates."""

    x: dict[Key, float]  # to the right, in units of ``width``
    layer: dict[Key, int]  # downwards
    routes: dict[Edge, list[Key]]  # of each edge, from parent to child
    boxes: dict[str, tuple[float, float]]  # left and right end of each plate


def layered(
    graph: nx.DiGraph,
    plates: Plates,
    width: Mapping[Hashable, float],
    label: Mapping[str, float] | None = None,
) -> Layout:
    """Layered layout of a DAG (Sugiyama et al. 1981) that keeps the nodes of a plate together.

    A node lies below its parents. Where an edge passes a layer, it gets a bend, which keeps it
    clear of the nodes. Linear programming finds the layers, and then positions that make the edges
    as short and straight as the order in each layer allows (Gansner et al. 1993); where several
    are, nodes lie in the middle.

    ``width`` and ``label`` are the widths of nodes and of the names of plates.
    """
    layer: dict[Key, int] = layers(graph)
    routes: dict[Edge, list[Key]] = {}
    inside: dict[Key, tuple[str, ...]] = {node: tuple(plates.get(node, ())) for node in graph}
    half: dict[Key, float] = {node: width[node] / 2 for node in graph}
    for parent, child in graph.edges:
        bends = [Bend((parent, child), i) for i in range(layer[parent] + 1, layer[child])]
        shared = tuple(p for p in inside[parent] if p in inside[child])
        for bend in bends:
            layer[bend], inside[bend], half[bend] = bend.layer, shared, BEND
        routes[parent, child] = [parent, *bends, child]
    links = [link for route in routes.values() for link in pairwise(route)]
    names = {p: (label or {}).get(p, 0.0) for within in inside.values() for p in within}
    places = _solved(ordered(layer, links, inside), links, inside, half, names)
    value = places.middle().tolist()
    x = {key: value[i] for key, i in places.place.items()}
    boxes = {plate: (value[a], value[b]) for plate, (a, b) in places.ends.items()}
    if _is_reversed(places.rows, {node: i for i, node in enumerate(graph)}):
        x = {key: -at for key, at in x.items()}
        boxes = {plate: (-right, -left) for plate, (left, right) in boxes.items()}
    return Layout(x, layer, routes, boxes)


def _is_reversed(rows: Rows, number: Mapping[Hashable, int]) -> bool:
    """Whether most neighbours stand in the reverse of the graph's order, which a mirror mends."""
    numbers = ([number[key] for key in row if key in number] for row in rows)
    return sum((a > b) - (a < b) for row in numbers for a, b in pairwise(row)) > 0


def _solved(
    orders: list[Rows],
    links: Links,
    inside: Plates,
    half: Mapping[Key, float],
    names: Mapping[str, float],
) -> "_Places":
    """Places of the least cost among several orders."""
    # Some overlaps of plates leave no layout with all other nodes outside: then allow them inside.
    for strict in (True, False):
        every = [_Places(rows, links, inside, half, names, strict) for rows in orders]
        if solved := [places for places in every if places.found is not None]:
            break
    return min(solved, key=lambda places: places.total)


def layers(graph: nx.DiGraph) -> dict[Any, int]:
    """Layer of each node: below its parents, with the smallest sum of heights of all edges."""
    place = {node: i for i, node in enumerate(graph)}
    ends = np.array([(place[a], place[b]) for a, b in graph.edges], dtype=int).reshape(-1, 2)
    height = np.zeros(len(graph))
    if len(ends):
        edge = np.arange(len(ends))
        signs = np.repeat([1.0, -1.0], len(ends))  # of height[parent] - height[child] <= -1
        matrix = csr_array((signs, (np.tile(edge, 2), ends.T.ravel())), (len(ends), len(graph)))
        cost = -matrix.sum(0)
        # The constraints are totally unimodular, so the simplex method ends at whole numbers.
        height = linprog(cost, A_ub=matrix, b_ub=np.full(len(ends), -1), method="highs-ds").x
    layer: dict[Any, int] = {}
    for component in nx.weakly_connected_components(graph):
        top = min(height[place[node]] for node in component)
        layer |= {node: round(height[place[node]] - top) for node in component}
    return {node: layer[node] for node in graph}


class _Places:
    """Linear program for the positions in each row, with constraints x[b] − x[a] ≥ distance."""

    def __init__(
        self,
        rows: Rows,
        links: Links,
        inside: Plates,
        half: Mapping[Key, float],
        names: Mapping[str, float],
        strict: bool,
    ) -> None:
        self.rows, self.inside, self.half = rows, inside, half
        self.cost: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.bounds: list[float] = []
        self.place = {key: self.variable() for row in rows for key in row}
        for row in rows:
            for a, b in pairwise(row):
                gap = CLOSE if isinstance(a, Bend) and isinstance(b, Bend) else GAP
                self.apart(self.place[a], self.place[b], half[a] + half[b] + gap)
        for a, b in links:
            # Bends have a larger weight, as an edge that passes layers looks best straight.
            length = self.variable(1 + 2 * isinstance(a, Bend) + 2 * isinstance(b, Bend))
            self.apart(self.place[a], self.place[b], 0, length)
            self.apart(self.place[b], self.place[a], 0, length)
        self.ends = {plate: self.box(plate, width, strict) for plate, width in names.items()}
        self.found, self.total = self.solve(np.array(self.cost))

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
        """Add both ends of a plate: its nodes lie between, all others outside if ``strict``."""
        inside, place = self.inside, self.place
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
        # Distances of the members from the middle of their row.
        offsets = [
            [i - len(row) / 2 for i, k in enumerate(row) if plate in inside[k]] for row in self.rows
        ]
        span = [i for i, here in enumerate(offsets) if here]
        centre = np.mean([x for here in offsets for x in here])
        for i in range(span[0], span[-1] + 1):
            middle = offsets[i][0] if offsets[i] else centre
            for j, key in enumerate(self.rows[i]):
                if plate not in inside[key]:
                    room = self.half[key] + GAP / 2 * (1 + len(set(inside[key]) - shared))
                    if j - len(self.rows[i]) / 2 < middle:
                        self.apart(place[key], left, room)
                    else:
                        self.apart(right, place[key], room)
        return left, right

    def solve(self, cost: np.ndarray, most: float | None = None) -> tuple[np.ndarray | None, float]:
        """Values of all variables up to ``most``, None if there is no solution, and their cost."""
        if not self.entries:
            return np.zeros(len(cost)), 0.0
        rows, columns, values = zip(*self.entries, strict=True)
        matrix = csr_array((values, (rows, columns)), (len(self.bounds), len(cost)))
        answer = linprog(cost, A_ub=matrix, b_ub=self.bounds, bounds=(0, most))
        return (answer.x, answer.fun) if answer.success else (None, 0.0)

    def middle(self) -> np.ndarray:
        """Values half way between the leftmost and the rightmost of equally good solutions."""
        if self.found is None:
            return np.zeros(0)
        tie = np.zeros(len(self.cost))
        tie[list(self.place.values())] = TIE
        widest = self.found.max(initial=0.0)
        ends = [self.solve(self.cost + sign * tie, widest)[0] for sign in (1, -1)]
        found = [self.found if end is None else end for end in ends]
        return np.mean(found, 0)
