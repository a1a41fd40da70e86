"""The page for models: a choice of models and runs, and a tab for each view that suits."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from ppgen.explore.layout import frame, in_thread
from ppgen.explore.models.opened import Model, open_model
from ppgen.explore.models.run_folder import RunFolder
from ppgen.explore.models.views import VIEWS
from ppgen.training.archive import CheckpointError

STYLE = """
.pixels img { image-rendering: pixelated; }
.pixels { max-width: 100%; flex: none; }
.canvas.pixels img { display: block; }
.canvas.pixels { background: #d6e0ea; user-select: none; }
.side { width: 100%; align-items: flex-start; gap: 12px; }
.pair { display: flex; flex-wrap: wrap; }
.half { width: 380px; max-width: 100%; }
.head-bar { width: 100%; align-items: center; gap: 4px 24px; }
.speed { width: 90px; }
.model { width: 100%; border-top: 1px solid #ccc; padding: 6px 0; gap: 4px; }
.q-tab-panel { padding: 8px 0; }
.q-slider { min-width: 160px; flex: 1; }
.line { width: 100%; flex-wrap: nowrap; align-items: center; gap: 8px; }
.figure { width: 100%; max-width: 640px; border: 1px solid #ccc; }
.curves { --least: 400px; }
.figures { display: grid; gap: 12px; width: 100%;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--least, 240px)), 1fr)); }
"""


class ModelsPage:
    """What one browser tab shows.

    Attributes
    ----------
    things
        Models and runs by name: what the command named, and models of the runs. All tabs share
        them, so that a page that is loaded again still has what was opened.
    """

    def __init__(self, things: dict[str, Model | RunFolder]) -> None:
        self.things = things
        ui.add_css(STYLE)
        query = ui.context.client.request.query_params
        self.chosen = query.get("model", "")
        if self.chosen not in self.things:  # the address chooses among what is open, no more
            self.chosen = next(iter(self.things))
        self.view = query.get("view", "")
        with ui.row().classes("head-bar"):
            frame("Models")
            self.choice = ui.select(
                list(self.things), value=self.chosen, label="model or run",
                on_change=lambda event: self.choose(event.value),
            ).classes("short").props('dense aria-label="model or run"')  # fmt: skip
        self.body()

    @property
    def models(self) -> list[Model]:
        """Models that are open."""
        return [thing for thing in self.things.values() if isinstance(thing, Model)]

    def choose(self, name: str) -> None:
        """Show another model or run."""
        self.chosen = name
        self.body.refresh()

    def open(self, model: Model) -> None:
        """Show a model of a run that is open."""
        self.things[model.name] = model
        self.choice.set_options(list(self.things))
        if self.choice.value == model.name:
            self.body.refresh()
        self.choice.set_value(model.name)

    async def _open_again(self, name: str) -> None:
        with self.reporting():
            self.open(await in_thread(open_model, name))

    @ui.refreshable_method
    def body(self) -> None:
        """Tabs of the views; each is built when it is first shown."""
        thing = self.things[self.chosen]
        if isinstance(thing, Model) and thing.is_stale:
            ui.button(
                "This file has changed: open it again",
                on_click=lambda: self._open_again(thing.name),
            ).props("outline no-caps")
        views = {view.name: view for view in VIEWS if view.suits(thing)}
        if not views:
            ui.label("No view suits this model.")
            return
        if self.view not in views:
            self.view = next(iter(views))
        with ui.tabs().props('dense align="left" no-caps outside-arrows mobile-arrows') as tabs:
            for name in views:
                ui.tab(name)
        built: set[str] = set()
        panels: dict[str, ui.tab_panel] = {}

        def show(name: str) -> None:
            self.view = name
            if name not in built:
                built.add(name)
                with panels[name], self.reporting():
                    views[name](self, thing)
            self._remember()

        def on_change(event: ValueChangeEventArguments) -> None:
            show(str(event.value))

        with ui.tab_panels(tabs, value=self.view, on_change=on_change, animated=False) as shown:
            for name in views:
                panels[name] = ui.tab_panel(name)
        shown.props("keep-alive").style("width: 100%")
        show(self.view)

    def _remember(self) -> None:
        """Let a page that is loaded again show the same."""
        query = urlencode({"model": self.chosen, "view": self.view})
        ui.navigate.history.replace(f"/?{query}")

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Show an error of a model or a file as a notice."""
        try:
            yield
        except (CheckpointError, ValueError, TypeError, NotImplementedError, OSError) as error:
            ui.notify(str(error), type="negative", multi_line=True, close_button=True, timeout=8000)
