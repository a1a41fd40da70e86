"""The page for graphs: a canvas, a bar of tools, and panels of questions about the graph."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from urllib.parse import urlencode

from nicegui import ui

from ppgen.explore.graphs.canvas import Canvas
from ppgen.explore.graphs.editor import Editor
from ppgen.explore.graphs.panels import PANELS
from ppgen.explore.graphs.queries import Answer
from ppgen.explore.graphs.tools import Tools
from ppgen.explore.layout import columns, frame
from ppgen.graph import DAG, GraphError
from ppgen.graph.nodes import Node

LONGEST_LINK = 20_000  # letters; servers and browsers refuse much longer addresses


class GraphPage:
    """What one browser tab shows.

    Attributes
    ----------
    chosen
        The selected node or arrow.
    path, failed
        Nodes of the trail that is drawn in red, and pairs that data contradict.
    """

    def __init__(self, dag: DAG) -> None:
        self.chosen: Node | tuple[Node, Node] | None = None
        self.path: tuple[Node, ...] = ()
        self.failed: tuple[tuple[Node, Node], ...] = ()
        linked = ui.context.client.request.query_params.get("graph")
        self.editor = Editor(dag if linked is None else DAG([]), self.refresh)
        frame("Graphs")
        with columns() as (left, right):
            self.root = left
            with left:
                self.tools = Tools(self)
                self.canvas = Canvas(self)
                ui.label(
                    "Click: new node. Drag onto a node: arrow. Drag elsewhere: move. "
                    "Double click: rename."
                ).classes("hint")
            with right:
                with ui.tabs().props("dense") as tabs:
                    for name in PANELS:
                        ui.tab(name)
                with ui.tab_panels(tabs, value=next(iter(PANELS))) as self.shown:
                    self.panels = {}
                    for name, panel in PANELS.items():
                        with ui.tab_panel(name):
                            self.panels[name] = panel(self)
        with ui.dialog() as self.dialog, ui.card():
            self.name = ui.input("name of the node").props("autofocus")
            self.name.on("keydown.enter", self._rename)
            with ui.row():
                ui.button("Rename", on_click=self._rename)
                ui.button("Cancel", on_click=self.dialog.close).props("flat")
        self.shown.on_value_change(self.refresh)
        with self.reporting():
            if linked is not None:
                self.editor = Editor(DAG(linked), self.refresh)
                linked = None
        self.refresh(remember=linked is None)  # a link that shows nothing stays, to be mended

    def canvas_nodes(self) -> list[Node]:
        """Nodes that are drawn, without the latent causes of bidirected edges."""
        return [node for node, place in self.editor.places.items() if place is not None]

    def choose(self, chosen: Node | tuple[Node, Node] | None) -> None:
        """Select a node or an arrow."""
        self.chosen = chosen
        self.refresh()

    def connect(self, parent: Node, child: Node) -> None:
        """Add an arrow, or show the cycle that it would close."""
        try:
            self.editor.connect(parent, child)
        except GraphError:
            self.path = self.editor.way(child, parent)
            raise

    def show(self, answer: Answer) -> None:
        """Show an answer on the graph."""
        self.path = answer.path
        with self.reporting():
            if answer.marks:
                self.editor.mark(answer.marks)
            else:
                self.refresh()

    def refresh(self, remember: bool = True) -> None:
        """Draw the page again after a change; forget what is no longer in the graph.

        If ``remember``, the address becomes that of the graph.
        """
        graph = self.editor.dag.graph
        self.canvas.let_go()
        if self.chosen not in (graph.edges if isinstance(self.chosen, tuple) else graph):
            self.chosen = None

        def joined(a: Node, b: Node) -> bool:
            return graph.has_edge(a, b) or graph.has_edge(b, a)

        if not all(joined(a, b) for a, b in pairwise(self.path)):
            self.path = ()
        self.path = tuple(node for node in self.path if node in graph)
        self.failed = tuple(
            (a, b) for a, b in self.failed if a in graph and b in graph and not joined(a, b)
        )
        self.panels[self.shown.value].refresh()
        self.tools.refresh()
        self.canvas.draw()
        if not remember:
            return
        # A page that is loaded again shows the same, unless that takes too long an address.
        link = urlencode({"graph": self.editor.link})
        with self.root:  # which stays: the button that was pressed may be gone by now
            ui.navigate.history.replace(f"/?{link}" if len(link) <= LONGEST_LINK else "/")

    def ask_name(self, node: Node) -> None:
        """Ask for another name of a node."""
        self.chosen = node
        self.name.set_value(str(node))
        self.dialog.open()

    def _rename(self) -> None:
        with self.reporting():
            self.editor.rename(self.chosen, self.name.value)
            self.dialog.close()
            self.choose(self.name.value.strip())

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Show an error of the graph or of data as a notice."""
        try:
            yield
        except (GraphError, ValueError, OSError) as error:
            with self.root:
                ui.notify(
                    str(error), type="negative", multi_line=True, close_button=True, timeout=8000
                )
