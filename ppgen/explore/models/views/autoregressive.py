"""Autoregressive drawing: pixels one after the other, and what follows from a change."""

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import ui

from ppgen.arguments import LAST_SEED
from ppgen.explore.models.drawing import Place
from ppgen.explore.models.opened import Model
from ppgen.explore.models.pixel_by_pixel import PixelByPixel, draws_pixels
from ppgen.explore.models.views.view import View
from ppgen.explore.models.widgets import Pad
from ppgen.explore.pictures import heat, outline

NEXT = "#d6001c"
SECONDS = 0.1  # between two pictures while it plays


class AutoregressiveView(View[Model]):
    """A draw on the left, and the probability of each pixel on the right.

    Attributes
    ----------
    step
        Number of pixels that are shown.
    """

    name = "Pixel by pixel"

    @staticmethod
    def suits(thing: Any) -> bool:
        """Whether it draws images of one channel pixel after pixel."""
        return isinstance(thing, Model) and draws_pixels(thing.program)

    def prepare(self) -> object:
        """Draw all pixels once."""
        self.wanted = {"label": 0, "seed": 0, "member": 0}
        self.turn = asyncio.Lock()  # changes are made one after the other
        self.drawn = PixelByPixel(self.thing)
        return self.drawn

    def content(self) -> None:
        """Build controls and both pictures."""
        self.step, size = 0, self.thing.image_shape[-2:]
        with self.bar():
            for label, icon, action in (
                ("start", "first_page", lambda: self.show(0)),
                ("one step back", "chevron_left", lambda: self.show(self.step - 1)),
                ("play or pause", "play_arrow", self._play),
                ("one step", "chevron_right", lambda: self.show(self.step + 1)),
                ("end", "last_page", lambda: self.show(self.drawn.pixels)),
            ):
                button = ui.button(icon=icon, on_click=action).props(f'flat aria-label="{label}"')
                button.tooltip(label)
                if icon == "play_arrow":
                    self.play = button
            ui.label("pixels at a time")
            self.speed = ui.number(value=4, min=1, max=100, precision=0).classes("speed")
            self.speed.props('aria-label="pixels at a time"')
            self.seed = ui.number(
                "seed", value=0, min=0, max=LAST_SEED, precision=0,
                on_change=lambda event: self._redraw(seed=event.value),
            ).classes("speed")  # fmt: skip
            if self.thing.classes:
                ui.select(
                    list(range(self.thing.classes)), value=0, label="label",
                    on_change=lambda event: self._redraw(label=event.value),
                ).classes("short").props('aria-label="label"')  # fmt: skip
            if len(self.drawn.members) > 1:
                ui.select(
                    list(range(len(self.drawn.members))), value=0, label="ordering",
                    on_change=lambda event: self._redraw(member=event.value),
                ).classes("short").props('aria-label="ordering"')  # fmt: skip
            self.spinner = ui.spinner(size="24px")
            self.spinner.set_visibility(False)
        with ui.row().classes("line"):
            self.progress = ui.slider(
                min=0, max=self.drawn.pixels, value=0,
                on_change=lambda event: self.show(int(event.value)),
            ).props('aria-label="pixels drawn"')  # fmt: skip
        self.status = ui.label()
        with ui.element("main").classes("side pair"):
            with ui.column().classes("half"):
                self.pad = Pad(
                    size, "The draw. Arrow keys move the cursor, the space bar flips a pixel.",
                    self._press, width=380,
                )  # fmt: skip
                ui.label(
                    "Click a pixel to flip it: those after it are drawn again from the same random "
                    "numbers. Orange outlines: what changed."
                ).classes("hint")
            with ui.column().classes("half"):
                label = "Probability of white of each pixel"
                self.heat = Pad(size, label, lambda at: None, width=380)
                ui.label(
                    "Probability of white given the pixels before: dark 0, yellow 1. Red outline: "
                    "the next pixel."
                ).classes("hint")
        self.timer = ui.timer(SECONDS, self._tick, active=False)
        self.show(0)

    def show(self, step: int) -> None:
        """Show the first pixels of the draw, and the probability of the next."""
        drawn = self.drawn
        self.step = min(max(step, 0), drawn.pixels)
        following, text = "", f"{drawn.pixels} pixels drawn"
        if self.step < drawn.pixels:
            row, column = drawn.place(self.step)
            following = outline(column, row, 1, 1, NEXT)
            chance = float(drawn.probabilities[0, row, column])
            text = (
                f"{self.step} of {drawn.pixels} pixels; the next, row {row}, column {column}, is "
                f"white with probability {chance:.3f}"
            )
        self.status.set_text(f"{text}. {drawn.nats(self.step):.1f} nats so far.")
        changed = drawn.until(self.step, drawn.changed.float())[0].nan_to_num().nonzero().tolist()
        marks = "".join(outline(column, row, 1, 1) for row, column in changed)
        grey = self.thing.grey(drawn.image)
        self.pad.show(drawn.until(self.step, grey), marks + following)
        self.heat.show(heat(drawn.until(self.step + 1, drawn.probabilities)), following)
        if self.progress.value != self.step:
            self.progress.set_value(self.step)

    def _play(self) -> None:
        if self.step == self.drawn.pixels and not self.timer.active:
            self.show(0)
        self._run(not self.timer.active)

    def _run(self, on: bool) -> None:
        self.timer.active = on
        self.play.props(f'icon="{"pause" if on else "play_arrow"}"')

    def _tick(self) -> None:
        self.show(self.step + int(self.speed.value or 1))
        if self.step == self.drawn.pixels:
            self._run(False)

    def _press(self, at: Place) -> None:
        row, column = int(at[1]), int(at[0])
        if not (0 <= row < self.pad.size[0] and 0 <= column < self.pad.size[1]):
            return
        if self.drawn.step_of(row, column) >= self.step:
            ui.notify("This pixel is not drawn yet.")
            return
        self._run(False)
        # When its turn comes, another ordering may have drawn the image.
        self.soon(lambda: self._draw(lambda: self.drawn.flipped(self.drawn.step_of(row, column))))

    async def _redraw(self, **changes: Any) -> None:
        if None not in changes.values():
            # A number is shortened to its limits only when the field is left.
            self.wanted |= {name: min(int(value), LAST_SEED) for name, value in changes.items()}
            await self._draw(lambda: PixelByPixel(self.thing, **self.wanted))

    async def _draw(self, draw: Callable[[], PixelByPixel]) -> None:
        with self.busy(self.spinner):
            async with self.turn:
                self.drawn = await self.compute(draw)
        self.show(self.step)
