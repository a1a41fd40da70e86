"""Orders in which the pixels of an image are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor


def raster(image_shape: Sequence[int]) -> Tensor:
    """Give the order of reading: row by row from the left, all channels of a pixel in turn.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.

    Returns
    -------
    Tensor
        ``(pixels,)``: which position of the flattened image comes first, second and so on.

    Examples
    --------
    >>> raster((1, 2, 3))
    tensor([0, 1, 2, 3, 4, 5])
    >>> raster((3, 1, 2))  # red, green and blue of one pixel, then of the next
    tensor([0, 2, 4, 1, 3, 5])
    """
    return torch.arange(prod(image_shape)).view(*image_shape).permute(1, 2, 0).flatten()


def check_ordering(ordering: Tensor | Sequence[int], pixels: int) -> Tensor:
    """Give an ordering as a tensor of ``torch.long``, and refuse what is no permutation.

    Raises
    ------
    TypeError
        Where it does not hold integers.
    ValueError
        Where a position is missing, repeated or none of 0 … ``pixels`` − 1.

    Examples
    --------
    >>> check_ordering([0, 1, 3, 2], pixels=4)  # of 2×2 pixels: along the first row, and back
    tensor([0, 1, 3, 2])
    """
    expected = f"each of the {pixels} positions 0 … {pixels - 1} of the flattened image once"
    try:
        positions = torch.as_tensor(ordering)
        torch.iinfo(positions.dtype)  # which only integers have
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"ordering is {ordering!r}; expected integers, {expected}") from error
    if positions.shape != (pixels,) or not torch.equal(
        positions.long().sort().values.cpu(), torch.arange(pixels)
    ):
        raise ValueError(f"ordering is {_shortened(positions)}; expected {expected}")
    return positions.long()


def _shortened(ordering: Tensor) -> str:
    shown = ", ".join(str(position) for position in ordering.flatten()[:8].tolist())
    more = ", …" if ordering.numel() > 8 else ""
    return f"[{shown}{more}] of shape {tuple(ordering.shape)}"
