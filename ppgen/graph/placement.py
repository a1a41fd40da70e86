"""Positions of nodes that come with a graph."""

from collections.abc import Mapping

import networkx as nx
import numpy as np

from ppgen.graph.nodes import Node

MOST = 2000  # nodes, as all pairs are compared
LARGEST = 60.0  # inches
GAP = 0.3


def placed(
    graph: nx.DiGraph,
    arcs: Mapping[Node, tuple[Node, Node]],
    width: Mapping[Node, float],
    height: float,
    scale: float | None = None,
) -> dict[Node, tuple[float, float]] | None:
    """Positions ``pos`` of the nodes with y upwards, times ``scale``: by default, none overlap.

    The node of a bidirected edge, a key of ``arcs``, lies beside the edge if it has no position.
    None if another node has no position, if two have the same one, or if the figure is too large.
    """
    given = {node: pos for node, pos in graph.nodes(data="pos") if pos is not None}
    if not given or len(graph) > MOST or any(n not in given and n not in arcs for n in graph):
        return None
    try:
        at = {node: np.array([float(x), -float(y)]) for node, (x, y) in given.items()}
    except (TypeError, ValueError):  # not two numbers
        return None
    for cause in graph:
        if cause not in at:
            x, y = (at[node] for node in arcs[cause])
            at[cause] = (x + y) / 2 + (y - x)[::-1] * (0.2, -0.2)
    points = np.array([at[node] for node in graph])
    if scale is None:
        scale = _scale(points, np.array([width[node] for node in graph]), height)
    if not np.isfinite(scale) or scale * np.ptp(points, axis=0).max() > LARGEST:
        return None
    return {node: (float(x), float(y)) for node, (x, y) in zip(graph, scale * points, strict=True)}


def _scale(points: np.ndarray, wide: np.ndarray, height: float) -> float:
    """Smallest scale at which no two nodes overlap."""
    first, second = np.triu_indices(len(points), 1)
    apart = np.abs(points[first] - points[second])
    needed = np.stack(
        [(wide[first] + wide[second]) / 2 + GAP, np.full(len(first), height + GAP)], 1
    )
    with np.errstate(divide="ignore"):
        return float((needed / apart).min(1).max(initial=0.0)) or 1.0
