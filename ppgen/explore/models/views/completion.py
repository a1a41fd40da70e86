"""Completion: rub out parts of a digit, and see what each model puts there."""

import math
from typing import Any

import torch
from nicegui import ui
from torch import Tensor

from ppgen.explore.layout import columns
from ppgen.explore.models.completions import Completed, completed
from ppgen.explore.models.drawing import PARTS, TOOLS, Drawing, Place, Tool
from ppgen.explore.models.opened import Model
from ppgen.explore.models.views.view import View
from ppgen.explore.models.widgets import Pad, Picker, picture
from ppgen.explore.pictures import data_uri, tiled

DRAWS = 4
REFUSED = (ValueError, TypeError, RuntimeError, NotImplementedError)


class CompletionView(View[Model]):
    """A drawing on the left, and completions by every model of its size on the right."""

    name = "Completion"

    @staticmethod
    def suits(thing: Any) -> bool:
        """Whether it is a model that completes images of one channel."""
        return isinstance(thing, Model) and thing.image_shape[0] == 1 and thing.completes

    def content(self) -> None:
        """Build the drawing and a row for each model."""
        shape = self.thing.image_shape
        self.tool: Tool = "rub out"
        self.wanted, self.working = 0, False
        self.drawing = Drawing(torch.zeros(shape))
        with columns() as (left, right):
            with left:
                with self.bar():
                    self.picker = Picker(self.thing, self._take)
                    ui.button("blank", on_click=self._blank).props("outline")
                    ui.select(
                        list(PARTS), value="lower half", label="rub out",
                        on_change=lambda event: self._hide(event.value),
                    ).classes("short").props('aria-label="part to rub out"')  # fmt: skip
                with self.bar():
                    self.tools = ui.toggle(list(TOOLS), value=self.tool).props(
                        "no-caps padding='4px 12px'"
                    )
                    self.tools.bind_value_to(self, "tool")
                    ui.label("width")
                    self.width = ui.slider(min=1, max=max(shape[-2:]) / 4, step=0.5, value=3)
                    self.width.props('label aria-label="width of the tool"').style("width: 120px")
                self.pad = Pad(
                    shape[-2:], "The digit. Arrow keys move the cursor, the space bar rubs out.",
                    lambda at: self._stroke(at, at), self._stroke, self._changed,
                )  # fmt: skip
                ui.label("Drag over the picture. Blue pixels are missing.").classes("hint")
            with right:
                with self.bar():
                    ui.button("Complete", on_click=self._complete)
                    self.at_once = ui.checkbox("after each stroke", value=True)
                    others = [m for m in self.page.models if m.image_shape == shape and m.completes]
                    most = max(model.classes for model in others) - 1
                    self.label = ui.number("label", value=0, min=0, max=max(most, 0), precision=0)
                    self.label.classes("short").tooltip("for models that take one")
                    self.label.on_value_change(self._changed)
                    self.label.set_visibility(most >= 0)
                self.rows = [Row(model, self) for model in others]
        self._take(0)

    def _take(self, index: int) -> None:
        self.drawing.set(self.thing.grey(self.thing.test.images[index]))
        self.label.set_value(self.thing.label(index))
        self._hide("lower half")

    def _blank(self) -> None:
        self.drawing.set(torch.zeros(self.thing.image_shape))
        self.tools.set_value("draw")
        self.show()

    def _hide(self, part: str) -> None:
        self.drawing.hide(part)
        self._changed()

    def _stroke(self, start: Place, end: Place) -> None:
        self.drawing.stroke(self.tool, start, end, float(self.width.value))
        self.show()

    def show(self) -> None:
        """Show the drawing."""
        self.pad.show(self.drawing.shown)

    def _changed(self) -> None:
        self.show()
        if self.at_once.value:
            self.soon(self._complete)

    async def _complete(self) -> None:
        """Complete by one model after another, and begin again if the drawing changes meanwhile."""
        self.wanted += 1
        if self.working:
            return
        self.working = True
        try:
            done = 0
            while done != self.wanted:
                done = self.wanted
                image, observed = self.drawing.image.clone(), self.drawing.observed.clone()
                for row in sorted(self.rows, key=lambda row: row.seconds):
                    if done == self.wanted and row.takes_part.value:
                        await row.complete(image, observed, int(self.label.value or 0))
        finally:
            self.working = False


class Row:
    """What one model makes of the drawing."""

    def __init__(self, model: Model, view: CompletionView) -> None:
        self.model, self.view = model, view
        # Until it is known: pixels one after the other take long, exact completions no time.
        by_pixels, exact = (hasattr(model.program, name) for name in ("network", "complete"))
        self.seconds = math.inf if by_pixels else float(not exact)
        with ui.column().classes("model"):
            with ui.row().classes("bar"):
                self.takes_part = ui.checkbox(model.name, value=True)
                self.spinner = ui.spinner(size="20px")
                self.spinner.set_visibility(False)
                self.nats = ui.label().classes("nats")
            self.images = picture(
                view.drawing.image, f"{model.name}: mean, then draws of what is missing", 480
            )
            self.images.set_visibility(False)
            self.problem = ui.label().classes("problem")
            self.problem.set_visibility(False)
            self.rest = ui.button("rub out all that is drawn later", on_click=self._rub_out_rest)
            self.rest.props("outline dense no-caps").set_visibility(False)

    async def complete(self, image: Tensor, observed: Tensor, label: int) -> None:
        """Complete an image, and show it or why it cannot be."""
        label = min(label, max(0, self.model.classes - 1))
        with self.view.busy(self.spinner):
            try:
                found = await self.view.compute(
                    completed, self.model, image, observed, label=label, draws=DRAWS
                )
            except REFUSED as error:
                self._refuse(str(error))
            else:
                self._show(found)

    def _show(self, found: Completed) -> None:
        self.seconds = found.seconds
        images = torch.cat([found.mean.unsqueeze(0), found.draws])
        self.images.set_source(data_uri(tiled(images, len(images))))
        self.nats.set_text(
            f"{found.log_prob:.1f} nats {'' if self.model.binary else 'of grey values '}for what "
            "stood there · mean, then draws · "
            f"{found.seconds:.1f} s"
        )
        self.images.set_visibility(True)
        self.problem.set_visibility(False)
        self.rest.set_visibility(False)

    def _refuse(self, reason: str) -> None:
        self.nats.set_text("")
        self.images.set_visibility(False)
        self.problem.set_text(reason)
        self.problem.set_visibility(True)
        self.rest.set_visibility("ordering" in reason and hasattr(self.model.program, "network"))

    def _rub_out_rest(self) -> None:
        program: Any = self.model.program
        self.view.drawing.hide_after_first(program.network.ordering)
        self.view._changed()
