"""Lay out the nodes, edges and plates of a DAG."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

Key = Hashable  # a node, or the bend of an edge that passes a layer
Edge = tuple[Hashable, Hashable]
Links = list[tuple[Key, Key]]  # between keys of consecutive layers
Plates = Mapping[Key, tuple[str, ...]]  # names of the plates of each key, outermost first
Rows = list[list[Key]]

GAP = 0.35  # between neighbours, and around a plate
BEND = 0.1  # half the width of an edge that passes a layer
SWEEPS = 24
SWAPPED = 400  # maximum number of links for swaps, which are slow


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
    clear of the nodes. Barycentres order each layer. Linear programming then finds positions that
    make the edges as short and straight as the order allows (Gansner et al. 1993).

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
    rows = ordered(layer, links, inside)
    names = dict.fromkeys(p for within in inside.values() for p in within)
    # Some overlaps of plates leave no layout with all other nodes outside: then allow them inside.
    for strict in (True, False):
        places = _Places(rows, links, inside, half)
        ends = {p: places.box(p, (label or {}).get(p, 0.0), strict) for p in names}
        solution = places.solve()
        if solution is not None:
            break
    assert solution is not None  # if others may be inside, any large distances are a solution
    x = {key: float(solution[i]) for key, i in places.place.items()}
    boxes = {p: (float(solution[a]), float(solution[b])) for p, (a, b) in ends.items()}
    return Layout(x, layer, routes, boxes)


def layers(graph: nx.DiGraph) -> dict[Any, int]:
    """Layer of each node: below its parents; a root lies just above its first child."""
    layer = {node: i for i, nodes in enumerate(nx.topological_generations(graph)) for node in nodes}
    for node, children in graph.succ.items():
        if children and not graph.pred[node]:
            layer[node] = min(layer[child] for child in children) - 1
    return layer


def ordered(layer: Mapping[Key, int], links: Links, inside: Plates) -> Rows:
    """Keys of each layer from left to right, with few crossings and the keys of a plate together.

    Barycentres (Sugiyama et al. 1981), then swaps of neighbours (Gansner et al. 1993).
    """
    rows: Rows = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for key, i in layer.items():
        rows[i].append(key)
    linked = nx.DiGraph(links)
    linked.add_nodes_from(layer)
    best, fewest = rows, float("inf")
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        before, after = (linked.pred, linked.succ) if down else (linked.succ, linked.pred)
        place = {key: i - len(row) / 2 for row in rows for i, key in enumerate(row)}
        for i in range(len(rows)) if down else reversed(range(len(rows))):
            for key in rows[i]:
                if near := before[key] or after[key]:
                    place[key] = sum(place[n] for n in near) / len(near)
        order = {key: i for i, key in enumerate(_grouped(list(layer), inside, place, 0))}
        rows = [sorted(row, key=order.__getitem__) for row in rows]
        crossings = _crossings(rows, layer, links)
        if crossings < fewest:
            best, fewest = rows, crossings
        if not fewest:
            break
    return _swapped(best, layer, links, inside) if fewest and len(links) <= SWAPPED else best


def _swapped(rows: Rows, layer: Mapping[Key, int], links: Links, inside: Plates) -> Rows:
    """Swap neighbours with the same plates as long as this removes a crossing."""
    better = True
    while better:
        better = False
        for i, row in enumerate(rows):
            near = [(a, b) for a, b in links if i in (layer[a], layer[b])]
            for j in range(len(row) - 1):
                if inside[row[j]] == inside[row[j + 1]]:
                    before = _crossings(rows, layer, near)
                    row[j], row[j + 1] = row[j + 1], row[j]
                    if before and _crossings(rows, layer, near) < before:
                        better = True
                    else:
                        row[j], row[j + 1] = row[j + 1], row[j]
    return rows


def _grouped(keys: list[Key], inside: Plates, place: Mapping[Key, float], depth: int) -> list[Key]:
    """Sort by place; the keys of a plate are one block at their mean place."""
    blocks: dict[tuple[str, Key], list[Key]] = {}
    for key in keys:
        plates = inside[key][depth:]
        name = ("plate", plates[0]) if plates else ("free", key)
        blocks.setdefault(name, []).append(key)
    mean = {name: sum(place[k] for k in block) / len(block) for name, block in blocks.items()}
    result: list[Key] = []
    for name in sorted(blocks, key=mean.__getitem__):
        block, nested = blocks[name], name[0] == "plate"
        result += _grouped(block, inside, place, depth + 1) if nested else block
    return result


def _crossings(rows: Rows, layer: Mapping[Key, int], links: Links) -> int:
    position = {key: i for row in rows for i, key in enumerate(row)}
    between: dict[int, list[tuple[int, int]]] = {}
    for a, b in links:
        between.setdefault(layer[a], []).append((position[a], position[b]))
    count = 0
    for pairs in between.values():
        a, b = np.array(pairs).T
        count += int((np.subtract.outer(a, a) * np.subtract.outer(b, b) < 0).sum()) // 2
    return count


class _Places:
    """Linear program for the positions in each row, with constraints x[b] − x[a] ≥ distance."""

    def __init__(self, rows: Rows, links: Links, inside: Plates, half: Mapping[Key, float]) -> None:
        self.rows, self.inside, self.half = rows, inside, half
        self.cost: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.bounds: list[float] = []
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

    def solve(self) -> np.ndarray | None:
        if not self.entries:
            return np.zeros(len(self.cost))
        rows, columns, values = zip(*self.entries, strict=True)
        matrix = csr_array((values, (rows, columns)), (len(self.bounds), len(self.cost)))
        answer = linprog(self.cost, A_ub=matrix, b_ub=self.bounds, bounds=(0, None))
        return answer.x if answer.success else None
