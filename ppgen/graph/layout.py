"""Lay out the nodes, edges and plates of a DAG."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

Key = Hashable  # a node, or the bend of an edge that passes a layer
GAP = 0.35  # between neighbours, and around a plate
BEND = 0.1  # half the width of an edge that passes a layer
SWEEPS = 24
SWAPPED = 400  # maximum number of links for swaps, which are slow


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
    """Layer of each node: below its parents; a root lies just above its first child.

    Examples
    --------
    >>> layers(nx.DiGraph([("a", "b"), ("b", "c"), ("d", "c")]))
    {'a': 0, 'd': 1, 'b': 1, 'c': 2}
    """
    layer = {node: i for i, nodes in enumerate(nx.topological_generations(graph)) for node in nodes}
    for node in reversed(list(nx.topological_sort(graph))):
        if graph.in_degree(node) == 0 and graph.out_degree(node) > 0:
            layer[node] = min(layer[child] for child in graph.succ[node]) - 1
    return layer


def ordered(
    layer: Mapping[Key, int],
    links: list[tuple[Key, Key]],
    inside: Mapping[Key, tuple[str, ...]],
) -> list[list[Key]]:
    """Keys of each layer from left to right, with few crossings and the keys of a plate together.

    Barycentres (Sugiyama et al. 1981), then swaps of neighbours (Gansner et al. 1993).

    ``links`` join keys of consecutive layers, and ``inside`` has the plates of each key, outermost
    first.

    Examples
    --------
    >>> layer = {"a": 0, "b": 0, "c": 1, "d": 1}
    >>> ordered(layer, [("a", "d"), ("b", "c")], dict.fromkeys(layer, ()))
    [['b', 'a'], ['c', 'd']]
    """
    rows: list[list[Key]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for key, i in layer.items():
        rows[i].append(key)
    around: dict[Key, tuple[list[Key], list[Key]]] = {key: ([], []) for key in layer}
    for a, b in links:
        around[b][0].append(a)
        around[a][1].append(b)
    best, fewest = rows, float("inf")
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        place = {key: i - len(row) / 2 for row in rows for i, key in enumerate(row)}
        for i in range(len(rows)) if down else reversed(range(len(rows))):
            for key in rows[i]:
                near = around[key][0 if down else 1] or around[key][1 if down else 0]
                if near:
                    place[key] = sum(place[n] for n in near) / len(near)
        order = {key: i for i, key in enumerate(_grouped(list(layer), inside, place, 0))}
        rows = [sorted(row, key=order.__getitem__) for row in rows]
        crossings = _crossings(rows, layer, links)
        if crossings < fewest:
            best, fewest = rows, crossings
        if not fewest:
            break
    return _swapped(best, layer, links, inside) if fewest and len(links) <= SWAPPED else best


def _swapped(
    rows: list[list[Key]],
    layer: Mapping[Key, int],
    links: list[tuple[Key, Key]],
    inside: Mapping[Key, tuple[str, ...]],
) -> list[list[Key]]:
    """Swap neighbours with the same plates as long as this removes a crossing."""
    near = [[(a, b) for a, b in links if i in (layer[a], layer[b])] for i in range(len(rows))]
    better = True
    while better:
        better = False
        for i, row in enumerate(rows):
            for j in range(len(row) - 1):
                if inside[row[j]] == inside[row[j + 1]]:
                    before = _crossings(rows, layer, near[i])
                    row[j], row[j + 1] = row[j + 1], row[j]
                    if before and _crossings(rows, layer, near[i]) < before:
                        better = True
                    else:
                        row[j], row[j + 1] = row[j + 1], row[j]
    return rows


def _grouped(
    keys: list[Key],
    inside: Mapping[Key, tuple[str, ...]],
    place: Mapping[Key, float],
    depth: int,
) -> list[Key]:
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


def _crossings(
    rows: list[list[Key]], layer: Mapping[Key, int], links: list[tuple[Key, Key]]
) -> int:
    position = {key: i for row in rows for i, key in enumerate(row)}
    between: dict[int, list[tuple[int, int]]] = {}
    for a, b in links:
        between.setdefault(layer[a], []).append((position[a], position[b]))
    count = 0
    for pairs in between.values():
        a, b = np.array(pairs).T
        count += int((np.subtract.outer(a, a) * np.subtract.outer(b, b) < 0).sum()) // 2
    return count


@dataclass
class _Places:
    """Linear program for the positions in each row, with constraints x[b] − x[a] ≥ distance."""

    rows: list[list[Key]]
    links: list[tuple[Key, Key]]
    inside: Mapping[Key, tuple[str, ...]]
    half: Mapping[Key, float]

    def __post_init__(self) -> None:
        self.cost: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.bounds: list[float] = []
        self.place = {key: self.variable() for row in self.rows for key in row}
        for row in self.rows:
            for a, b in pairwise(row):
                self.apart(self.place[a], self.place[b], self.half[a] + self.half[b] + GAP)
        for a, b in self.links:
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
