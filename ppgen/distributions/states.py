"""Lists of all joint states of discrete variables, such as all images."""

from collections.abc import Sequence
from math import log10, prod

import torch
from torch import Tensor

from ppgen.arguments import checked
from ppgen.images import ImageShape
from ppgen.running import Device

LARGEST_ENUMERATION = 2**16
"""Largest number of images that is listed."""


def states(
    numbers: range, variables: int, levels: int = 2, device: torch.device | str | None = None
) -> Tensor:
    """List joint states of variables with values 0 … ``levels`` − 1, ``(states, variables)``.

    The values of state number i are the digits of i to the base ``levels``, lowest digit first.
    ``numbers`` selects the states.

    Examples
    --------
    >>> states(range(1, 4), variables=2)
    tensor([[1, 0],
            [0, 1],
            [1, 1]])
    """
    rows = torch.arange(numbers.start, numbers.stop, device=device)
    places = levels ** torch.arange(variables, device=device)
    return rows[:, None] // places % levels


@checked
def all_images(
    image_shape: ImageShape,
    dtype: torch.dtype | None = None,
    device: Device = None,
) -> Tensor:
    """List all binary images of a size, ``(2**pixels, channel, height, width)``.

    The pixels of image number i are the binary digits of i, lowest digit first. Raises ValueError
    if there are more than 2^16.

    Examples
    --------
    >>> all_images((1, 1, 2)).flatten(1)
    tensor([[0., 0.],
            [1., 0.],
            [0., 1.],
            [1., 1.]])
    """
    levels = torch.arange(2, dtype=dtype or torch.get_default_dtype(), device=device)
    return images_of(levels, image_shape)


def image_number(images: Tensor) -> Tensor:
    """Return the places of images in :func:`all_images`, integers ``(*batch)``."""
    digits = images.bool().flatten(-3).long()
    return (digits << torch.arange(digits.shape[-1], device=images.device)).sum(-1)


def images_of(levels: Tensor, image_shape: Sequence[int]) -> Tensor:
    """List all images whose pixels have these values, ``(images, *image_shape)``.

    The pixels of image number i are the digits of i, lowest digit first. Raises ValueError if there
    are more than 2^16.
    """
    check_enumerable(image_shape, len(levels))
    pixels = prod(image_shape)
    places = states(range(len(levels) ** pixels), pixels, len(levels), levels.device)
    return levels[places].unflatten(-1, tuple(image_shape))


def check_enumerable(image_shape: Sequence[int], levels: int = 2) -> None:
    """Raise ValueError if there are more than 2^16 images; the message says how many."""
    pixels = prod(image_shape)
    if levels**pixels > LARGEST_ENUMERATION:
        raise ValueError(
            f"image_shape is {tuple(image_shape)}: there are {levels}^{pixels} ≈ "
            f"10^{pixels * log10(levels):.0f} images of {pixels} pixels in {levels} levels, too "
            f"many to enumerate; expected at most {LARGEST_ENUMERATION:,} images, such as binary "
            "ones of 4×4 pixels"
        )
