"""Whether two sets of nodes are separated, why, and what blocks the open trail."""

from typing import TYPE_CHECKING

from nicegui import ui

from ppgen.explore.graphs.panels.panel import Panel
from ppgen.explore.graphs.queries import listed
from ppgen.graph import GraphError
from ppgen.graph.nodes import Node
from ppgen.graph.statements import as_html

if TYPE_CHECKING:
    from ppgen.explore.graphs.page import GraphPage

FIELDS = {"exposure": "x, or cause", "outcome": "y, or effect", "adjusted": "given"}
SUGGESTED = 5  # sets that block an open trail


class Ask(Panel):
    """Asks whether the causes are separated from the effects by what is given."""

    def __init__(self, page: "GraphPage") -> None:
        self.fields = {
            status: ui.select(
                [],
                label=label,
                multiple=True,
                value=[],
                on_change=lambda event, status=status: self._mark(status, event.value or []),
            ).props(f'use-chips use-input aria-label="{label}" data-mark="{status}"')
            for status, label in FIELDS.items()
        }
        super().__init__(page)

    def refresh(self) -> None:
        """Show the marks of the graph in the fields, and the answer."""
        self._fill()
        super().refresh()

    def content(self) -> None:
        """Show the answer to the question that the marks ask."""
        editor = self.page.editor
        self.page.path = ()
        x, y, given = map(editor.dag.marked, FIELDS)
        if not (x and y):
            ui.label("Choose x and y, here or by marks on nodes of the graph.")
            return
        try:
            explanation = editor.dag.explain(x, y, given, limit=5)
        except GraphError as error:
            ui.label(str(error)).classes("problem")
            return
        verdict = "separated" if explanation.separated else "not separated"
        ui.label(verdict).classes(f"verdict {verdict.replace(' ', '-')}")
        ui.html(as_html(str(explanation)), sanitize=False).classes("explanation")
        if explanation.separated:
            return
        self.page.path = explanation.trails[0].nodes
        separators, _ = listed(editor.dag, "minimal separators", SUGGESTED)
        if separators:
            ui.label("Blocked by giving")
            self.answers(separators)
        else:
            ui.label("No set of observed nodes separates them.")

    def _fill(self) -> None:
        nodes = self.page.canvas_nodes()
        for status, field in self.fields.items():
            field.set_options({node: str(node) for node in nodes})
            field.set_value(self.page.editor.dag.marked(status))

    def _mark(self, status: str, nodes: list[Node]) -> None:
        if set(nodes) != set(self.page.editor.dag.marked(status)):  # the user changed the field
            self.page.editor.mark({status: nodes})
