"""The bound against the importance-weighted estimate as particles grow."""

from typing import Any

from nicegui import ui

from ppgen.explore.layout import columns
from ppgen.explore.models.bounds import Bound, bounds, figure, has_bound
from ppgen.explore.models.opened import Model
from ppgen.explore.models.views.view import View
from ppgen.explore.models.widgets import Picker
from ppgen.explore.pictures import figure_uri

MOST = 50  # images of an estimate
END = Bound(None, 0.0, 0.0)  # of the estimates


class BoundView(View[Model]):
    """Nats of one test image, or of several from it on, in a figure and a table."""

    name = "Bound"

    @staticmethod
    def suits(thing: Any) -> bool:
        """Whether its ELBO is a bound, since a guide draws latents."""
        return isinstance(thing, Model) and has_bound(thing)

    def content(self) -> None:
        """Build the choice of images and the figure."""
        self.found: list[Bound] = []
        self.estimating = False
        with columns() as (left, right):
            with left:
                with self.bar():
                    self.picker = Picker(self.thing, lambda _: None)
                    self.count = ui.number("images", value=10, min=1, max=MOST, precision=0)
                    self.count.classes("short")
                    self.button = ui.button("Estimate", on_click=self._estimate)
                    self.spinner = ui.spinner(size="24px")
                    self.spinner.set_visibility(False)
                self.image = (
                    ui.image()
                    .classes("figure")
                    .props('alt="nats over particles" no-spinner no-transition')
                )
                self.image.set_visibility(False)
            with right:
                self.table()

    @ui.refreshable_method
    def table(self) -> None:
        """List the numbers of the figure."""
        rows = [
            {
                "particles": {0: "ELBO", None: "exact"}.get(bound.particles, bound.particles),
                "nats": f"{bound.nats:.3f}",
            }
            for bound in self.found
        ]
        if rows:
            ui.table(rows=rows, row_key="particles").props("dense flat")

    async def _estimate(self) -> None:
        if self.estimating:
            return
        first = self.picker.index
        last = first + min(max(int(self.count.value or 1), 1), MOST)
        self.estimating, self.found = True, []
        estimates = bounds(self.thing, self.thing.test.images[first:last])
        try:
            with self.busy(self.spinner):
                while True:
                    bound = await self.compute(next, estimates, END)
                    if bound is END:
                        break
                    self.found.append(bound)
                    self.image.set_source(await self.compute(_drawn, self.found))
                    self.image.set_visibility(True)
                    self.table.refresh()
        finally:
            self.estimating = False


def _drawn(found: list[Bound]) -> str:
    return figure_uri(figure(found))
