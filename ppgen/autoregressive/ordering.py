"""Shapes, and orders in which their pixels are drawn."""

from collections.abc import Sequence
from math import prod
from typing import Annotated, TypeAlias

import torch
from torch import Tensor

from ppgen.arguments import Size, Such, checked

Ordering: TypeAlias = Tensor | Sequence[int]
"""Flat positions of the pixels in the order in which they are drawn."""

Shape: TypeAlias = Annotated[
    Sequence[Size], Such(len, "a sequence of sizes, such as (channel, height, width) or (length,)")
]


def as_image(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return a shape of any dimensions as (channel, height, width).

    All dimensions before the last two are channels; missing ones have size 1.
    """
    *channels, height, width = 1, 1, *shape
    return prod(channels), height, width


@checked
def raster(shape: Shape) -> Tensor:
    """Return the reading order: row by row from the left, all channels of a place in turn.

    Images have any shape, see :func:`ppgen.autoregressive.ordering.as_image`. The result,
    ``(pixels,)``, holds the position in the flattened image of the first pixel, the second and so
    on.

    Examples
    --------
    >>> raster((3, 1, 2))  # red, green and blue of one pixel, then of the next
    tensor([0, 2, 4, 1, 3, 5])
    """
    return torch.arange(prod(shape)).view(as_image(shape)).permute(1, 2, 0).flatten()


@checked
def check_ordering(ordering: Ordering, pixels: Size) -> Tensor:
    """Return an ordering as a tensor of ``torch.long``.

    Raises a TypeError if it does not hold integers, and a ValueError if it is not a permutation of
    0 … ``pixels`` − 1.

    Examples
    --------
    >>> check_ordering([0, 1, 3, 2], pixels=4)  # of 2×2 pixels: along the first row, and back
    tensor([0, 1, 3, 2])
    """
    expected = f"each of the {pixels} positions 0 … {pixels - 1} of the flattened image once"
    try:
        positions = torch.as_tensor(ordering)
        torch.iinfo(positions.dtype)  # raises an error for all types but integers
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"ordering is {ordering!r}; expected integers, {expected}") from error
    if positions.shape != (pixels,) or not torch.equal(
        positions.long().sort().values.cpu(), torch.arange(pixels)
    ):
        raise ValueError(
            f"ordering is {first_of(positions)} of shape {tuple(positions.shape)}; "
            f"expected {expected}"
        )
    return positions.long()


def first_of(numbers: Tensor) -> str:
    """Write the first eight numbers, for an error message."""
    shown = [*map(str, numbers.flatten()[:8].tolist()), *["…"] * (numbers.numel() > 8)]
    return f"[{', '.join(shown)}]"
