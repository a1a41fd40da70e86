"""The classes of a mixture: their weights, images and draws, and the classes of a digit."""

from typing import Any, cast

import torch
from nicegui import ui

from ppgen.distributions.bernoulli_table import BernoulliTable
from ppgen.explore.layout import columns
from ppgen.explore.models.drawing import Place
from ppgen.explore.models.opened import Model
from ppgen.explore.models.views.view import View
from ppgen.explore.models.widgets import Pad, Picker, picture
from ppgen.explore.pictures import data_uri, outline, tile_at, tiled
from ppgen.running import evaluating

COLUMNS = 10
DRAWS = 10
LIKELIEST = 5  # classes of a digit that are shown
NEEDED = ("class_images", "class_logits", "pixel_logits", "responsibilities")


class MixtureView(View[Model]):
    """All classes in falling order of weight on the left, one class and one digit on the right."""

    name = "Classes"

    @staticmethod
    def suits(thing: Any) -> bool:
        """Whether it has classes with images and responsibilities."""
        return isinstance(thing, Model) and all(hasattr(thing.program, name) for name in NEEDED)

    def content(self) -> None:
        """Build grid, draws and responsibilities."""
        self.program = cast("Any", self.thing.program)
        with torch.no_grad():
            weights = self.program.class_logits.softmax(0)
            self.order = weights.argsort(descending=True, stable=True)
            self.weights, self.images = weights[self.order], self.program.class_images[self.order]
        grid = tiled(self.images, COLUMNS)
        height, width = self.thing.image_shape[-2:]
        self.rank = 0
        with columns() as (left, right):
            with left:
                self.pad = Pad(
                    (grid.shape[-2], grid.shape[-1]),
                    "Classes. Arrow keys move, the space bar chooses.",
                    self._press, cell=(height, width), pitch=(height + 1, width + 1), width=640,
                )  # fmt: skip
                self.pad.show(grid)
                ui.label("Mean images of the classes, the heaviest first. Click one.").classes(
                    "hint"
                )
            with right:
                self.number = ui.number(
                    f"class, 1 to {len(self.order)}", value=1, min=1,
                    max=len(self.order), precision=0, on_change=lambda e: self.choose(e.value),
                ).classes("short")  # fmt: skip
                self.weight = ui.label()
                self.draws = picture(self.images[0], "draws from the class", 480)
                ui.button("draw others", on_click=lambda: self._draw(self.seed + 1)).props(
                    "outline"
                )
                ui.label("Classes of a digit").classes("verdict")
                self.picker = Picker(self.thing, lambda _: self.responsibilities.refresh())
                self.responsibilities()
        self.choose(1)

    def choose(self, number: float | None) -> None:
        """Show a class, numbered from 1 by weight."""
        if number is None or not 1 <= number <= len(self.order):
            return
        self.rank = int(number) - 1
        column, row = self.rank % COLUMNS, self.rank // COLUMNS
        height, width = self.pad.cell
        self.pad.mark(outline(column * (width + 1), row * (height + 1), width, height))
        self.weight.set_text(f"probability {float(self.weights[self.rank]):.4f}")
        self._draw(0)

    def _press(self, at: Place) -> None:
        self.number.set_value(tile_at(at, len(self.order), COLUMNS, self.pad.cell) + 1)

    def _draw(self, seed: int) -> None:
        self.seed = seed
        self.soon(self._show_draws)

    async def _show_draws(self) -> None:
        drawn = await self.compute(_drawn, self.program, int(self.order[self.rank]), self.seed)
        self.draws.set_source(data_uri(tiled(drawn, DRAWS // 2)))

    @ui.refreshable_method
    def responsibilities(self) -> None:
        """Most probable classes of the digit."""
        with torch.no_grad():
            found = self.program.responsibilities(self.picker.image.unsqueeze(0))[0][self.order]
        for rank in found.topk(min(LIKELIEST, len(found))).indices.tolist():
            with ui.row().classes("line"):
                picture(self.images[rank], f"class {rank + 1}", 56)
                share = float(found[rank])
                ui.button(
                    f"class {rank + 1}", on_click=lambda r=rank: self.number.set_value(r + 1)
                ).props("flat no-caps dense").style("flex: none")
                ui.linear_progress(share, show_value=False).props(
                    f'aria-label="responsibility of class {rank + 1}"'
                )
                ui.label(f"{share:.4f}")


def _drawn(program: Any, index: int, seed: int) -> torch.Tensor:
    with evaluating(program, seed):
        return BernoulliTable(program.pixel_logits, torch.full((DRAWS,), index)).sample()
