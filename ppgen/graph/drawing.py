"""Draw DAGs in plate notation."""

from collections.abc import Iterable
from itertools import chain, pairwise
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path

from ppgen.figure import Figure
from ppgen.graph.core import BaseDAG
from ppgen.graph.nodes import Node
from ppgen.graph.sketch import FONT, HEIGHT, NAME, SMALL, Sketch, text_width
from ppgen.graph.writing import arcs_of

# Lengths in inches.
MARGIN = 0.2
LINE, LETTER = 0.17, 0.08  # height of a line of small text, and width of its letters

OBSERVED, GIVEN, PATH, PLATES = "#d9d9d9", "#8fb8de", "#c1272d", "#7a7a7a"


class Drawing:
    """Figure of a DAG; the arguments are those of ``DAG.draw``."""

    def __init__(self, dag: BaseDAG, highlight: tuple[Node, ...], given: frozenset[Node]) -> None:
        self.dag, self.highlight, self.given = dag, highlight, given
        arcs = {cause: pair for cause, pair in arcs_of(dag.graph).items() if cause not in given}
        self.nodes = [node for node in dag.graph if node not in arcs]
        self.sketch = Sketch(dag.graph, arcs)

    def figure(self, title: str) -> Figure:
        """Figure that is just large enough for the graph, the title and a legend."""
        sketch = self.sketch
        rectangles = list(sketch.boxes.values())
        for node in self.nodes:
            x, y, half = sketch.x[node], sketch.y[node], sketch.width[node] / 2
            rectangles.append((x - half, y - HEIGHT / 2, x + half, y + HEIGHT / 2))
        for curve in chain(sketch.curves.values(), sketch.arcs.values()):
            points = np.asarray(curve.vertices)  # the curve lies between them
            rectangles.append((*points.min(0), *points.max(0)))
        rectangles = rectangles or [(0, 0, 1, 1)]
        x0, y0 = np.min(rectangles, axis=0)[:2] - MARGIN
        x1, y1 = np.max(rectangles, axis=0)[2:] + MARGIN
        legend = self._legend()
        lines, names = title.splitlines(), full_names(self.dag, self.nodes)
        needed = max(
            [*(text_width(line, FONT) + 0.3 for line in lines), 1.05 * len(legend), 1.0]
            + [text_width(name, SMALL) + 3 * MARGIN for name in names]
        )
        more = max(0.0, needed - (x1 - x0)) / 2
        x0, x1 = x0 - more, x1 + more
        letters = max([int((x1 - x0 - 2 * MARGIN) / LETTER), *map(len, names)])
        names = wrap("   ".join(names), letters)
        above, entries = 0.28 * len(lines), 0.3 if legend else 0.0
        below = entries + LINE * len(names) + 0.2 * bool(names)
        width, height = x1 - x0, y1 - y0 + above + below
        figure = Figure((width, height), layout=None)
        axes = figure.add_axes((0, below / height, 1, (y1 - y0) / height))
        axes.set(xlim=(x0, x1), ylim=(y0, y1))
        axes.set_axis_off()
        for plate, plate_box in sketch.boxes.items():
            self._draw_plate(axes, plate, plate_box)
        path = {pair for a, b in pairwise(self.highlight) for pair in ((a, b), (b, a))}
        for edge, curve in sketch.curves.items():
            _draw_edge(axes, curve, edge in path)
        for cause, curve in sketch.arcs.items():
            on_path = all((cause, node) in path for node in self.dag.graph.succ[cause])
            _draw_edge(axes, curve, on_path, both=True)
        for node in self.nodes:
            self._draw_node(axes, node)
        if title:
            figure.text(0.5, 1 - 0.08 / height, title, ha="center", va="top", fontsize=FONT)
        if names:
            text, y = escaped("\n".join(names)), (entries + 0.1) / height
            figure.text(MARGIN / width, y, text, va="bottom", fontsize=SMALL, linespacing=1.3)
        if legend:
            figure.legend(
                handles=legend, loc="lower center", ncols=len(legend), frameon=False, fontsize=SMALL
            )
        return figure

    def _draw_plate(self, axes: Axes, plate: str, box: tuple[float, ...]) -> None:
        x0, y0, x1, y1 = box
        axes.add_artist(  # unlike add_patch, it does not measure again what fits the figure
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
        curves = map(sampled, chain(self.sketch.curves.values(), self.sketch.arcs.values()))
        return sum(bool(((c > (x0, y0)) & (c < (x1, y1))).all(1).any()) for c in curves)

    def _draw_node(self, axes: Axes, node: Node) -> None:
        on_path, sketch = node in self.highlight, self.sketch
        x, y, width = sketch.x[node], sketch.y[node], sketch.width[node]
        axes.add_artist(
            FancyBboxPatch(
                (x - width / 2, y - HEIGHT / 2), width, HEIGHT,
                boxstyle=f"round,pad=0,rounding_size={HEIGHT / 2}",
                facecolor=GIVEN if node in self.given else self._shade(node),
                edgecolor=PATH if on_path else "black",
                linestyle="--" if node in self.dag.latent else "-",
                linewidth=2.0 if on_path else 1.0, zorder=4,
            )
        )  # fmt: skip
        axes.text(x, y, escaped(node), fontsize=FONT, ha="center", va="center_baseline", zorder=5)

    def _shade(self, node: Node) -> str:
        observed = self.dag.graph.nodes[node].get("observed", node not in self.dag.latent)
        return OBSERVED if observed else "white"

    def _legend(self) -> list[Patch]:
        """Entries for the styles that differ between nodes."""
        shades = {self._shade(node) for node in self.nodes}
        styles: dict[str, tuple[bool, dict[str, Any]]] = {
            "observed": (shades == {OBSERVED, "white"}, {"facecolor": OBSERVED}),
            "latent": (not self.dag.latent.isdisjoint(self.nodes), {"linestyle": "--"}),
            "given": (bool(self.given), {"facecolor": GIVEN}),
            "path": (bool(self.highlight), {"edgecolor": PATH, "linewidth": 2}),
        }
        plain = {"facecolor": "white", "edgecolor": "black"}
        return [Patch(label=n, **plain | style) for n, (used, style) in styles.items() if used]


def full_names(dag: BaseDAG, nodes: Iterable[Node]) -> list[str]:
    """Return the full names of nodes, which are their attributes ``label``, without breaks."""
    labels = {node: dag.graph.nodes[node].get("label") for node in nodes}
    return [
        f"{node}: {label}".replace(" ", "\N{NO-BREAK SPACE}")
        for node, label in labels.items()
        if label and str(label) != str(node)
    ]


def _draw_edge(axes: Axes, curve: Path, on_path: bool, *, both: bool = False) -> None:
    axes.add_artist(
        FancyArrowPatch(
            path=curve, mutation_scale=11, color=PATH if on_path else "black",
            zorder=3 if on_path else 2, shrinkA=0, shrinkB=0, capstyle="butt", joinstyle="miter",
            linewidth=2.0 if on_path else 1.0, linestyle="--" if both else "-",
            arrowstyle="<|-|>" if both else "-|>",
        )
    )  # fmt: skip


def escaped(text: object) -> str:
    """Text with its dollar signs escaped, as they would start a formula."""
    return str(text).replace("$", r"\$")


def sampled(curve: Path) -> np.ndarray:
    """Points along an edge, dense enough to see what it crosses, ``(points, 2)``."""
    steps = np.linspace(0, 1, 40)
    beziers: Any = curve.iter_bezier()
    return np.concatenate([bezier(steps) for bezier, _ in beziers])
