"""Lists of what the graph implies."""

from typing import TYPE_CHECKING

from nicegui import ui

from ppgen.explore.graphs.panels.panel import Panel
from ppgen.explore.graphs.queries import LISTS, listed
from ppgen.graph import GraphError

if TYPE_CHECKING:
    from ppgen.explore.graphs.page import GraphPage


class Lists(Panel):
    """Shows one of the lists at a time, and its LaTeX."""

    def __init__(self, page: "GraphPage") -> None:
        self.choice = ui.select(
            list(LISTS), value=next(iter(LISTS)), label="list", on_change=self.refresh
        )
        super().__init__(page)

    def content(self) -> None:
        """Show the list that is chosen."""
        try:
            found, complete = listed(self.page.editor.dag, self.choice.value)
        except GraphError as error:
            ui.label(str(error)).classes("problem")
            return
        if not found:
            ui.label("There is none.")
        with ui.column().classes("answers"):
            self.answers(found)
        if not complete:
            ui.label("… and more, which the command ppgen dag lists.")
        latex = [answer.latex for answer in found if answer.latex]
        if latex:
            with ui.expansion("LaTeX"):
                rows = " \\\\\n".join(latex)
                ui.code(f"\\begin{{gathered}}\n{rows}\n\\end{{gathered}}", language="latex")
