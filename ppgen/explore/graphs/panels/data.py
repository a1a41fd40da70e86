"""Tests of the implied independencies on a table."""

import io
from typing import TYPE_CHECKING, Any

from nicegui import events, ui

from ppgen.explore.graphs.panels.panel import Panel
from ppgen.explore.graphs.queries import query_marks
from ppgen.explore.layout import in_thread
from ppgen.graph import DAG, GraphError
from ppgen.graph.csv_files import read_csv
from ppgen.graph.report import Report

if TYPE_CHECKING:
    from ppgen.explore.graphs.page import GraphPage

LARGEST = 50_000_000  # bytes
COLUMNS = [
    {"name": name, "label": label, "field": name, "align": "left", "sortable": True}
    for name, label in (
        ("statement", "statement"),
        ("p", "p-value"),
        ("corrected", "corrected"),
        ("verdict", "verdict"),
        ("method", "method"),
    )
]


class Data(Panel):
    """Reads a CSV file and tests each statement; a row that is clicked shows itself."""

    def __init__(self, page: "GraphPage") -> None:
        self.table: dict[str, Any] | None = None
        self.name = ""
        self.report: Report | None = None
        self.tested: object = None
        ui.upload(
            label="CSV file, a column a node", auto_upload=True, max_file_size=LARGEST,
            on_upload=self._on_upload,
            on_rejected=lambda: ui.notify(f"The file has more than {LARGEST:,} bytes."),
        ).props('accept=".csv,text/csv" flat bordered')  # fmt: skip
        super().__init__(page)

    def content(self) -> None:
        """Show the results of the tests."""
        if self.table is None:
            return
        ui.button(f"Test on {self.name}", on_click=self._test)
        if self.report is None:
            return
        if self.tested != _structure(self.page.editor.dag):
            self.report, self.page.failed = None, ()
            ui.label("The graph has changed since the test.")
            return
        ui.label(str(self.report).splitlines()[-1])
        rows = [
            {
                "id": i,
                "statement": str(row.statement),
                "p": _probability(row.p_value),
                "corrected": _probability(row.corrected),
                "verdict": ("not rejected" if row.holds else "REJECTED")
                if row.tested
                else "not tested",
                "method": f"{row.method}, {row.source}",
            }
            for i, row in enumerate(self.report)
        ]
        table = ui.table(rows=rows, columns=COLUMNS, row_key="id", pagination=20)
        table.props("dense wrap-cells flat bordered")
        table.on("rowClick", lambda event: self._show(event.args[1]["id"]))

    async def _on_upload(self, event: events.UploadEventArguments) -> None:
        with self.page.reporting():
            self.table = self.report = None
            self.page.failed = ()
            self.refresh()
            try:
                text = (await event.file.read()).decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise GraphError(f"{event.file.name} is not UTF-8 text: {error}") from None
            self.table = read_csv(io.StringIO(text, newline=""), event.file.name)
            self.name = event.file.name
            await self._test()

    async def _test(self) -> None:
        dag = self.page.editor.dag
        with self.page.reporting():
            self.report = await in_thread(dag.test, self.table)
            self.tested = _structure(dag)
            self.page.failed = tuple(
                (x, y) for row in self.report.rejected
                for x in row.statement.x for y in row.statement.y
            )  # fmt: skip
        self.page.refresh()

    def _show(self, index: int) -> None:
        assert self.report is not None
        with self.page.reporting():
            self.page.editor.mark(query_marks(self.report[index].statement))


def _structure(dag: DAG) -> object:
    """Return what the statements of a graph depend on."""
    return dag.nodes, frozenset(dag.graph.edges), dag.latent


def _probability(value: float) -> str:
    return f"{value:.2g}" if value > 1e-99 else "< 1e-99"
