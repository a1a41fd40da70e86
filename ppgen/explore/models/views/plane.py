"""The latent plane: a point and its image, ways between points, and walks along the axes."""

from typing import Any

import torch
from nicegui import ui
from torch import Tensor

from ppgen.explore.layout import columns
from ppgen.explore.models.drawing import Place
from ppgen.explore.models.latents import FARTHEST, Latents, has_latent_plane
from ppgen.explore.models.opened import Model
from ppgen.explore.models.views.plane_svg import SIZE, at_pixel, cross, points_svg, ring
from ppgen.explore.models.views.view import View
from ppgen.explore.models.widgets import Pad, picture
from ppgen.explore.pictures import data_uri, svg_uri, tiled

SLIDERS = 8  # dimensions that are shown at first
STEP = 0.1  # of an arrow key and of a slider


class PlaneView(View[Model]):
    """A plane of two latents, with test images as points, and sliders for all latents.

    Attributes
    ----------
    z
        The point, ``(latent,)``.
    across, up
        Dimensions of the plane.
    """

    name = "Latent plane"

    @staticmethod
    def suits(thing: Any) -> bool:
        """Whether it decodes two or more real latents, which its guide finds for an image."""
        return isinstance(thing, Model) and has_latent_plane(thing.program) and not thing.classes

    def prepare(self) -> object:
        """Find the latents of the test images."""
        self.latents = Latents(self.thing)
        return self.latents.order

    def content(self) -> None:
        """Build plane, image, way and sliders."""
        order = self.latents.order
        self.across, self.up = sorted(order[:2])
        self.shown = order[: min(SLIDERS, len(order))]
        self.z, self.near = torch.zeros(len(order)), -1
        self.ends: list[Tensor | None] = [None, None]
        self.axes: dict[str, ui.select] = {}
        with columns() as (left, right):
            with left:
                with self.bar():
                    names = {d: f"z{d + 1}" for d in range(len(order))}
                    for axis in ("across", "up"):
                        self.axes[axis] = ui.select(
                            names, value=getattr(self, axis), label=axis,
                            on_change=lambda event, axis=axis: self._turn(axis, event.value),
                        ).classes("short").props(f'aria-label="latent {axis}"')  # fmt: skip
                    ui.button("start here", on_click=lambda: self._set_end(0)).props("outline")
                    ui.button("end here", on_click=lambda: self._set_end(1)).props("outline")
                with ui.row().classes("side"):
                    self.pad = Pad(
                        (SIZE, SIZE), "Latent plane. Arrow keys move the point.",
                        self._press, lambda _, to: self._press(to), self._settled, width=SIZE,
                    )  # fmt: skip
                    self.pad.arrow = self._nudge
                    with ui.column():
                        self.image = picture(self._image(), "mean image at the point", 224)
                        self.where = ui.label()
                        ui.label("nearest test image").classes("hint")
                        self.nearest = picture(self._image(), "", 56)
                ui.label(
                    "Click or drag: move the point. Dots: test images by label "
                    f"({self.thing.origin})."
                ).classes("hint")
            with right:
                ui.label("Way from start to end").classes("hint")
                self.way = picture(self._image(), "images on the way", 480)
                self.way.set_visibility(False)
                if len(order) > SLIDERS:
                    ui.number(
                        "latents shown", value=SLIDERS, min=2, max=len(order), precision=0,
                        on_change=lambda event: self._show_more(event.value),
                    ).classes("short")  # fmt: skip
                self.sliders()
        self._draw_plane()
        self.move(self.z)
        self._settled()

    @ui.refreshable_method
    def sliders(self) -> None:
        """Sliders in falling order of activity, each with the walk along its axis."""
        self.bars: dict[int, ui.slider] = {}
        self.walks: dict[int, ui.image] = {}
        reach = self.latents.reach
        for dimension in self.shown:
            activity = float(self.latents.activity[dimension])
            ui.label(f"z{dimension + 1} · activity {activity:.2f}").classes("hint")
            with ui.row().classes("line"):
                self.bars[dimension] = ui.slider(
                    min=-reach, max=reach, step=STEP, value=float(self.z[dimension]),
                    on_change=lambda event, d=dimension: self._slide(d, event.value),
                ).props(f'label aria-label="latent z{dimension + 1}"')  # fmt: skip
                label = f"walk along z{dimension + 1} from -{FARTHEST:g} to {FARTHEST:g}"
                self.walks[dimension] = picture(self._image(), label, 240)

    def move(self, z: Tensor) -> None:
        """Show the image at a point."""
        self.z = z.clone()
        self.image.set_source(data_uri(self._image()))
        self.pad.mark(self._marks())
        self.where.set_text(
            f"z{self.across + 1} = {self._at(0):.2f}, z{self.up + 1} = {self._at(1):.2f}"
        )
        index = self.latents.nearest(z)
        if index != self.near:
            self.near = index
            self.nearest.set_source(data_uri(self.thing.grey(self.thing.test.images[index])))
            self.nearest.props(f'alt="test image {index}"')
        for dimension, bar in self.bars.items():
            if abs(bar.value - float(z[dimension])) > STEP / 2:
                bar.set_value(round(float(z[dimension]), 2))

    def _image(self) -> Tensor:
        return self.latents.image(self.z)

    def _at(self, axis: int) -> float:
        return float(self.z[(self.across, self.up)[axis]])

    def _press(self, at: Place) -> None:
        z = self.z.clone()
        z[self.across], z[self.up] = at_pixel(at, self.latents.reach)
        self.move(z)

    def _nudge(self, dx: int, dy: int) -> None:
        z = self.z.clone()
        z[self.across] += STEP * dx
        z[self.up] -= STEP * dy
        self.move(z.clamp(-self.latents.reach, self.latents.reach))
        self._settled()

    def _slide(self, dimension: int, value: float) -> None:
        if abs(value - float(self.z[dimension])) > STEP / 2:  # not set by the page itself
            z = self.z.clone()
            z[dimension] = value
            self.move(z)
            self._settled()

    def _settled(self) -> None:
        """Draw the walks through the point, which a moving point need not wait for."""
        for dimension, image in self.walks.items():
            walk = self.latents.walk(self.z, dimension)
            image.set_source(data_uri(tiled(walk, len(walk))))

    def _set_end(self, end: int) -> None:
        self.ends[end] = self.z
        self.pad.mark(self._marks())
        start, stop = self.ends
        if start is not None and stop is not None:
            images = self.latents.way(start, stop)
            self.way.set_source(data_uri(tiled(images, len(images))))
            self.way.set_visibility(True)

    def _turn(self, axis: str, dimension: int) -> None:
        other = "up" if axis == "across" else "across"
        before = getattr(self, axis)
        setattr(self, axis, dimension)
        if getattr(self, other) == dimension:  # a plane has two dimensions: they change places
            self.axes[other].set_value(before)
            return
        self._draw_plane()
        self.move(self.z)

    def _show_more(self, count: float | None) -> None:
        if count is not None and count >= 2:
            self.shown = self.latents.order[: int(count)]
            self.sliders.refresh()
            self._settled()

    def _draw_plane(self) -> None:
        points = self.latents.means[:, [self.across, self.up]]
        svg = points_svg(points, self.thing.test.labels, self.latents.reach)
        self.pad.element.set_source(svg_uri(svg, SIZE, SIZE))

    def _marks(self) -> str:
        reach = self.latents.reach
        marks = [cross((self._at(0), self._at(1)), reach)]
        for name, end in zip("AB", self.ends, strict=True):
            if end is not None:
                at = float(end[self.across]), float(end[self.up])
                marks.append(ring(at, reach, name))
        return "".join(marks)
