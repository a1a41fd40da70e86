"""The graph in and out: texts of other tools, pictures, Python."""

import io
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from nicegui import events, ui

from ppgen.explore.graphs.editor import Editor, arranged
from ppgen.explore.graphs.panels.panel import Panel
from ppgen.explore.layout import in_thread
from ppgen.graph import DAG, GraphError
from ppgen.graph.formats import FORMATS

if TYPE_CHECKING:
    from ppgen.explore.graphs.page import GraphPage

LARGEST = 1_000_000  # bytes; the page would be of no use for a larger graph
PICTURES = ("png", "svg", "pdf")


def _exported(editor: Editor, format: str) -> str:  # noqa: A002
    return editor.dag.export(format)


WRITERS: dict[str, Callable[[Editor], str]] = {
    name: partial(_exported, format=name) for name, one in FORMATS.items() if one.write
}
WRITERS |= {
    "text": lambda editor: editor.text,
    "LaTeX": lambda editor: editor.dag.factorisation(latex=True),
    "Python": lambda editor: f"from ppgen.graph import DAG\n\ndag = DAG({editor.text!r})",
}


def _arranged(text: str) -> DAG:
    return arranged(DAG.read(io.StringIO(text)))


class Exchange(Panel):
    """Reads a graph from a text or a file, and writes it in all formats."""

    def __init__(self, page: "GraphPage") -> None:
        self.text = ui.textarea(
            label="graph as text: arrows, dagitty, DOT, GraphML, BIF", value=page.editor.text
        ).props("outlined autogrow")
        with ui.row():
            ui.button("Draw this text", on_click=lambda: self._read(self.text.value))
            ui.upload(
                label="or a file", auto_upload=True, max_file_size=LARGEST,
                on_upload=self._on_upload,
                on_rejected=lambda: ui.notify(f"The file has more than {LARGEST:,} bytes."),
            ).props("flat bordered")  # fmt: skip
        self.choice = ui.select(list(WRITERS), value="text", label="as", on_change=self.refresh)
        super().__init__(page)

    def refresh(self) -> None:
        """Show the graph as text."""
        self.text.set_value(self.page.editor.text)
        super().refresh()

    def content(self) -> None:
        """Show the graph in the format that is chosen."""
        with self.page.reporting():
            ui.code(WRITERS[self.choice.value](self.page.editor), language=None)
        with ui.row():
            for kind in PICTURES:
                ui.button(
                    kind.upper(), icon="download", on_click=lambda kind=kind: self._save(kind)
                )
        ui.label("The address of this page holds the graph: a bookmark brings it back.")

    async def _read(self, text: str) -> None:
        with self.page.reporting():
            if len(text) > LARGEST:
                raise GraphError(
                    f"the text has {len(text):,} letters; at most {LARGEST:,} are read"
                )
            self.page.editor.replace(await in_thread(_arranged, text))

    async def _on_upload(self, event: events.UploadEventArguments) -> None:
        with self.page.reporting():
            await self._read((await event.file.read()).decode("utf-8-sig"))

    def _save(self, kind: str) -> None:
        page, file = self.page, io.BytesIO()
        with page.reporting():
            figure = page.editor.dag.draw(page.path, page.editor.dag.marked("adjusted"))
            figure.savefig(file, format=kind, dpi=200)
            ui.download(file.getvalue(), f"graph.{kind}")
