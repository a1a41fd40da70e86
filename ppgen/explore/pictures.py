"""Images and figures as addresses that a browser can show."""

import threading
from base64 import b64encode
from html import escape
from io import BytesIO
from math import ceil

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ppgen.plots import MISSING

GAP = 0.5  # grey value of the lines between images
_FIGURES = threading.Lock()  # matplotlib draws one figure at a time


def data_uri(image: Tensor, zoom: int = 1) -> str:
    """Return an image as the data URI of a PNG, each pixel enlarged to a square of ``zoom`` pixels.

    The image is ``(channel, height, width)``, grey values or colours from 0 to 1. Pixels that are
    NaN, as missing ones may be, have a colour of their own.

    Examples
    --------
    >>> data_uri(torch.rand(1, 8, 8), zoom=4)[:22]
    'data:image/png;base64,'
    """
    values = image.detach().float().numpy().transpose(1, 2, 0)
    missing = np.isnan(values)
    if missing.any():
        values = np.where(missing, np.asarray(MISSING, np.float32), values)
    pixels = np.rint(255 * values.clip(0, 1)).astype(np.uint8)
    pixels = pixels.repeat(zoom, 0).repeat(zoom, 1)
    grey = pixels.shape[2] == 1
    file = BytesIO()
    Image.fromarray(pixels[..., 0] if grey else pixels).save(file, "PNG", compress_level=1)
    return png_uri(file.getvalue())


def png_uri(content: bytes) -> str:
    """Return the content of a PNG file as a data URI.

    Examples
    --------
    >>> png_uri(b"PNG")
    'data:image/png;base64,UE5H'
    """
    return f"data:image/png;base64,{b64encode(content).decode()}"


def svg_uri(content: str, width: int, height: int) -> str:
    """Return SVG elements as the data URI of an image of ``width`` × ``height`` pixels.

    Examples
    --------
    >>> svg_uri('<circle r="3"/>', 10, 10)[:26]
    'data:image/svg+xml;base64,'
    """
    opened = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
    return f"data:image/svg+xml;base64,{b64encode(f'{opened}{content}</svg>'.encode()).decode()}"


def tiled(images: Tensor, columns: int) -> Tensor:
    """Return images ``(batch, channel, height, width)`` side by side, in rows of ``columns``.

    A line of one pixel divides them. The result is ``(channel, height, width)``.

    Examples
    --------
    >>> tiled(torch.rand(5, 1, 8, 8), columns=3).shape  # two rows of three
    torch.Size([1, 17, 26])
    """
    count, channels, height, width = images.shape
    rows = ceil(count / columns)
    grid = torch.full((channels, rows * (height + 1) - 1, columns * (width + 1) - 1), GAP)
    for number, image in enumerate(images):
        top, left = (height + 1) * (number // columns), (width + 1) * (number % columns)
        grid[:, top : top + height, left : left + width] = image
    return grid


def tile_at(point: tuple[float, float], count: int, columns: int, size: tuple[int, int]) -> int:
    """Return the number of the image at a point ``(x, y)`` of what :func:`tiled` makes.

    ``size`` is ``(height, width)`` of an image. The point is moved to the nearest image.

    Examples
    --------
    >>> tile_at((10.0, 3.0), 5, 3, (8, 8)), tile_at((0.0, 99.0), 5, 3, (8, 8))
    (1, 3)
    """
    x, y = point
    row, column = int(max(0.0, y) // (size[0] + 1)), int(max(0.0, x) // (size[1] + 1))
    row = min(row, (count - 1) // columns)
    return min(row * columns + min(column, columns - 1), count - 1)


def heat(values: Tensor) -> Tensor:
    """Return values ``(1, height, width)`` from 0 to 1 as colours, ``(3, height, width)``.

    NaN stays NaN.

    Examples
    --------
    >>> heat(torch.tensor([[[0.0, torch.nan]]]))[:, 0, 1].isnan().all()
    tensor(True)
    """
    colours = torch.as_tensor(colormaps["viridis"](values[0].nan_to_num().numpy())[..., :3])
    return colours.permute(2, 0, 1).float().where(~values.isnan(), torch.nan)


def figure_uri(figure: Figure) -> str:
    """Return a figure as the data URI of a PNG.

    Examples
    --------
    >>> from ppgen.plots import curves
    >>> figure_uri(curves({"elbo": ([1, 2], [-9.0, -7.0])}, "nats"))[:22]
    'data:image/png;base64,'
    """
    file = BytesIO()
    with _FIGURES:
        figure.savefig(file, format="png", dpi=100)
    return png_uri(file.getvalue())


def outline(x: float, y: float, width: float, height: float, colour: str = "#e8590c") -> str:
    """Return SVG that outlines a part of an image, in pixels of it.

    Examples
    --------
    >>> outline(3, 2, 1, 1)[:27]
    '<rect x="3" y="2" width="1"'
    """
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="none" '
        f'stroke="{escape(colour)}" stroke-width="1.5" vector-effect="non-scaling-stroke"/>'
    )
