"""Places of the parts of a drawing of a DAG: nodes, edges, arcs of bidirected edges, and plates."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from math import sqrt

import networkx as nx
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import text_to_path

from ppgen.graph.layout import layered
from ppgen.graph.nodes import Node
from ppgen.graph.order import Key
from ppgen.graph.placement import placed

# Lengths in inches.
HEIGHT = 0.46  # of a node
PLATE = 0.16  # between a node and its plate, and between nested plates
NAME = 0.18  # height of the name of a plate
CLEAR = 0.02  # between a node and an edge that goes around it
BOWS = (0.0, 0.4, -0.4, 0.8, -0.8, 1.4, -1.4)  # of edges, the first that no node hides

FONT, SMALL = 11, 9  # points

Point = tuple[float, float]
Arcs = Mapping[Node, tuple[Node, Node]]  # the latent node of each arc, and the nodes that it joins


class Sketch:
    """Places in inches, with y upwards.

    Nodes with positions are put there: times ``scale``, or so that no two overlap.

    Attributes
    ----------
    x, y
        Centres of the nodes. Edges in layers also have keys for the bends.
    curves, arcs
        Path of each edge, from parent to child, and of the arc of each latent node.
    boxes
        Left, bottom, right and top of each plate.
    """

    def __init__(self, graph: nx.DiGraph, arcs: Arcs, scale: float | None = None) -> None:
        plates = graph.nodes(data="plates", default=())
        self.plates = {n: (p,) if isinstance(p, str) else tuple(p) for n, p in plates}
        # A plate contains the plates that come after it in the list of any of its nodes.
        self.depth: dict[str, int] = {}
        for inside in self.plates.values():
            for i, plate in enumerate(reversed(inside)):
                self.depth[plate] = max(self.depth.get(plate, 0), i)
        self.width = {n: max(HEIGHT, text_width(n, FONT) + 0.26) for n in graph if n not in arcs}
        self.width |= dict.fromkeys(arcs, 0.0)
        self.edges = [edge for edge in graph.edges if edge[0] not in arcs]
        self.curves: dict[tuple[Node, Node], Path] = {}
        self.arcs: dict[Node, Path] = {}
        places = placed(graph, arcs, self.width, HEIGHT, scale)
        ends = self._in_layers(graph, arcs) if places is None else self._at(places, arcs)
        self.boxes = {plate: self._box(plate, *sides) for plate, sides in ends.items()}

    def _in_layers(self, graph: nx.DiGraph, arcs: Arcs) -> dict[str, Point]:
        """Find places for the nodes, and curves for the edges between them."""
        room = {plate: text_width(plate, SMALL) + 0.2 for plate in self.depth}
        layout = layered(graph, self.plates, self.width, room)
        routes, self.x = layout.routes, layout.x
        slants = [abs(self.x[a] - self.x[b]) for r in routes.values() for a, b in pairwise(r)]
        deepest = 1 + max(self.depth.values(), default=-1)
        gap = 0.42 + min(0.3, 0.03 * max(slants, default=0.0))
        gap = max(gap, deepest * (2 * PLATE + NAME) + 0.2 * bool(deepest))
        self.y = {key: -(HEIGHT + gap) * layer for key, layer in layout.layer.items()}
        for a, b in self.edges:
            points = [self._port(a, routes[a, b][1], up=False), *self._descent(routes[a, b][1:], a)]
            self.curves[a, b] = Path(points) if len(points) == 2 else _cubic(_bezier(points))
        for cause, (a, b) in arcs.items():
            # The arc turns between the layer of its cause and the next one.
            first, second = routes[cause, a][1:], routes[cause, b][1:]
            left = _bezier(self._descent(first, second[0]))
            right = _bezier(self._descent(second, first[0]))
            turn = [(x, y + gap) for x, y in (left[0], right[0])]
            self.arcs[cause] = _cubic([*reversed(left), *turn, *right])
        return layout.boxes

    def _at(self, places: Mapping[Node, Point], arcs: Arcs) -> dict[str, Point]:
        """Put the nodes at given places; edges are straight if they can be, and arcs bent."""
        self.x, self.y = ({node: at[i] for node, at in places.items()} for i in (0, 1))
        for a, b in self.edges:
            self.curves[a, b] = self.way(a, b)
        for cause, (a, b) in arcs.items():
            far, near = np.array(places[cause]), np.array([places[a], places[b]]).mean(0)
            x, y = 2 * far - near  # so that the arc passes its cause
            points = [self._outline(a, (x, y)), (x, y), self._outline(b, (x, y))]
            self.arcs[cause] = Path(points, [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        ends = {}
        for plate, depth in self.depth.items():
            inside = [node for node, plates in self.plates.items() if plate in plates]
            left = min(self.x[node] - self.width[node] / 2 for node in inside)
            right = max(self.x[node] + self.width[node] / 2 for node in inside)
            ends[plate] = (left - PLATE * (1 + depth), right + PLATE * (1 + depth))
        return ends

    def way(self, start: Node, end: Node) -> Path:
        """Straight line between two nodes, or a bow around others that lie on it."""
        a, b = (np.array([self.x[node], self.y[node]]) for node in (start, end))
        across = (b - a)[::-1] * (1, -1) / max(float(np.linalg.norm(b - a)), 1e-9)
        others = [node for node in self.width if self.width[node] and node not in (start, end)]
        centres = np.array([[self.x[node], self.y[node]] for node in others]).reshape(-1, 2)
        room = np.array([[self.width[node], HEIGHT] for node in others]).reshape(-1, 2) / 2 + CLEAR
        steps = np.linspace(0, 1, 40)[:, None]
        ways = []
        for bow in BOWS:
            x, y = (a + b) / 2 + 2 * bow * across  # so that the middle of the curve is at the bow
            points = (1 - steps) ** 2 * a + 2 * steps * (1 - steps) * (x, y) + steps**2 * b
            hidden = (np.abs(points[:, None] - centres) < room).all(-1).any()
            ends = self._outline(start, (x, y)), self._outline(end, (x, y))
            curve = [Path.MOVETO, Path.CURVE3, Path.CURVE3]
            ways.append(Path([ends[0], (x, y), ends[1]], curve) if bow else Path(ends))
            if not hidden:
                return ways[-1]
        return ways[0]

    def _port(self, node: Key, towards: Key, up: bool) -> Point:
        """Point on the upper or lower side of a node at which an edge leaves it."""
        flat = (self.width[node] - HEIGHT) / 2
        offset = (self.x[towards] - self.x[node]) / 4
        offset = min(max(offset, -flat - HEIGHT / 5), flat + HEIGHT / 5)
        height = sqrt((HEIGHT / 2) ** 2 - max(0.0, abs(offset) - flat) ** 2)
        return self.x[node] + offset, self.y[node] + (height if up else -height)

    def _descent(self, route: Sequence[Key], origin: Key) -> list[Point]:
        """Points where a route from ``origin`` enters and leaves each layer, and its end."""
        points = [(self.x[k], self.y[k] + s * HEIGHT / 2) for k in route[:-1] for s in (1, -1)]
        return [*points, self._port(route[-1], [origin, *route][-2], up=True)]

    def _outline(self, node: Node, towards: Point) -> Point:
        """Point of the outline of a node, which is round at both ends, in a direction."""
        dx, dy = towards[0] - self.x[node], towards[1] - self.y[node]
        flat, radius = (self.width[node] - HEIGHT) / 2, HEIGHT / 2
        if abs(dx) * radius <= flat * abs(dy):
            far = radius / abs(dy) if dy else 0.0  # two nodes in one place
        else:
            along, size = flat * abs(dx), dx**2 + dy**2
            far = (along + sqrt(along**2 - size * (flat**2 - radius**2))) / size
        return self.x[node] + far * dx, self.y[node] + far * dy

    def _box(self, plate: str, left: float, right: float) -> tuple[float, float, float, float]:
        rows = [self.y[n] for n, plates in self.plates.items() if plate in plates]
        pad = HEIGHT / 2 + PLATE + self.depth[plate] * (PLATE / 2 + NAME)
        return left, min(rows) - pad - NAME, right, max(rows) + pad


def _bezier(points: Sequence[Point]) -> list[Point]:
    """Points of cubic curves between layers, and of straight lines past layers."""
    result = list(points[:1])
    for a, b in pairwise(points):  # past a layer, a[0] is b[0], and the curve a line
        bow = 0.5 * (a[1] - b[1])
        result += [(a[0], a[1] - bow), (b[0], b[1] + bow), b]
    return result


def _cubic(points: Sequence[Point]) -> Path:
    return Path(points, [Path.MOVETO, *[Path.CURVE4] * (len(points) - 1)])


def text_width(text: object, size: float) -> float:
    """Width of a text in inches, for a font size in points."""
    return max((_line_width(line, size) for line in str(text).splitlines()), default=0.0)


@lru_cache(maxsize=4096)
def _line_width(line: str, size: float) -> float:
    width, _, _ = text_to_path.get_text_width_height_descent(line, FontProperties(size=size), False)
    return float(width) / 72
