"""A graph that is being drawn."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import networkx as nx

from ppgen.graph import DAG, GraphError
from ppgen.graph.core import cause_name
from ppgen.graph.nodes import Node
from ppgen.graph.sketch import Sketch
from ppgen.graph.writing import arcs_of

WIDTH, HEIGHT = 960, 640  # of the canvas
ZOOMS = (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)  # how many times smaller a large graph is drawn
INCH = 96  # pixels
MARGIN = 80
CLOSE, AIRY = 0.8, 1.8  # how far nodes are apart, in distances of a printed figure
LONGEST = 200  # letters of a name
MOST = 100  # nodes; a layout of more takes seconds

Point = tuple[float, float]


class Editor:
    """A DAG under construction: each change makes a new one, and can be undone.

    All nodes have the attribute ``pos`` in pixels, with y downwards: of the canvas, times ``zoom``
    for a graph that needs more room. Marks are the attributes of dagitty: ``latent``, ``adjusted``
    (given), ``exposure`` (cause) and ``outcome`` (effect).

    Examples
    --------
    >>> editor = Editor(DAG("a -> b"))
    >>> editor.connect("b", editor.add((400, 300)))
    >>> editor.dag.nodes, editor.text
    (('a', 'b', 'c'), 'a -> b; b -> c')
    >>> editor.connect("c", "a")
    Traceback (most recent call last):
    ppgen.graph.nodes.GraphError: the graph has the cycle a → b → c → a; expected an acyclic graph
    >>> editor.undo()
    >>> editor.text
    'a -> b; c'
    """

    def __init__(self, dag: DAG, changed: Callable[[], None] = lambda: None) -> None:
        self.changed = changed
        self._history, self._at = [arranged(dag)], 0

    @property
    def dag(self) -> DAG:
        """The graph as it is now."""
        return self._history[self._at]

    @property
    def places(self) -> dict[Node, Point]:
        """Positions of the nodes in pixels."""
        return dict(self.dag.graph.nodes(data="pos"))

    @property
    def zoom(self) -> float:
        """How many times as wide and high as the canvas the graph is."""
        return zoom_of([place for place in self.places.values() if place is not None])

    @property
    def text(self) -> str:
        """The graph in one line, without its positions."""
        return self._without_places().export()

    @property
    def link(self) -> str:
        """The graph in one line, with its positions."""
        return self.dag.export()

    def way(self, start: Node, end: Node) -> tuple[Node, ...]:
        """Return the nodes of a shortest directed path, or none if there is no path."""
        graph = self.dag.graph
        return tuple(nx.shortest_path(graph, start, end)) if nx.has_path(graph, start, end) else ()

    def replace(self, dag: DAG) -> None:
        """Show another graph, arranged if it has no positions."""
        self._push(arranged(dag))

    def arrange(self) -> None:
        """Place the nodes in layers, parents above their children."""
        self.replace(self._without_places())

    def add(self, at: Point) -> Node:
        """Add a node and return its name, the first letter or number that is free."""
        graph = self._copy()
        letters = map(chr, range(ord("a"), ord("z") + 1))
        names = (*letters, *(f"x{i}" for i in range(len(graph) + 1)))
        node = next(name for name in names if name not in graph)
        graph.add_node(node, pos=self._inside(at))
        self._push(DAG(graph))
        return node

    def move(self, node: Node, at: Point) -> None:
        """Put a node elsewhere, inside the canvas."""
        graph = self._copy()
        graph.nodes[node]["pos"] = self._inside(at)
        self._push(DAG(graph))

    def connect(self, parent: Node, child: Node) -> None:
        """Add an arrow; raise a GraphError that names the cycle if it closes one."""
        graph = self._copy()
        graph.add_edge(parent, child)
        self._push(DAG(graph))

    def rename(self, node: Node, name: str) -> None:
        """Give a node another name that no other node has."""
        name = name.strip()
        if not name or len(name) > LONGEST:
            raise GraphError(f"a name has {len(name)} letters; expected 1 to {LONGEST}")
        if name != node and name in self.dag.graph:
            raise GraphError(f"there is a node {name!r} already; expected another name")
        names = {node: name}
        for cause, ends in arcs_of(self.dag.graph).items():
            if node in ends:
                names[cause] = cause_name(*(name if end == node else end for end in ends))
        self._push(DAG(nx.relabel_nodes(self._copy(), names)))

    def delete(self, chosen: Node | tuple[Node, Node]) -> None:
        """Remove a node with its arrows, or one arrow."""
        graph = self._copy()
        if isinstance(chosen, tuple):
            graph.remove_edge(*chosen)
        else:
            arcs = arcs_of(graph)
            graph.remove_nodes_from([cause for cause, ends in arcs.items() if chosen in ends])
            graph.remove_node(chosen)
        self._push(DAG(graph))

    def mark(self, marks: Mapping[str, Iterable[Node]]) -> None:
        """Give each of the marks to the nodes listed for it, and to no others."""
        graph = self._copy()
        arcs = arcs_of(graph).keys()  # which are no nodes on the canvas
        for status, nodes in marks.items():
            chosen = self.dag.node_set(nodes, status) - arcs
            for node, attributes in graph.nodes(data=True):
                if node not in arcs:
                    attributes.pop(status, None)
                if node in chosen:
                    attributes[status] = True
        self._push(DAG(graph))

    def undo(self) -> None:
        """Go back by one change, if there is one."""
        self._go(-1)

    def redo(self) -> None:
        """Take back the last undo, if there is one."""
        self._go(1)

    def _inside(self, at: Point) -> Point:
        right, bottom = self.zoom * WIDTH, self.zoom * HEIGHT
        return round(min(max(at[0], 0.0), right), 1), round(min(max(at[1], 0.0), bottom), 1)

    def _go(self, steps: int) -> None:
        self._at = min(max(self._at + steps, 0), len(self._history) - 1)
        self.changed()

    def _push(self, dag: DAG) -> None:
        self._history[self._at + 1 :] = [dag]
        self._at += 1
        self.changed()

    def _without_places(self) -> DAG:
        graph = self._copy()
        for _, attributes in graph.nodes(data=True):
            attributes.pop("pos", None)
        return DAG(graph)

    def _copy(self) -> nx.DiGraph:
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from((n, dict(found)) for n, found in self.dag.graph.nodes(data=True))
        graph.add_edges_from(self.dag.graph.edges(data=True))
        return graph


def arranged(dag: DAG) -> DAG:
    """Return a graph with names that are texts, and positions on the canvas.

    Nodes of bidirected edges have no position: their arcs lie beside the edge. Raises GraphError
    for more nodes than a page can show.
    """
    if len(dag.nodes) > MOST:
        raise GraphError(f"the graph has {len(dag.nodes)} nodes; a page shows at most {MOST}")
    graph = nx.relabel_nodes(dag.graph, {node: str(node) for node in dag.nodes})
    if len(graph) < len(dag.nodes):
        raise GraphError("two nodes have the same name as text; expected different names")
    if (longest := max(map(len, graph), default=0)) > LONGEST:
        raise GraphError(f"a name has {longest:,} letters; expected at most {LONGEST}")
    arcs = arcs_of(graph)
    for cause in arcs:
        graph.nodes[cause].pop("pos", None)
    nodes = [node for node in graph if node not in arcs]
    if not _on_canvas([graph.nodes[node].get("pos") for node in nodes]):
        sketch = Sketch(graph, arcs)
        places = {node: (sketch.x[node] * INCH, -sketch.y[node] * INCH) for node in nodes}
        zoom = zoom_of([(x + MARGIN, y + MARGIN) for x, y in _spaced(places, 1.0).values()])
        for node, (x, y) in _spaced(places, zoom).items():
            graph.nodes[node]["pos"] = (round(x, 1), round(y, 1))
    return DAG(graph)


def zoom_of(places: list[Point]) -> float:
    """Smallest zoom at which all places are on the canvas."""
    needed = max((max(x / WIDTH, y / HEIGHT) for x, y in places), default=0.0)
    return next((zoom for zoom in ZOOMS if zoom >= needed), ZOOMS[-1])


def _on_canvas(places: list[Any]) -> bool:
    """Whether positions are pixels of the canvas; those of other tools are often small numbers."""
    if None in places or not places:
        return False
    x, y = zip(*places, strict=True)
    inside = min(*x, *y) >= 0 and max(x) <= ZOOMS[-1] * WIDTH and max(y) <= ZOOMS[-1] * HEIGHT
    return inside and (len(places) == 1 or max(max(x) - min(x), max(y) - min(y)) > MARGIN)


def _spaced(places: dict[Node, Point], zoom: float) -> dict[Node, Point]:
    """Places in the middle of a canvas, apart if it has room and closer together if not."""
    spaced = []
    for values, size in zip(zip(*places.values(), strict=True), (WIDTH, HEIGHT), strict=False):
        low, extent = min(values), max(values) - min(values)
        scale = min(max((zoom * size - 2 * MARGIN) / max(extent, 1.0), CLOSE), AIRY)
        start = max((zoom * size - extent * scale) / 2, MARGIN)
        spaced.append([float(start + (value - low) * scale) for value in values])
    return dict(zip(places, zip(*spaced, strict=True), strict=True)) if places else {}
