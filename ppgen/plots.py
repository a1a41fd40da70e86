"""Plots of images, curves and latents.

Each is a :class:`Figure` of its own, which a notebook shows, or is drawn into given ``axes``.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, sqrt
from typing import Annotated, Any, cast

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor
from torch.distributions import Normal

from ppgen.arguments import Range, Size, Such, checked
from ppgen.figure import COLOURS, Figure
from ppgen.running import Device
from ppgen.tensors import check_shape

__all__ = [
    "COLOURS",
    "Figure",
    "curves",
    "image_grid",
    "image_grids",
    "image_rows",
    "manifold",
    "reconstructions",
    "scatter",
]

MISSING = (0.45, 0.6, 0.8)
"""Colour of pixels that are not known."""

TILE = 32
"""Pixels of the longer side that a small image in a grid has at least, or nearly."""

Curve = tuple[Sequence[Any], Sequence[Any]]
"""x values and y values."""


@checked
def image_grid(
    images: Tensor,
    columns: Size | None = None,
    title: str | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Plot images in a grid, by default a square one.

    Images are ``(batch, channel, height, width)``, grey values or colours from 0 to 1. Pixels that
    are NaN, as missing ones may be, are shown in a colour of their own.

    Examples
    --------
    >>> image_grid(torch.rand(10, 1, 8, 8)).savefig("/dev/null", format="png")
    """
    grid = _tile(images, columns)
    height, width = grid.shape[:2]
    inches = 6 / max(height, width)
    title_inches = 0.35 if title else 0
    axes = axes or Figure((width * inches, height * inches + title_inches)).add_subplot()
    _show(axes, grid, title)
    return _figure(axes)


@checked
def image_grids(
    grids: Annotated[Mapping[str, Tensor], Such(len, "one or more images by their titles")],
    columns: Size | None = None,
    title: str | None = None,
) -> Figure:
    """Plot several grids of images side by side, each under its name, and a title above all.

    Images and columns are as for :func:`image_grid`.

    Examples
    --------
    >>> grids = {"images": torch.rand(9, 1, 8, 8), "samples": torch.rand(16, 1, 8, 8)}
    >>> image_grids(grids).savefig("/dev/null", format="png")
    """
    tiled = {name: _tile(images, columns) for name, images in grids.items()}
    height = 3.2 * max(grid.shape[0] / grid.shape[1] for grid in tiled.values())
    figure = Figure((3.2 * len(grids), height + (0.7 if title else 0.3)))
    panels = figure.subplots(1, len(grids), squeeze=False)[0]
    for axes, (name, grid) in zip(panels, tiled.items(), strict=True):
        _show(axes, grid, name)
    if title:
        figure.suptitle(title)
    return figure


@checked
def image_rows(
    rows: Annotated[Mapping[str, Tensor], Such(len, "one or more rows of images by their names")],
    title: str | None = None,
) -> Figure:
    """Plot rows of images of equal length, each with its name on the left.

    Images are as for :func:`image_grid`.

    Examples
    --------
    >>> rows = {"images": torch.rand(5, 1, 8, 8), "reconstructions": torch.rand(5, 1, 8, 8)}
    >>> image_rows(rows).savefig("/dev/null", format="png")
    """
    shape = next(iter(rows.values())).shape
    for name, images in rows.items():
        check_shape(repr(name), images, shape, f"that of the first row, {tuple(shape)}")
    columns = shape[0]
    figure = image_grid(torch.cat([images.cpu() for images in rows.values()]), columns, title)
    axes = figure.axes[0]
    height, _ = axes.images[0].get_size()
    tile = (height - 1) / len(rows)
    axes.set_yticks([(row + 0.5) * tile for row in range(len(rows))], rows)
    axes.tick_params(left=False)
    names = 0.1 * max(map(len, rows))  # inches
    figure.set_figwidth(max(figure.get_figwidth() + names, names + 0.09 * len(title or "")))
    figure.set_layout_engine("compressed")  # else the names are cut off
    return figure


@checked
def reconstructions(images: Tensor, reconstructed: Tensor, pairs: Size = 4) -> Figure:
    """Plot images beside their reconstructions, ``pairs`` of them in a row.

    Images are as for :func:`image_grid`; both tensors have the same shape.

    Examples
    --------
    >>> reconstructions(torch.rand(32, 1, 8, 8), torch.rand(32, 1, 8, 8)).savefig(
    ...     "/dev/null", format="png"
    ... )
    """
    expected = f"that of images, {tuple(images.shape)}"
    check_shape("reconstructed", reconstructed, images.shape, expected)
    both = torch.stack([images.cpu(), reconstructed.cpu()], dim=1).flatten(0, 1)
    return image_grid(both, 2 * pairs, "each image, and its reconstruction on its right")


@checked
def curves(
    lines: Mapping[str, Curve],
    ylabel: str,
    xlabel: str = "epoch",
    marks: Mapping[str, float] | None = None,
    title: str | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Plot named curves ``(x values, y values)``, and mark named x values by vertical lines.

    Examples
    --------
    >>> lines = {"training": ([1, 2, 3], [9.0, 7.0, 6.0]), "validation": ([1, 3], [9.5, 8.0])}
    >>> curves(lines, "nats", marks={"best": 3}).savefig("/dev/null", format="png")
    """
    axes = axes or Figure((6, 4)).add_subplot()
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title or "")
    for name, (x, y) in lines.items():
        axes.plot(x, y, label=name, marker="." if len(x) < 30 else None)
    for name, position in (marks or {}).items():
        axes.axvline(position, label=name, color="grey", linestyle="--")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if lines or marks:
        axes.legend()
    return _figure(axes)


@checked
def scatter(
    points: Tensor,
    labels: Tensor | None = None,
    xlabel: str = "$z_1$",
    ylabel: str = "$z_2$",
    title: str | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Plot points ``(points, 2)``, coloured by their labels ``(points,)``.

    Examples
    --------
    >>> scatter(torch.randn(9, 2), torch.arange(9) % 3).savefig("/dev/null", format="png")
    """
    check_shape("points", points, (None, 2), "(points, 2)")
    axes = axes or Figure((6, 5)).add_subplot()
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title or "", aspect="equal")
    x, y = points.detach().cpu().T
    if labels is None:
        axes.scatter(x, y, s=8)
        return _figure(axes)
    labels = check_shape("labels", labels, (len(points),), f"({len(points)},)").cpu()
    classes = labels.unique().tolist()
    few = len(classes) <= len(COLOURS)
    colours = COLOURS if few else colormaps["turbo"](np.linspace(0, 1, len(classes)))
    for name, colour in zip(classes, colours, strict=False):
        here = labels == name
        axes.scatter(x[here], y[here], s=8, color=colour, label=name)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2, frameon=False)
    return _figure(axes)


@checked
def manifold(
    decode: Callable[[Tensor], Tensor],
    latent: Annotated[int, Range(2)],
    dimensions: Sequence[int] = (0, 1),
    steps: Size = 20,
    device: Device = "cpu",
    dtype: torch.dtype | None = None,
    title: str | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Plot mean images over a grid of two latent dimensions, the others at 0.

    The grid has equal steps in the standard Gaussian's distribution function (Kingma and Welling
    2014, figure 4).

    Parameters
    ----------
    decode
        From latents ``(batch, latent)`` to images ``(batch, channel, height, width)``.
    latent
        Number of latent dimensions, 2 or more.
    dimensions
        The two different dimensions that vary, to the right and upwards.
    steps
        Number of images along each side.
    device, dtype
        Device and type of the latents; by default the CPU and torch's floating-point type.
    title, axes
        What stands above, and where to draw; by default nothing, in a figure of its own.

    Examples
    --------
    >>> def decode(z):
    ...     return z.sigmoid()[:, [0, 1, 2, 2]].view(-1, 1, 2, 2)
    >>> manifold(decode, latent=3, dimensions=(0, 2)).savefig("/dev/null", format="png")
    """
    if len(dimensions) != 2 or len(set(dimensions) & set(range(latent))) != 2:
        raise ValueError(
            f"dimensions is {tuple(dimensions)}; expected two different of 0 … {latent - 1}"
        )
    quantiles = Normal(0.0, 1.0).icdf((torch.arange(steps) + 0.5) / steps)
    z = torch.zeros(steps * steps, latent)
    z[:, dimensions] = torch.cartesian_prod(-quantiles, quantiles).flip(1)
    with torch.no_grad():
        images = decode(z.to(device, dtype))
    axes = axes or Figure((6, 6)).add_subplot()
    grid = _tile(images, steps)
    _show(axes, grid, title)
    across, up = (f"$z_{{{dimension + 1}}}$" for dimension in dimensions)
    ticked = torch.linspace(0, steps - 1, min(steps, 5)).round().long()
    height, width, _ = grid.shape
    axes.set(
        xlabel=f"{across}, equal steps of the prior's quantiles",
        ylabel=up,
        xticks=(ticked + 0.5) * width / steps,
        xticklabels=[f"{z:.1f}" for z in quantiles[ticked]],
        yticks=(ticked + 0.5) * height / steps,
        yticklabels=[f"{z:.1f}" for z in quantiles.flip(0)[ticked]],
    )
    return _figure(axes)


def _tile(images: Tensor, columns: Size | None) -> Tensor:
    from torchvision.utils import make_grid  # here, since torchvision takes seconds to import

    if images.dim() != 4 or not len(images) or images.shape[1] not in (1, 3):
        raise ValueError(
            f"images has the shape {tuple(images.shape)}; expected (batch, channel, height, width)"
            ", one or more images of one channel or three"
        )
    missing, images = images.isnan().cpu(), images.detach().cpu().nan_to_num()
    if images.max() > 1 and not (images % 1).any():
        raise ValueError(
            f"images has whole numbers up to {images.max().item():g}; expected grey values from 0 "
            "to 1, such as images / 255"
        )
    columns = columns or ceil(sqrt(len(images)))
    zoom = max(1, TILE // max(images.shape[-2:]))  # else the lines between small images are thick
    colours = images.float().clamp(0, 1).expand(-1, 3, -1, -1)
    colours = torch.where(missing, torch.tensor(MISSING)[:, None, None], colours)
    large = colours.repeat_interleave(zoom, -2).repeat_interleave(zoom, -1)
    return make_grid(large, columns, padding=1, pad_value=0.5).permute(1, 2, 0)


def _figure(axes: Axes) -> Figure:
    return cast(Figure, axes.get_figure(root=True))


def _show(axes: Axes, grid: Tensor, title: str | None) -> None:
    axes.imshow(grid.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[], title=title or "")
    axes.spines[:].set_visible(False)
    axes.grid(False)
