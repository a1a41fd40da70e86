"""Causes of a belief net, switched on and off."""

from typing import Any

from nicegui import ui

from ppgen.explore.layout import columns
from ppgen.explore.models.causes import Causes, has_causes
from ppgen.explore.models.drawing import Place
from ppgen.explore.models.opened import Model
from ppgen.explore.models.views.view import View
from ppgen.explore.models.widgets import Pad, Picker, picture
from ppgen.explore.pictures import data_uri, outline, tile_at, tiled

MOST_COLUMNS = 20


class CausesView(View[Model]):
    """The causes on the left, each as the image it makes alone; the image they make together."""

    name = "Causes"

    @staticmethod
    def suits(thing: Any) -> bool:
        """Whether its images have binary causes."""
        return isinstance(thing, Model) and not thing.classes and has_causes(thing.program)

    def prepare(self) -> object:
        """Find the causes, and what each makes alone."""
        self.causes = Causes(self.thing)
        self.effects, self.first = self.causes.effects, self.causes.image
        return self

    def content(self) -> None:
        """Build grid and image."""
        count = len(self.causes)
        self.columns = min(MOST_COLUMNS, max(1, round(count**0.5)))
        grid = tiled(self.effects, self.columns)
        height, width = self.thing.image_shape[-2:]
        self.seed = 0
        with columns() as (left, right):
            with left:
                with ui.row().classes("side"):
                    self.pad = Pad(
                        (grid.shape[-2], grid.shape[-1]),
                        "Causes. Arrow keys move, the space bar switches.",
                        self._press, cell=(height, width), pitch=(height + 1, width + 1), width=480,
                    )  # fmt: skip
                    self.pad.show(grid)
                    with ui.column():
                        label = "pixel probabilities given the causes"
                        self.image = picture(self.first, label, 224)
                        self.on = ui.label()
                ui.label("Each cause alone. Click one to switch it; outlined ones are on.").classes(
                    "hint"
                )
            with right:
                with self.bar():
                    self.number = ui.number(
                        f"cause, 1 to {count}", value=1, min=1, max=count, precision=0
                    ).classes("short")
                    ui.button("switch", on_click=self._switch)
                    ui.button("all off", on_click=self._off).props("outline")
                    ui.button("draw from the prior", on_click=self._draw).props("outline")
                self.picker = Picker(self.thing, lambda _: None)
                ui.button("infer the causes of this image", on_click=self._infer).props("outline")
        self.soon(self._show)

    def _press(self, at: Place) -> None:
        self.causes.switch(tile_at(at, len(self.causes), self.columns, self.pad.cell))
        self.soon(self._show)

    def _switch(self) -> None:
        if self.number.value is not None and 1 <= self.number.value <= len(self.causes):
            self.causes.switch(int(self.number.value) - 1)
            self.soon(self._show)

    def _off(self) -> None:
        self.causes.turn_off()
        self.soon(self._show)

    async def _draw(self) -> None:
        self.seed += 1
        await self.compute(self.causes.draw, self.seed)
        await self._show()

    async def _infer(self) -> None:
        self.seed += 1
        with self.page.reporting():
            await self.compute(self.causes.infer, self.picker.image, self.seed)
            await self._show()

    async def _show(self) -> None:
        on = self.causes.on.nonzero().flatten().tolist()
        height, width = self.pad.cell
        marks = (
            outline(n % self.columns * (width + 1), n // self.columns * (height + 1), width, height)
            for n in on
        )
        self.pad.mark("".join(marks))
        self.on.set_text(f"{len(on)} of {len(self.causes)} causes are on")
        image = await self.compute(self.causes.images, self.causes.on.unsqueeze(0))
        self.image.set_source(data_uri(image[0]))
