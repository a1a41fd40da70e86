"""Draw DAGs in plate notation."""

from collections.abc import Hashable, Sequence
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from ppgen.graph.core import BaseDAG
from ppgen.graph.layout import Key, layered
from ppgen.graph.nodes import Node

# Lengths in inches.
HEIGHT = 0.46  # of a node
MARGIN = 0.2
PLATE = 0.16  # between a node and its plate, and between nested plates
NAME = 0.18  # height of the name of a plate

FONT, SMALL = 11, 9  # points

OBSERVED, GIVEN, PATH, PLATES = "#d9d9d9", "#8fb8de", "#c1272d", "#7a7a7a"

Point = tuple[float, float]


class Drawing:
    """Figure of a DAG; the arguments are those of ``DAG.draw``."""

    def __init__(self, dag: BaseDAG, highlight: tuple[Node, ...], given: frozenset[Node]) -> None:
        self.dag, self.highlight, self.given = dag, highlight, given
        plates = dag.graph.nodes(data="plates", default=())
        self.plates = {n: (p,) if isinstance(p, str) else tuple(p) for n, p in plates}
        self.width = {n: max(HEIGHT, text_width(n, FONT) + 0.26) for n in dag.graph}
        names = {p for plates in self.plates.values() for p in plates}
        room = {p: text_width(p, SMALL) + 0.2 for p in names}
        self.layout = layered(dag.graph, self.plates, self.width, room)
        # A plate contains the plates that come after it in the list of any of its nodes.
        self.depth = dict.fromkeys(self.layout.boxes, 0)
        for inside in self.plates.values():
            for i, plate in enumerate(reversed(inside)):
                self.depth[plate] = max(self.depth[plate], i)
        self.x, routes = self.layout.x, self.layout.routes
        slants = [abs(self.x[a] - self.x[b]) for r in routes.values() for a, b in pairwise(r)]
        deepest = 1 + max(self.depth.values(), default=-1)
        gap = 0.42 + min(0.6, 0.1 * max(slants, default=0.0))
        row = HEIGHT + max(gap, deepest * (2 * PLATE + NAME) + 0.2 * bool(deepest))
        self.y = {key: -row * layer for key, layer in self.layout.layer.items()}
        self.curves = {edge: self._curve(route) for edge, route in routes.items()}

    def figure(self, title: str) -> Figure:
        """Figure that is just large enough for the graph, the title and a legend."""
        boxes = {plate: self._box(plate) for plate in self.layout.boxes}
        rectangles = list(boxes.values())
        for key, y in self.y.items():  # bends too, as they can lie outside of all nodes
            x, half = self.x[key], self.width.get(key, 0.0) / 2
            rectangles.append((x - half, y - HEIGHT / 2, x + half, y + HEIGHT / 2))
        rectangles = rectangles or [(0, 0, 1, 1)]
        x0, y0 = np.min(rectangles, axis=0)[:2] - MARGIN
        x1, y1 = np.max(rectangles, axis=0)[2:] + MARGIN
        legend = self._legend()
        lines = title.splitlines()
        needed = max([*(text_width(line, FONT) + 0.3 for line in lines), 1.05 * len(legend), 1.0])
        more = max(0.0, needed - (x1 - x0)) / 2
        x0, x1 = x0 - more, x1 + more
        above, below = 0.28 * len(lines), 0.3 if legend else 0.0
        width, height = x1 - x0, y1 - y0 + above + below
        figure = Figure((width, height))
        axes = figure.add_axes((0, below / height, 1, (y1 - y0) / height))
        axes.set(xlim=(x0, x1), ylim=(y0, y1))
        axes.set_axis_off()
        for plate, box in boxes.items():
            self._draw_plate(axes, plate, box)
        path = {pair for a, b in pairwise(self.highlight) for pair in ((a, b), (b, a))}
        for edge, curve in self.curves.items():
            colour = PATH if edge in path else "black"
            axes.add_patch(
                FancyArrowPatch(
                    path=curve, arrowstyle="-|>", mutation_scale=11, color=colour,
                    linewidth=2.0 if edge in path else 1.0, zorder=3 if edge in path else 2,
                    shrinkA=0, shrinkB=0, capstyle="butt", joinstyle="miter",
                )
            )  # fmt: skip
        for node in self.dag.graph:
            self._draw_node(axes, node)
        if title:
            figure.text(0.5, 1 - 0.08 / height, title, ha="center", va="top", fontsize=FONT)
        if legend:
            figure.legend(
                handles=legend, loc="lower center", ncols=len(legend), frameon=False, fontsize=SMALL
            )
        return figure

    def _port(self, node: Key, towards: float) -> Point:
        """Point at which an edge leaves a node: x, and the distance in y from its centre."""
        flat = (self.width[node] - HEIGHT) / 2
        offset = np.clip((towards - self.x[node]) / 4, -flat - HEIGHT / 5, flat + HEIGHT / 5)
        past = max(0.0, abs(offset) - flat)
        return self.x[node] + float(offset), sqrt((HEIGHT / 2) ** 2 - past**2)

    def _curve(self, route: Sequence[Key]) -> Path:
        start, down = self._port(route[0], self.x[route[1]])
        end, up = self._port(route[-1], self.x[route[-2]])
        bends = [
            (self.x[bend], self.y[bend] + s * HEIGHT / 2) for bend in route[1:-1] for s in (1, -1)
        ]
        return edge_path([(start, self.y[route[0]] - down), *bends, (end, self.y[route[-1]] + up)])

    def _box(self, plate: str) -> tuple[float, float, float, float]:
        rows = [self.y[n] for n, plates in self.plates.items() if plate in plates]
        pad = HEIGHT / 2 + PLATE + self.depth[plate] * (PLATE / 2 + NAME)
        left, right = self.layout.boxes[plate]
        return left, min(rows) - pad - NAME, right, max(rows) + pad

    def _draw_plate(self, axes: Axes, plate: str, box: tuple[float, ...]) -> None:
        x0, y0, x1, y1 = box
        axes.add_patch(
            FancyBboxPatch(
                (x0, y0), x1 - x0, y1 - y0, boxstyle="round,pad=0,rounding_size=0.1",
                facecolor="none", edgecolor=PLATES, linewidth=1.0, zorder=1,
            )
        )  # fmt: skip
        wide = text_width(plate, SMALL)
        corners = [(x1 - 0.08 - wide, y0), (x0 + 0.08, y0)]
        crossed = [self._crossed((x, y + 0.02, x + wide, y + NAME)) for x, y in corners]
        x, y = corners[int(np.argmin(crossed))]
        axes.text(
            x, y + 0.05, plate, fontsize=SMALL, color="#555555", va="baseline", zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip

    def _crossed(self, box: tuple[float, float, float, float]) -> int:
        """Count the edges that cross a box."""
        x0, y0, x1, y1 = box
        curves = map(sampled, self.curves.values())
        return sum(bool(((c > (x0, y0)) & (c < (x1, y1))).all(1).any()) for c in curves)

    def _draw_node(self, axes: Axes, node: Node) -> None:
        on_path = node in self.highlight
        axes.add_patch(
            FancyBboxPatch(
                (self.x[node] - self.width[node] / 2, self.y[node] - HEIGHT / 2),
                self.width[node], HEIGHT, boxstyle=f"round,pad=0,rounding_size={HEIGHT / 2}",
                facecolor=GIVEN if node in self.given else self._shade(node),
                edgecolor=PATH if on_path else "black",
                linestyle="--" if node in self.dag.latent else "-",
                linewidth=2.0 if on_path else 1.0, zorder=4,
            )
        )  # fmt: skip
        axes.text(
            self.x[node], self.y[node], label(node), fontsize=FONT, ha="center",
            va="center_baseline", zorder=5,
        )  # fmt: skip

    def _shade(self, node: Node) -> str:
        observed = self.dag.graph.nodes[node].get("observed", node not in self.dag.latent)
        return OBSERVED if observed else "white"

    def _legend(self) -> list[Patch]:
        """Entries for the styles that differ between nodes."""
        shades = {self._shade(node) for node in self.dag.graph}
        styles: dict[str, tuple[bool, dict[str, Any]]] = {
            "observed": (shades == {OBSERVED, "white"}, {"facecolor": OBSERVED}),
            "latent": (bool(self.dag.latent), {"linestyle": "--"}),
            "given": (bool(self.given), {"facecolor": GIVEN}),
            "path": (bool(self.highlight), {"edgecolor": PATH, "linewidth": 2}),
        }
        plain = {"facecolor": "white", "edgecolor": "black"}
        return [Patch(label=n, **plain | style) for n, (used, style) in styles.items() if used]


def edge_path(points: Sequence[Point]) -> Path:
    """Path of an edge: curves between the rows, and straight lines past the rows on its way.

    The points are its start, the points where it enters and leaves each row, and its end.
    """
    if len(points) == 2:
        return Path(points, [Path.MOVETO, Path.LINETO])
    vertices = [points[0]]
    for a, b in pairwise(points):  # past a row, a[0] is b[0], and the curve a line
        bow = 0.5 * (a[1] - b[1])
        vertices += [(a[0], a[1] - bow), (b[0], b[1] + bow), b]
    return Path(vertices, [Path.MOVETO, *[Path.CURVE4] * (len(vertices) - 1)])


def label(node: Hashable) -> str:
    """Name of a node, with dollar signs escaped, as they would start a formula."""
    return str(node).replace("$", r"\$")


def text_width(text: Hashable, size: float) -> float:
    """Width of a text in inches, for a font size in points."""
    shown = label(text)
    if not shown.strip():
        return 0.0
    return TextPath((0, 0), shown, size=size, prop=FontProperties()).get_extents().width / 72


def sampled(curve: Path) -> np.ndarray:
    """Points along an edge, dense enough to see what it crosses, ``(points, 2)``."""
    steps = np.linspace(0, 1, 40)
    beziers: Any = curve.iter_bezier()
    return np.concatenate([bezier(steps) for bezier, _ in beziers])
