"""Lines and letters of drawings."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath

Point = tuple[float, float]


def edge_path(points: Sequence[Point]) -> Path:
    """Lead an edge between the rows in bows, and straight down where it passes one.

    Parameters
    ----------
    points
        Where it starts, where it enters and leaves each row that it passes, and where it ends.

    Examples
    --------
    >>> len(edge_path([(0, 0), (1, -1), (1, -2), (0, -3)]).vertices)
    8
    """
    if len(points) == 2:
        return Path(points, [Path.MOVETO, Path.LINETO])
    vertices, codes = [points[0]], [Path.MOVETO]
    for i, (a, b) in enumerate(pairwise(points)):
        if i % 2:
            vertices.append(b)
            codes.append(Path.LINETO)
        else:
            bow = 0.5 * (a[1] - b[1])
            vertices += [(a[0], a[1] - bow), (b[0], b[1] + bow), b]
            codes += [Path.CURVE4] * 3
    return Path(vertices, codes)


def label(node: Hashable) -> str:
    """Write a node's name; a dollar sign would begin mathematics."""
    return str(node).replace("$", r"\$")


def text_width(text: Hashable, size: float) -> float:
    """Give the width of a text in inches, for a font of so many points."""
    shown = label(text)
    if not shown.strip():
        return 0.0
    return TextPath((0, 0), shown, size=size, prop=FontProperties()).get_extents().width / 72


def sampled(curve: Path) -> np.ndarray:
    """Give points along an edge, close enough to see what it crosses."""
    steps = np.linspace(0, 1, 40)
    beziers: Any = curve.iter_bezier()
    return np.concatenate([bezier(steps) for bezier, _ in beziers])
