"""Parts that several views share: an image that answers to the pointer, and a choice of images."""

from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.events import MouseEventArguments, ValueChangeEventArguments
from torch import Tensor

from ppgen.explore.models.drawing import Place
from ppgen.explore.models.opened import Model
from ppgen.explore.pictures import data_uri, outline

EVENTS = ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave"]
KEYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


class Pad:
    """An image of pixels that are pressed, dragged over, or reached by the arrow keys.

    Parameters
    ----------
    size
        Height and width in pixels.
    label
        What it is, for those who do not see it.
    press, drag, release
        Called with places in pixels: where the pointer goes down, from where to where it moves,
        and without any when it goes up. Enter and the space bar press and release at the cursor.
    cell
        Height and width of the cursor, which moves by ``pitch`` pixels.
    width
        In the page, of the style sheet.
    """

    def __init__(
        self,
        size: tuple[int, int],
        label: str,
        press: Callable[[Place], object],
        drag: Callable[[Place, Place], object] | None = None,
        release: Callable[[], object] | None = None,
        *,
        cell: tuple[int, int] = (1, 1),
        pitch: tuple[int, int] = (1, 1),
        width: int = 420,
    ) -> None:
        self.size, self.cell, self.pitch = size, cell, pitch
        self.press, self.drag, self.release = press, drag, release
        self.held: Place | None = None
        self.cursor: tuple[int, int] | None = None  # column and row of the cell
        self.arrow: Callable[[int, int], object] = self._move
        self.marks = ""
        height, across = size
        self.element = (
            ui.interactive_image(
                size=(across, height), on_mouse=self._on_mouse, events=EVENTS, sanitize=False
            )
            .classes("canvas pixels")
            .style(f"width: {width}px")
            .props(f'tabindex=0 role="application" aria-label="{label}"')
        )
        for key, (dx, dy) in KEYS.items():
            self.element.on(f"keydown.{key}.prevent", lambda dx=dx, dy=dy: self.arrow(dx, dy), [])
        for key in ("enter", "space"):
            self.element.on(f"keydown.{key}.prevent", self._press_cursor, [])

    def show(self, image: Tensor, marks: str = "") -> None:
        """Show an image ``(channel, height, width)``, with SVG above it in its pixels."""
        self.element.set_source(data_uri(image))
        self.mark(marks)

    def mark(self, marks: str) -> None:
        """Change what lies above the image."""
        self.marks = marks
        self._draw_marks()

    def _draw_marks(self) -> None:
        at = ""
        if self.cursor is not None:
            column, row = self.cursor
            height, width = self.cell
            at = outline(column * self.pitch[1], row * self.pitch[0], width, height, "#0b7285")
        self.element.content = self.marks + at

    def _on_mouse(self, event: MouseEventArguments) -> None:
        at = event.image_x, event.image_y
        if event.type == "pointerdown" and event.button == 0:
            self.held = at
            self.press(at)
        elif self.held is None:
            return
        elif event.type == "pointermove" and event.buttons:
            start, self.held = self.held, at
            if self.drag is not None:
                self.drag(start, at)
        elif event.type != "pointermove":
            self.held = None
            if self.release is not None:
                self.release()

    def _move(self, dx: int, dy: int) -> None:
        column, row = self.cursor or (-dx, -dy)
        column, row = column + dx, row + dy
        rows, columns = (-(-self.size[i] // self.pitch[i]) for i in (0, 1))
        self.cursor = min(max(column, 0), columns - 1), min(max(row, 0), rows - 1)
        self._draw_marks()

    def _press_cursor(self) -> None:
        if self.cursor is None:
            self._move(0, 0)
            return
        (column, row), (height, width) = self.cursor, self.cell
        self.press((column * self.pitch[1] + width / 2, row * self.pitch[0] + height / 2))
        if self.release is not None:
            self.release()


class Picker:
    """Choice of one of a model's test images, by number.

    ``chosen`` is called with its number after each change.
    """

    def __init__(self, model: Model, chosen: Callable[[int], Any]) -> None:
        self.model, self.chosen = model, chosen
        self.index = 0
        self.last = len(model.test) - 1
        with ui.row().classes("bar"):
            self.field = ui.number(
                f"test image, 0 to {self.last}", value=self.index, min=0, max=self.last, step=1,
                precision=0, on_change=self._on_change,
            ).classes("short")  # fmt: skip
            self.thumbnail = picture(self.model.grey(self.image), "", 56)
            self.label = ui.label()
        self._show()

    @property
    def image(self) -> Tensor:
        """The image in the model's support, ``(channel, height, width)``."""
        return self.model.test.images[self.index]

    def _on_change(self, event: ValueChangeEventArguments) -> None:
        if event.value is None or not 0 <= event.value <= self.last:
            return
        self.index = int(event.value)
        self._show()
        self.chosen(self.index)

    def _show(self) -> None:
        labels = self.model.test.labels
        self.label.set_text("" if labels is None else f"a {int(labels[self.index])}")
        self.thumbnail.set_source(data_uri(self.model.grey(self.image)))
        self.thumbnail.props(f'alt="test image {self.index}"')


def picture(image: Tensor, label: str, width: int) -> ui.image:
    """Show an image of pixels without smoothing, ``width`` pixels wide in the page at most."""
    shown = ui.image(data_uri(image)).classes("pixels").style(f"width: {width}px")
    return described(shown, label)


def described(image: ui.image, label: str) -> ui.image:
    """Say what an image is. The label is set as it is, since names of files may hold markup."""
    image.props("no-spinner no-transition")
    image.props["alt"] = label
    return image
