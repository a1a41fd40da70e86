"""Pictures of DAGs, in the notation of plates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import sqrt

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path

from ppgen.graph.building import Nodes, node_sequence
from ppgen.graph.core import BaseDAG
from ppgen.graph.independence import Node
from ppgen.graph.layout import Bend, Layout, layered
from ppgen.graph.ordering import Key
from ppgen.graph.shapes import edge_path, label, sampled, text_width

# All in inches.
HEIGHT = 0.46  # of a node
FONT, SMALL = 11, 9
MARGIN = 0.2
PLATE = 0.16  # between a node and its plate, and between nested plates
NAME = 0.18  # for the name of a plate

OBSERVED, GIVEN, PATH, PLATES = "#d9d9d9", "#8fb8de", "#c1272d", "#7a7a7a"


def draw(dag: BaseDAG, highlight: Nodes = (), given: Nodes = (), title: str = "") -> Figure:
    """Draw a DAG in layers, parents above their children.

    Nodes are shaded where they are observed (their attribute ``observed``; without it, where they
    are not latent), and latent ones have a dashed outline. Plates, the attribute ``plates``, are
    boxes about their nodes: names, outermost first, or the name of one.

    Parameters
    ----------
    dag
        The graph.
    highlight
        A node, or those of a path in order, to draw in colour with the edges between neighbours.
    given
        The node or nodes that a query conditions on, to fill in colour.
    title
        Above the drawing.

    Raises
    ------
    GraphError
        Where ``highlight`` or ``given`` names no node of the graph.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("season -> rain <- pressure; rain -> grass")
    >>> draw(dag, highlight=["season", "rain", "pressure"], given=["grass"]).savefig(
    ...     "/dev/null", format="png"
    ... )
    """
    path = node_sequence(dag.graph, highlight, "highlight")
    return _Drawing(dag, path, dag.node_set(given, "given")).figure(title)


class _Drawing:
    def __init__(self, dag: BaseDAG, highlight: tuple[Node, ...], given: frozenset[Node]) -> None:
        self.dag, self.highlight, self.given = dag, highlight, given
        self.attributes = dict(dag.graph.nodes(data=True))
        self.plates = {n: _names(a.get("plates", ())) for n, a in self.attributes.items()}
        self.width = {n: max(HEIGHT, text_width(n, FONT) + 0.26) for n in dag.graph}
        names = {p for plates in self.plates.values() for p in plates}
        room = {p: text_width(p, SMALL) + 0.2 for p in names}
        self.layout: Layout = layered(dag.graph, self.plates, self.width, room)
        # A plate holds those that stand behind it in the plates of any of its nodes.
        self.depth = dict.fromkeys(self.layout.boxes, 0)
        for plates in self.plates.values():
            for i, plate in enumerate(plates):
                self.depth[plate] = max(self.depth[plate], len(plates) - 1 - i)
        self.row = self._row_distance()
        self.curves = {edge: self._curve(route) for edge, route in self.layout.routes.items()}

    def _row_distance(self) -> float:
        x = self.layout.x
        slants = [
            abs(x[a] - x[b]) for route in self.layout.routes.values() for a, b in pairwise(route)
        ]
        deepest = 1 + max(self.depth.values(), default=-1)
        room = 0.42 + min(0.6, 0.1 * max(slants, default=0.0))
        return HEIGHT + max(room, deepest * (2 * PLATE + NAME) + 0.2 * bool(deepest))

    def figure(self, title: str) -> Figure:
        boxes = {plate: self._box(plate) for plate in self.layout.boxes}
        left = [self.x(n) - self.width[n] / 2 for n in self.dag.graph] + [
            b[0] for b in boxes.values()
        ]
        right = [self.x(n) + self.width[n] / 2 for n in self.dag.graph] + [
            b[2] for b in boxes.values()
        ]
        # Bends may stand outside all nodes.
        bends = [x for key, x in self.layout.x.items() if isinstance(key, Bend)]
        low = [self.y(n) - HEIGHT / 2 for n in self.dag.graph] + [b[1] for b in boxes.values()]
        high = [self.y(n) + HEIGHT / 2 for n in self.dag.graph] + [b[3] for b in boxes.values()]
        x0, x1 = min([*left, *bends], default=0) - MARGIN, max([*right, *bends], default=1) + MARGIN
        y0, y1 = min(low, default=0) - MARGIN, max(high, default=1) + MARGIN
        legend = self._legend()
        lines = len(title.splitlines()) if title else 0
        x0, x1 = self._widen(x0, x1, title, legend)
        above, below = 0.28 * lines, 0.3 if legend else 0.0
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

    def x(self, key: Key) -> float:
        """Inches to the right."""
        return self.layout.x[key]

    def y(self, key: Key) -> float:
        """Inches upwards."""
        return -self.row * self.layout.layer[key]

    def _port(self, node: Key, towards: float) -> tuple[float, float]:
        """Give where an edge leaves a node: x, and the height over its middle."""
        flat = (self.width[node] - HEIGHT) / 2
        offset = np.clip((towards - self.x(node)) / 4, -flat - HEIGHT / 5, flat + HEIGHT / 5)
        past = max(0.0, abs(offset) - flat)
        return self.x(node) + float(offset), sqrt((HEIGHT / 2) ** 2 - past**2)

    def _curve(self, route: Sequence[Key]) -> Path:
        start, down = self._port(route[0], self.x(route[1]))
        end, up = self._port(route[-1], self.x(route[-2]))
        bends = [
            (self.x(bend), self.y(bend) + s * HEIGHT / 2) for bend in route[1:-1] for s in (1, -1)
        ]
        return edge_path([(start, self.y(route[0]) - down), *bends, (end, self.y(route[-1]) + up)])

    def _box(self, plate: str) -> tuple[float, float, float, float]:
        rows = [self.y(n) for n, plates in self.plates.items() if plate in plates]
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
        x0, y0, x1, y1 = box
        count = 0
        for curve in self.curves.values():
            points = sampled(curve)
            inside = (points[:, 0] > x0) & (points[:, 0] < x1)
            count += bool((inside & (points[:, 1] > y0) & (points[:, 1] < y1)).any())
        return count

    def _draw_node(self, axes: Axes, node: Node) -> None:
        on_path = node in self.highlight
        axes.add_patch(
            FancyBboxPatch(
                (self.x(node) - self.width[node] / 2, self.y(node) - HEIGHT / 2),
                self.width[node], HEIGHT, boxstyle=f"round,pad=0,rounding_size={HEIGHT / 2}",
                facecolor=GIVEN if node in self.given else self._shade(node),
                edgecolor=PATH if on_path else "black",
                linestyle="--" if self.attributes[node]["latent"] else "-",
                linewidth=2.0 if on_path else 1.0, zorder=4,
            )
        )  # fmt: skip
        axes.text(
            self.x(node), self.y(node), label(node), fontsize=FONT, ha="center",
            va="center_baseline", zorder=5,
        )  # fmt: skip

    def _shade(self, node: Node) -> str:
        attributes = self.attributes[node]
        return OBSERVED if attributes.get("observed", not attributes["latent"]) else "white"

    def _legend(self) -> list[Patch]:
        """Explain what is not the same on all nodes."""
        entries: list[Patch] = []
        if {self._shade(n) for n in self.dag.graph} == {OBSERVED, "white"}:
            entries.append(Patch(facecolor=OBSERVED, edgecolor="black", label="observed"))
        if self.dag.latent:
            dashed = Patch(facecolor="white", edgecolor="black", linestyle="--", label="latent")
            entries.append(dashed)
        if self.given:
            entries.append(Patch(facecolor=GIVEN, edgecolor="black", label="given"))
        if self.highlight:
            entries.append(Patch(facecolor="white", edgecolor=PATH, linewidth=2, label="path"))
        return entries

    def _widen(self, x0: float, x1: float, title: str, legend: list[Patch]) -> tuple[float, float]:
        lines = [text_width(line, FONT) + 0.3 for line in title.splitlines()]
        needed = max([*lines, 1.05 * len(legend), 1.0])
        more = max(0.0, needed - (x1 - x0)) / 2
        return x0 - more, x1 + more


def _names(plates: str | Iterable[str]) -> tuple[str, ...]:
    return (plates,) if isinstance(plates, str) else tuple(plates)
