"""A graph that is being drawn."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import networkx as nx

from ppgen.graph import DAG, GraphError
from ppgen.graph.nodes import Node
from ppgen.graph.sketch import Sketch
from ppgen.graph.writing import arcs_of

WIDTH, HEIGHT = 960, 640  # of the canvas; positions are pixels of it
INCH = 96  # pixels
MARGIN = 60
AIRY = 1.8  # times as far apart as in a printed figure
LONGEST = 200  # letters of a name

Point = tuple[float, float]


class Editor:
    """A DAG under construction: each change makes a new one, and can be undone.

    All nodes have the attribute ``pos`` in pixels, with y downwards. Marks are the attributes of
    dagitty: ``latent``, ``adjusted`` (given), ``exposure`` (cause) and ``outcome`` (effect).

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
    def text(self) -> str:
        """The graph in one line, without its positions."""
        graph = self._copy()
        for _, attributes in graph.nodes(data=True):
            attributes.pop("pos", None)
        return DAG(graph).export()

    @property
    def link(self) -> str:
        """The graph in one line, with its positions."""
        return self.dag.export()

    def marked(self, status: str) -> list[Node]:
        """Nodes with a mark, in their order."""
        return [node for node, mark in self.dag.graph.nodes(data=status) if mark]

    def replace(self, dag: DAG) -> None:
        """Show another graph, arranged if it has no positions."""
        self._push(arranged(dag))

    def arrange(self) -> None:
        """Place the nodes in layers, parents above their children."""
        graph = self._copy()
        for _, attributes in graph.nodes(data=True):
            attributes.pop("pos", None)
        self.replace(DAG(graph))

    def add(self, at: Point) -> Node:
        """Add a node and return its name, the first letter or number that is free."""
        graph = self._copy()
        letters = map(chr, range(ord("a"), ord("z") + 1))
        names = (*letters, *(f"x{i}" for i in range(len(graph) + 1)))
        node = next(name for name in names if name not in graph)
        graph.add_node(node, pos=at)
        self._push(DAG(graph))
        return node

    def move(self, node: Node, at: Point) -> None:
        """Put a node elsewhere, inside the canvas."""
        x, y = at
        graph = self._copy()
        graph.nodes[node]["pos"] = (min(max(x, 0.0), WIDTH), min(max(y, 0.0), HEIGHT))
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
        self._push(DAG(nx.relabel_nodes(self._copy(), {node: name})))

    def delete(self, chosen: Node | tuple[Node, Node]) -> None:
        """Remove a node with its arrows, or one arrow."""
        graph = self._copy()
        if isinstance(chosen, tuple):
            graph.remove_edge(*chosen)
        else:
            graph.remove_node(chosen)
        self._push(DAG(graph))

    def mark(self, marks: Mapping[str, Iterable[Node]]) -> None:
        """Give each of the marks to the nodes listed for it, and to no others."""
        graph = self._copy()
        for status, nodes in marks.items():
            chosen = self.dag.node_set(nodes, status)
            for node, attributes in graph.nodes(data=True):
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

    def _go(self, steps: int) -> None:
        self._at = min(max(self._at + steps, 0), len(self._history) - 1)
        self.changed()

    def _push(self, dag: DAG) -> None:
        self._history[self._at + 1 :] = [dag]
        self._at += 1
        self.changed()

    def _copy(self) -> nx.DiGraph:
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from((n, dict(found)) for n, found in self.dag.graph.nodes(data=True))
        graph.add_edges_from(self.dag.graph.edges(data=True))
        return graph


def arranged(dag: DAG) -> DAG:
    """Return a graph with names that are texts, and positions on the canvas.

    Nodes of bidirected edges have no position: their arcs lie beside the edge.
    """
    graph = nx.relabel_nodes(dag.graph, {node: str(node) for node in dag.nodes})
    if len(graph) < len(dag.nodes):
        raise GraphError("two nodes have the same name as text; expected different names")
    arcs = arcs_of(graph)
    for cause in arcs:
        graph.nodes[cause].pop("pos", None)
    nodes = [node for node in graph if node not in arcs]
    if not _on_canvas([graph.nodes[node].get("pos") for node in nodes]):
        sketch = Sketch(graph, arcs)
        x = _fitted([sketch.x[node] * INCH for node in nodes], WIDTH)
        y = _fitted([-sketch.y[node] * INCH for node in nodes], HEIGHT)
        nx.set_node_attributes(graph, dict(zip(nodes, zip(x, y, strict=True), strict=True)), "pos")
    return DAG(graph)


def _on_canvas(places: list[Any]) -> bool:
    """Whether positions are pixels of the canvas; those of other tools are often small numbers."""
    if None in places or not places:
        return False
    x, y = zip(*places, strict=True)
    inside = min(*x, *y) >= 0 and max(x) <= WIDTH and max(y) <= HEIGHT
    return inside and (len(places) == 1 or max(max(x) - min(x), max(y) - min(y)) > MARGIN)


def _fitted(values: list[float], size: float) -> list[float]:
    """Move values into the middle of a canvas, apart if there is room and together if not."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    scale = min(AIRY, (size - 2 * MARGIN) / max(high - low, 1.0))
    return [round(float(size / 2 + (value - (low + high) / 2) * scale), 1) for value in values]
