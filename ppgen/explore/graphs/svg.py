"""Pictures of a graph as SVG, in pixels of the canvas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

import numpy as np
from matplotlib.path import Path

from ppgen.explore.graphs.editor import INCH, Point
from ppgen.graph import DAG
from ppgen.graph.drawing import GIVEN, OBSERVED, PATH, PLATES, sampled
from ppgen.graph.nodes import Node
from ppgen.graph.sketch import HEIGHT, Sketch
from ppgen.graph.writing import arcs_of

TAGS = {"exposure": "cause", "outcome": "effect", "selected": "selected"}
NEAR = 8  # pixels from an arrow that still hit it

STYLE = """<defs>
<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8"
 orient="auto-start-reverse"><path d="M0,0 L10,5 L0,10 z"/></marker>
<marker id="red" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6" markerHeight="6"
 orient="auto-start-reverse"><path d="M0,0 L10,5 L0,10 z" fill="#c1272d"/></marker></defs>"""


@dataclass(frozen=True)
class Shown:
    """What stands out in a picture.

    Attributes
    ----------
    path
        Nodes of a trail; its arrows are red.
    failed
        Pairs of nodes that data contradict: a dashed red line joins them.
    chosen
        The node or the arrow that is selected.
    pointer
        A node and the point to which an arrow is being drawn from it.
    """

    path: tuple[Node, ...] = ()
    failed: tuple[tuple[Node, Node], ...] = ()
    chosen: Node | tuple[Node, Node] | None = None
    pointer: tuple[Node, Point] | None = None


@dataclass
class Picture:
    """SVG of a graph, and what lies at a point of it.

    Examples
    --------
    >>> dag = DAG('a [pos="100,100"]; b [pos="200,200"]; a -> b')
    >>> picture = Picture(dag)
    >>> picture.node_at((102, 95)), picture.arrow_at((150, 152)), picture.node_at((150, 10))
    ('a', ('a', 'b'), None)
    """

    dag: DAG
    moved: Mapping[Node, Point] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.dag.graph.copy()
        for node, place in self.moved.items():
            graph.nodes[node]["pos"] = place
        self.arcs = arcs_of(graph)
        self.sketch = Sketch(graph, self.arcs, 1 / INCH)

    def node_at(self, point: Point) -> Node | None:
        """Topmost node at a point."""
        x, y = point[0] / INCH, -point[1] / INCH
        for node in reversed(self.dag.nodes):
            if node not in self.arcs:
                wide, high = self.sketch.width[node] / 2, HEIGHT / 2
                if abs(x - self.sketch.x[node]) <= wide and abs(y - self.sketch.y[node]) <= high:
                    return node
        return None

    def arrow_at(self, point: Point) -> tuple[Node, Node] | None:
        """Nearest arrow to a point, if one is near."""
        at = np.array(point) / (INCH, -INCH)
        away = {
            edge: float(np.linalg.norm(sampled(curve) - at, axis=1).min()) * INCH
            for edge, curve in self.sketch.curves.items()
        }
        nearest = min(away, key=away.__getitem__, default=None)
        return nearest if nearest is not None and away[nearest] <= NEAR else None

    def svg(self, shown: Shown = Shown()) -> str:
        """Draw the graph."""
        trail = {pair for a, b in pairwise(shown.path) for pair in ((a, b), (b, a))}
        parts = [STYLE]
        parts += [_plate(name, box) for name, box in self.sketch.boxes.items()]
        for edge, curve in self.sketch.curves.items():
            parts.append(_curve(curve, edge in trail, thick=edge == shown.chosen))
        for cause, curve in self.sketch.arcs.items():
            on_trail = all((cause, node) in trail for node in self.dag.graph.succ[cause])
            parts.append(_curve(curve, on_trail, both=True))
        for a, b in shown.failed:
            parts.append(
                f'<path d="{_way(self.sketch.way(a, b))}" stroke="{PATH}" stroke-width="3" '
                'stroke-dasharray="2 7" stroke-linecap="round" fill="none"/>'
            )
        if shown.pointer:
            (x0, y0), (x1, y1) = self._point(shown.pointer[0]), shown.pointer[1]
            parts.append(
                f'<path d="M{x0:.1f},{y0:.1f} L{x1:.1f},{y1:.1f}" stroke="#1f77b4" '
                'stroke-width="2" stroke-dasharray="6 4" fill="none" marker-end="url(#head)"/>'
            )
        parts += [self._node(node, shown) for node in self.dag.nodes if node not in self.arcs]
        return "".join(parts)

    def _point(self, node: Node) -> Point:
        return self.sketch.x[node] * INCH, -self.sketch.y[node] * INCH

    def _node(self, node: Node, shown: Shown) -> str:
        (x, y), wide, high = self._point(node), self.sketch.width[node] * INCH, HEIGHT * INCH
        found = self.dag.graph.nodes[node]
        latent = node in self.dag.latent
        fill = "white" if not found.get("observed", not latent) else OBSERVED
        on_path, chosen = node in shown.path, node == shown.chosen
        parts = []
        if chosen:
            parts.append(_box(x, y, wide + 10, high + 10, 'fill="none" stroke="#1f77b4" '
                              'stroke-width="2" stroke-dasharray="3 3"'))  # fmt: skip
        parts.append(
            _box(x, y, wide, high, f'fill="{GIVEN if found.get("adjusted") else fill}" '
                 f'stroke="{PATH if on_path else "black"}" stroke-width="{3 if on_path else 1.3}"'
                 + (' stroke-dasharray="5 4"' if latent else ""))
        )  # fmt: skip
        parts.append(_text(x, y + 5, str(node), 15))
        tags = [tag for status, tag in TAGS.items() if found.get(status)]
        tags += ["given"] * bool(found.get("adjusted"))
        if tags:
            parts.append(_text(x + wide / 2 + 5, y + 4, ", ".join(tags), 12, "start"))
        return "".join(parts)


def _box(x: float, y: float, wide: float, high: float, style: str) -> str:
    return (
        f'<rect x="{x - wide / 2:.1f}" y="{y - high / 2:.1f}" width="{wide:.1f}" '
        f'height="{high:.1f}" rx="{high / 2:.1f}" {style}/>'
    )


def _text(x: float, y: float, text: str, size: int, anchor: str = "middle") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'font-family="sans-serif">{escape(text)}</text>'
    )


def _curve(curve: Path, on_path: bool, *, thick: bool = False, both: bool = False) -> str:
    colour, head = (PATH, "red") if on_path else ("black", "head")
    width = 3 if on_path else 2.5 if thick else 1.3
    style = ' stroke-dasharray="5 4"' * both + f' marker-start="url(#{head})"' * both
    return (
        f'<path d="{_way(curve)}" stroke="{colour}" fill="none" '
        f'stroke-width="{width}" marker-end="url(#{head})"{style}/>'
    )


def _way(curve: Path) -> str:
    points = [f"{x * INCH:.1f},{-y * INCH:.1f}" for x, y in np.asarray(curve.vertices)]
    kind = {2: "L", 3: "Q"}.get(len(points), "C")
    return f"M{points[0]} {kind}{' '.join(points[1:])}"


def _plate(name: str, box: tuple[float, float, float, float]) -> str:
    x0, y0, x1, y1 = (value * INCH for value in box)
    return (
        f'<rect x="{x0:.1f}" y="{-y1:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}" rx="10" '
        f'fill="none" stroke="{PLATES}"/>' + _text(x1 - 8, -y0 - 6, name, 12, "end")
    )
