"""Figures that show themselves in a notebook, in one style."""

from io import BytesIO
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as MatplotlibFigure

COLOURS = [to_hex(colour) for colour in matplotlib.color_sequences["petroff10"]]
"""Told apart by the colour-blind (Petroff 2021, Accessible color sequences)."""

STYLE: dict[Any, Any] = {
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.8,
    "scatter.edgecolors": "none",
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
}
DPI = 100
"""Dots an inch in a notebook."""


class Figure(MatplotlibFigure):
    """A matplotlib figure whose axes have the style of the project.

    It is made without pyplot, so it is nobody's current figure and need not be closed. As the last
    expression of a notebook's cell it shows itself. Arguments are those of matplotlib; the layout
    is constrained if not said otherwise.

    Examples
    --------
    >>> figure = Figure((4, 3))
    >>> axes = figure.add_subplot(xlabel="epoch", ylabel="nats")
    >>> figure.savefig("/dev/null", format="png")
    """

    def __init__(self, figsize: tuple[float, float] | None = None, **options: Any) -> None:
        super().__init__(figsize, **{"layout": "constrained", **options})

    def add_subplot(self, *args: Any, **options: Any) -> Axes:
        """Add axes in the style of the project."""
        with matplotlib.rc_context(STYLE):
            return super().add_subplot(*args, **options)

    def _repr_png_(self) -> bytes:
        image = BytesIO()
        self.savefig(image, format="png", dpi=DPI)
        return image.getvalue()
