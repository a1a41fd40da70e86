"""The bar of tools above the canvas: what the mouse can do, by standard controls."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from ppgen.graph import DAG

if TYPE_CHECKING:
    from ppgen.explore.graphs.page import GraphPage

MARKS = {"latent": "latent", "adjusted": "given", "exposure": "cause", "outcome": "effect"}


class Tools:
    """Controls for the selected node or arrow, and for the graph.

    They stay and only change their values, so that the keyboard's focus stays too.
    """

    def __init__(self, page: "GraphPage") -> None:
        self.page = page
        with ui.row().classes("bar"):
            self.chosen = ui.select(
                {}, label="selected", with_input=True, clearable=True, on_change=self._choose
            ).classes("short")
            self.marks = {
                status: ui.checkbox(label, on_change=self._mark) for status, label in MARKS.items()
            }
            self.child = ui.select({}, label="arrow to", on_change=self._connect).classes("short")
            tool = self._tool
            self.rename = tool("rename", "edit", lambda: page.ask_name(page.chosen))
            self.delete = tool("delete", "delete", lambda: page.editor.delete(page.chosen))
            tool("undo", "undo", lambda: page.editor.undo())
            tool("redo", "redo", lambda: page.editor.redo())
            tool("arrange in layers", "account_tree", lambda: page.editor.arrange())
            tool("empty the canvas", "clear", lambda: page.editor.replace(DAG([])))

    def refresh(self) -> None:
        """Show the selected node or arrow, and what can be done with it."""
        page, graph = self.page, self.page.editor.dag.graph
        node = None if isinstance(page.chosen, tuple) else page.chosen
        nodes = page.canvas_nodes()
        options: dict[Any, str] = {name: str(name) for name in nodes}
        options |= {edge: " → ".join(map(str, edge)) for edge in graph.edges if edge[0] in options}
        self.chosen.set_options(options, value=page.chosen)
        self.child.set_options({name: str(name) for name in nodes if name != node}, value=None)
        for status, box in self.marks.items():
            box.set_value(node is not None and bool(graph.nodes[node].get(status)))
        for tool in (self.child, self.rename, *self.marks.values()):
            tool.set_enabled(node is not None)
        self.delete.set_enabled(page.chosen is not None)

    # Each of these is also called when ``refresh`` changes a value; then nothing is to be done.

    def _choose(self, event: ValueChangeEventArguments) -> None:
        if event.value != self.page.chosen:
            self.page.choose(event.value)

    def _mark(self, event: ValueChangeEventArguments) -> None:
        node, editor = self.page.chosen, self.page.editor
        status = next(status for status, box in self.marks.items() if box is event.sender)
        marked = editor.dag.marked(status)
        if node is not None and event.value is not (node in marked):
            others = [other for other in marked if other != node]
            with self.page.reporting():
                editor.mark({status: [*others, node] if event.value else others})

    def _connect(self, event: ValueChangeEventArguments) -> None:
        if event.value is not None:
            with self.page.reporting():
                self.page.connect(self.page.chosen, event.value)

    def _tool(self, label: str, icon: str, action: Callable[[], object]) -> ui.button:
        """Return a button with a picture, and with a name for screen readers."""

        def reported() -> None:
            with self.page.reporting():
                action()

        button = ui.button(icon=icon, on_click=reported)
        return button.props(f'flat dense aria-label="{label}"').tooltip(label)
