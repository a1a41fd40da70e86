"""Figures, each a matplotlib Figure that leaves pyplot's global state alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil, sqrt

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor
from torch.distributions import Normal

Curve = tuple[Sequence[float], Sequence[float]]


def image_grid(images: Tensor, columns: int | None = None, title: str | None = None) -> Figure:
    """Show images in a grid.

    Parameters
    ----------
    images
        ``(batch, channel, height, width)``, grey values or colours between 0 and 1.
    columns
        Images a row; by default as many as make the grid square.
    title
        Above the grid.

    Examples
    --------
    >>> image_grid(torch.rand(10, 1, 8, 8)).savefig("/dev/null", format="png")
    """
    grid = _tile(images, columns or ceil(sqrt(len(images))))
    height, width = grid.shape[:2]
    inches = 6 / max(height, width)
    figure = Figure(
        (width * inches, height * inches + (0.35 if title else 0)), layout="constrained"
    )
    _show(figure.add_subplot(), grid, title)
    return figure


def image_grids(grids: Mapping[str, Tensor], columns: int | None = None) -> Figure:
    """Show several grids of images side by side, each under its title."""
    figure = Figure((3.2 * len(grids), 3.5), layout="constrained")
    panels = figure.subplots(1, len(grids), squeeze=False)[0]
    for axes, (title, images) in zip(panels, grids.items(), strict=True):
        _show(axes, _tile(images, columns or ceil(sqrt(len(images)))), title)
    return figure


def reconstructions(images: Tensor, reconstructed: Tensor, pairs: int = 4) -> Figure:
    """Show images beside their reconstructions, ``pairs`` of them in a row.

    Examples
    --------
    >>> reconstructions(torch.rand(32, 1, 8, 8), torch.rand(32, 1, 8, 8)).savefig(
    ...     "/dev/null", format="png"
    ... )
    """
    both = torch.stack([images.cpu(), reconstructed.cpu()], dim=1).flatten(0, 1)
    return image_grid(both, 2 * pairs, "each image, and its reconstruction on its right")


def curves(lines: Mapping[str, Curve], ylabel: str, xlabel: str = "epoch") -> Figure:
    """Draw curves of ``(x values, y values)``, each under its name."""
    figure = Figure((6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
    for name, (x, y) in lines.items():
        axes.plot(x, y, label=name, marker="." if len(x) < 30 else None)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def manifold(
    decode: Callable[[Tensor], Tensor],
    latent: int,
    dimensions: tuple[int, int] = (0, 1),
    steps: int = 20,
    device: torch.device | str = "cpu",
) -> Figure:
    """Show mean images over a grid in two latent dimensions, the others at 0.

    The grid lies at equal steps of the standard Gaussian's distribution function (Kingma and
    Welling 2014, figure 4).

    Parameters
    ----------
    decode
        From latents ``(batch, latent)`` to images ``(batch, channel, height, width)``.
    latent
        Number of latent dimensions, 2 or more.
    dimensions
        The two that vary, to the right and upwards.
    steps
        Images along each side.
    device
        Of the latents.

    Raises
    ------
    ValueError
        Where there are no two dimensions.
    """
    if latent < 2:
        raise ValueError(f"latent is {latent}; expected 2 or more dimensions for a plane")
    quantiles = Normal(0.0, 1.0).icdf((torch.arange(steps) + 0.5) / steps)
    z = torch.zeros(steps * steps, latent)
    z[:, dimensions] = torch.cartesian_prod(-quantiles, quantiles).flip(1)
    with torch.no_grad():
        images = decode(z.to(device))
    figure = image_grid(images, steps)
    across, up = (f"$z_{{{dimension + 1}}}$" for dimension in dimensions)
    figure.axes[0].set(xlabel=f"{across}, equal steps of the prior's quantiles", ylabel=up)
    return figure


def _tile(images: Tensor, columns: int) -> Tensor:
    from torchvision.utils import make_grid  # here, for torchvision takes seconds to import

    tiles = make_grid(images.detach().float().cpu(), columns, padding=1, pad_value=0.5)
    return tiles.permute(1, 2, 0)


def _show(axes: Axes, grid: Tensor, title: str | None) -> None:
    axes.imshow(grid.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[], title=title or "")
    axes.spines[:].set_visible(False)
