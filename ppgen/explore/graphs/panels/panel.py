"""What all panels have in common."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nicegui import ui

from ppgen.explore.graphs.queries import Answer

if TYPE_CHECKING:
    from ppgen.explore.graphs.page import GraphPage


class Panel:
    """Part of the page beside the canvas.

    A subclass defines ``content``, which builds what depends on the graph, and can extend
    ``__init__`` by what stays.
    """

    def __init__(self, page: "GraphPage") -> None:
        self.page = page
        self.box = ui.column().classes("content")

    def content(self) -> None:
        """Build what depends on the graph."""

    def refresh(self) -> None:
        """Build it again, at once: the canvas shows what it finds."""
        self.box.clear()
        with self.box:
            self.content()

    def answers(self, answers: Iterable[Answer]) -> None:
        """Show answers as buttons, each of which shows itself on the graph."""
        for answer in answers:
            with ui.row().classes("answer"):
                ui.button(answer.text, on_click=lambda answer=answer: self.page.show(answer)).props(
                    "flat dense no-caps align=left"
                )
