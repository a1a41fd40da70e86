"""An image that is being drawn, and which of its pixels are rubbed out."""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

Tool = Literal["draw", "erase", "rub out", "restore"]
TOOLS: tuple[Tool, ...] = ("rub out", "restore", "draw", "erase")
Place = tuple[float, float]
"""Column and row, in pixels from the upper left corner."""


class Drawing:
    """Grey values ``(1, height, width)``, and a mask of the pixels that are known.

    ``"draw"`` makes pixels white and ``"erase"`` black; ``"rub out"`` hides them, whatever they
    are, and ``"restore"`` shows them again.

    Examples
    --------
    >>> drawing = Drawing(torch.zeros(1, 8, 8))
    >>> drawing.stroke("draw", (1.5, 2.5), (6.5, 2.5), width=1)
    >>> drawing.image[0, 2]
    tensor([0., 1., 1., 1., 1., 1., 1., 0.])
    >>> drawing.hide("lower half")
    >>> int(drawing.observed.sum())
    32
    """

    def __init__(self, image: Tensor) -> None:
        self.set(image)

    def set(self, image: Tensor) -> None:
        """Begin with an image, all of it known."""
        self.image = image.clone()
        self.observed = torch.ones_like(image, dtype=torch.bool)

    @property
    def shown(self) -> Tensor:
        """The image, with NaN for pixels that are rubbed out."""
        return self.image.where(self.observed, torch.nan)

    def stroke(self, tool: Tool, start: Place, end: Place, width: float) -> None:
        """Use a tool on all pixels whose middle is within half a ``width`` of a line.

        The pixel under the end of the line is always among them.
        """
        _, height, across = self.image.shape
        y = torch.arange(height).view(-1, 1) + 0.5
        x = torch.arange(across) + 0.5
        (x0, y0), (x1, y1) = start, end
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / max(length, 1e-9)
        along = along.clamp(0, 1)
        distance = (x - x0 - along * (x1 - x0)) ** 2 + (y - y0 - along * (y1 - y0)) ** 2
        touched = distance <= (width / 2) ** 2
        if 0 <= x1 < across and 0 <= y1 < height:
            touched[int(y1), int(x1)] = True
        if tool in ("draw", "erase"):
            self.image[:, touched] = float(tool == "draw")
            self.observed[:, touched] = True
        else:
            self.observed[:, touched] = tool == "restore"

    def hide(self, part: str) -> None:
        """Rub out one of :data:`PARTS` and nothing else."""
        _, height, width = self.image.shape
        rows, columns = PARTS[part]
        self.observed[:] = True
        self.observed[
            :,
            int(rows[0] * height) : int(rows[1] * height),
            int(columns[0] * width) : int(columns[1] * width),
        ] = False

    def hide_after_first(self, ordering: Tensor) -> None:
        """Rub out all pixels after the first hidden one in an order of drawing."""
        known = self.observed.flatten()[ordering]
        self.observed.view(-1)[ordering] = known.cummin(0).values


Range = tuple[float, float]
PARTS: dict[str, tuple[Range, Range]] = {
    "nothing": ((0, 0), (0, 0)),
    "lower half": ((0.5, 1), (0, 1)),
    "upper half": ((0, 0.5), (0, 1)),
    "left half": ((0, 1), (0, 0.5)),
    "right half": ((0, 1), (0.5, 1)),
    "middle": ((0.3, 0.7), (0.3, 0.7)),
    "everything": ((0, 1), (0, 1)),
}
"""Rows and columns of parts that can be rubbed out, as shares of height and width."""


def line(points: list[Place]) -> Iterator[tuple[Place, Place]]:
    """Yield the strokes between points of the pointer's way; a single point is one of its own.

    Examples
    --------
    >>> list(line([(1.0, 1.0)]))
    [((1.0, 1.0), (1.0, 1.0))]
    """
    yield from zip(points[:-1] or points, points[1:] or points, strict=True)
