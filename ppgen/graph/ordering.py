"""Layers of a drawing, and the order of the nodes in each."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import networkx as nx
import numpy as np

Key = Hashable  # a node, or the bend of an edge that passes a layer

SWEEPS = 24
SWAPPED = 400  # maximum number of links for swaps, which are slow


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

    Parameters
    ----------
    layer
        Layer of each key.
    links
        Pairs of keys in consecutive layers.
    inside
        Plates of each key, outermost first.

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
    near: list[list[tuple[Key, Key]]] = [[] for _ in rows]
    for a, b in links:
        near[layer[a]].append((a, b))
        near[layer[b]].append((a, b))
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
        plates = inside[key]
        name = ("plate", plates[depth]) if len(plates) > depth else ("free", key)
        blocks.setdefault(name, []).append(key)
    mean = {name: sum(place[k] for k in block) / len(block) for name, block in blocks.items()}
    result: list[Key] = []
    for name in sorted(blocks, key=mean.__getitem__):
        block = blocks[name]
        result += (
            _grouped(block, inside, place, depth + 1) if len(inside[block[0]]) > depth else block
        )
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
