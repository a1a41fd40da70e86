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
from ppgen.explore.layout import columns, frame
from ppgen.graph import DAG, GraphError
from ppgen.graph.nodes import Node

LONGEST_LINK = 20_000  # letters; servers and browsers refuse much longer addresses
MARKS = {"latent": "latent", "adjusted": "given", "exposure": "cause", "outcome": "effect"}


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
        text = ui.context.client.request.query_params.get("graph")
        self.editor = Editor(dag if text is None else DAG(text), self.refresh)
        frame("Graphs")
        with columns() as (left, right):
            with left:
                self.bar()
                self.canvas = Canvas(self)
                ui.label(
                    "Click: new node. Drag onto a node: arrow. Drag elsewhere: move. "
                    "Double click: rename."
                ).classes("hint")
            with right:
                with ui.tabs().props("dense") as tabs:
                    for name in PANELS:
                        ui.tab(name)
                with ui.tab_panels(tabs, value=next(iter(PANELS)), on_change=self.refresh):
                    self.panels = {}
                    for name, panel in PANELS.items():
                        with ui.tab_panel(name):
                            self.panels[name] = panel(self)
        self.tabs = tabs
        self.refresh()

    @ui.refreshable_method
    def bar(self) -> None:
        """Tools for the selected node or arrow, and for the graph."""
        dag, chosen = self.editor.dag, self.chosen
        names = {node: str(node) for node in self.canvas_nodes()}
        names |= {edge: f"{edge[0]} → {edge[1]}" for edge in dag.graph.edges if edge[0] in names}
        node = chosen if chosen in dag.graph else None
        with ui.row().classes("bar"):
            ui.select(
                names, value=chosen, label="selected", with_input=True, clearable=True,
                on_change=lambda event: self.choose(event.value),
            ).classes("selected")  # fmt: skip
            for status, label in MARKS.items():
                box = ui.checkbox(
                    label,
                    value=node is not None and bool(dag.graph.nodes[node].get(status)),
                    on_change=lambda event, status=status: self._toggle(status, event.value),
                )
                box.set_enabled(node is not None)
            others = {other: str(other) for other in names if other in dag.graph and other != node}
            ui.select(
                others, label="arrow to", on_change=lambda event: self._connect(event.value)
            ).classes("arrow").set_enabled(node is not None)
            for label, icon, action, able in (
                ("rename", "edit", lambda: self.ask_name(node), node is not None),
                ("delete", "delete", lambda: self.editor.delete(chosen), chosen is not None),
                ("undo", "undo", self.editor.undo, True),
                ("redo", "redo", self.editor.redo, True),
                ("arrange in layers", "account_tree", self.editor.arrange, True),
                ("empty the canvas", "clear", lambda: self.editor.replace(DAG("")), True),
            ):
                button = ui.button(icon=icon, on_click=action).props(
                    f'flat dense aria-label="{label}"'
                )
                button.tooltip(label).set_enabled(able)

    def canvas_nodes(self) -> list[Node]:
        """Nodes that are drawn, without the latent causes of bidirected edges."""
        return [node for node, place in self.editor.places.items() if place is not None]

    def choose(self, chosen: Node | tuple[Node, Node] | None) -> None:
        """Select a node or an arrow."""
        self.chosen = chosen
        self.refresh()

    def show(self, answer: Answer) -> None:
        """Show an answer on the graph."""
        self.path = answer.path
        if answer.marks:
            self.editor.mark(answer.marks)
        else:
            self.refresh()

    def refresh(self) -> None:
        """Draw the page again after a change; forget what is no longer in the graph."""
        if not hasattr(self, "tabs"):  # the page is being built
            return
        graph = self.editor.dag.graph
        if self.chosen not in (graph.edges if isinstance(self.chosen, tuple) else graph):
            self.chosen = None
        if any(
            not graph.has_edge(a, b) and not graph.has_edge(b, a) for a, b in pairwise(self.path)
        ):
            self.path = ()
        self.path = tuple(node for node in self.path if node in graph)
        self.failed = tuple(pair for pair in self.failed if all(node in graph for node in pair))
        self.panels[str(self.tabs.value or next(iter(PANELS)))].refresh()
        self.bar.refresh()
        self.canvas.draw()
        link = self.editor.link
        if len(link) <= LONGEST_LINK:  # so that a page that is loaded again shows the same
            ui.navigate.history.replace("/?" + urlencode({"graph": link}))

    def ask_name(self, node: Node) -> None:
        """Ask for another name of a node."""

        def save() -> None:
            with self.reporting():
                self.editor.rename(node, field.value)
                self.choose(field.value.strip())
                dialog.close()

        with ui.dialog() as dialog, ui.card():
            field = ui.input(f"Name of {node}", value=str(node)).props("autofocus")
            field.on("keydown.enter", save)
            with ui.row():
                ui.button("Rename", on_click=save)
                ui.button("Cancel", on_click=dialog.close).props("flat")
        dialog.open()

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Show an error of the graph or of data as a notice."""
        try:
            yield
        except (GraphError, ValueError, OSError) as error:
            ui.notify(str(error), type="negative", multi_line=True, close_button=True, timeout=8000)

    def _toggle(self, status: str, on: bool) -> None:
        marked = set(self.editor.marked(status)) - {self.chosen}
        self.editor.mark({status: marked | {self.chosen} if on else marked})

    def _connect(self, child: Node) -> None:
        with self.reporting():
            if child is not None:
                self.editor.connect(self.chosen, child)
