"""The folder of a run: curves, figures and numbers, read again and again."""

from typing import Any

from nicegui import ui

from ppgen.explore.models.opened import open_model
from ppgen.explore.models.run_folder import RunFolder, Snapshot
from ppgen.explore.models.views.view import View
from ppgen.explore.models.widgets import described
from ppgen.explore.pictures import figure_uri, png_uri
from ppgen.training.history import History

SECONDS = 2.0  # between two readings
LONGEST = 80  # letters of a number or a text
MOST = 100  # numbers


class RunView(View[RunFolder]):
    """What lies in the folder, as a fit writes it."""

    name = "Run"

    @staticmethod
    def suits(thing: Any) -> bool:
        """Whether it is the folder of a run."""
        return isinstance(thing, RunFolder)

    def content(self) -> None:
        """Show what is there, and read again every two seconds."""
        self.curves: dict[str, tuple[History | None, ui.image, ui.label]] = {}
        self.figures: dict[str, tuple[bytes, ui.image]] = {}
        self.models: set[str] = set()
        self.reading = False
        self.command = ui.label().classes("hint")
        self.status = ui.label("Nothing is there yet.")
        self.links = ui.row().classes("bar")
        self.plots = ui.element("div").classes("figures curves")
        self.numbers = ui.label()
        self.samples = ui.element("div").classes("figures")
        self.pictures = ui.element("div").classes("figures")
        self.problems = ui.label().classes("hint")
        ui.timer(SECONDS, self._read, immediate=True)

    async def _read(self) -> None:
        if self.reading:  # a slow disk
            return
        self.reading = True
        try:
            with self.page.reporting():
                await self._show(await self.compute(self.thing.read))
        finally:
            self.reading = False

    async def _show(self, found: Snapshot) -> None:
        if found.gone:
            self.status.set_text(f"{self.thing.folder} is no longer there; this was read before.")
            self.status.classes(add="problem")
            return
        self.command.set_text(_short(found.command))
        self.problems.set_text("; ".join(found.problems))
        numbers = list(found.numbers.items())
        shown = [f"{_short(name.replace('_', ' '))}: {_short(n)}" for name, n in numbers[:MOST]]
        more = f" · … and {len(numbers) - MOST:,} more" if len(numbers) > MOST else ""
        self.numbers.set_text(" · ".join(shown) + more)
        for path in map(str, found.models):
            if path not in self.models:
                self.models.add(path)
                with self.links:
                    ui.button(f"explore {path}", on_click=lambda path=path: self._open(path)).props(
                        "no-caps outline"
                    )
        for name, history in found.histories.items():
            drawn, image, label = self.curves.get(name) or self._new_curve(name)
            if history != drawn:
                image.set_source(await self.compute(_drawn, history))
                best = history.best
                text = f"{name}: epoch {history.last}, {history.seconds:,.1f} s"
                if best is not None:
                    text += f", best validation {best.validation:.2f} nats at epoch {best.number}"
                label.set_text(text)
                self.curves[name] = history, image, label
        for name, content in found.figures.items():
            if name not in self.figures:
                place = self.samples if name.startswith("samples") else self.pictures
                with place, ui.element("figure").style("margin: 0"):
                    image = described(ui.image().classes("figure"), name)
                    ui.label(name).classes("hint")
                self.figures[name] = b"", image
            if self.figures[name][0] != content:
                self.figures[name][1].set_source(png_uri(content))
                self.figures[name] = content, self.figures[name][1]
        if found.histories or found.figures or found.numbers:
            self.status.set_text("Read again every two seconds.")
            self.status.classes(remove="problem")

    async def _open(self, path: str) -> None:
        with self.page.reporting():
            self.page.open(await self.compute(open_model, path))

    def _new_curve(self, name: str) -> tuple[None, ui.image, ui.label]:
        with self.plots, ui.element("figure").style("margin: 0"):
            image = described(ui.image().classes("figure"), f"curves of {name}")
            label = ui.label(name).classes("epochs")
        self.curves[name] = None, image, label
        return None, image, label


def _short(value: str | float) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _drawn(history: History) -> str:
    return figure_uri(history.plot())
