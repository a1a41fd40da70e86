"""Checks of images and of masks of their pixels that a user passes."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import torch
from torch import Tensor

from ppgen.arguments import Size, Such
from ppgen.tensors import check_shape

ImageShape: TypeAlias = Annotated[
    Sequence[Size],
    Such(lambda shape: len(shape) == 3, "(channel, height, width), each a whole number, 1 or more"),
]


def check_value(value: Tensor, event_shape: Sequence[int]) -> None:
    """Raise a ValueError if the shape of a distribution's value does not end in ``event_shape``."""
    if value.shape[-len(event_shape) :] != tuple(event_shape):
        raise ValueError(
            f"value has the shape {tuple(value.shape)}; expected (…, *event_shape) with "
            f"event_shape = {tuple(event_shape)}"
        )


def check_batch(x: Tensor, image_shape: Sequence[int], name: str = "x") -> None:
    """Raise a ValueError if the shape of ``x`` is not ``(batch, *image_shape)``."""
    shape = f"(channel, height, width) = {tuple(image_shape)}"
    check_shape(name, x, (None, *image_shape), f"(batch, channel, height, width) with {shape}")


def check_grey(name: str, images: Tensor) -> None:
    """Raise a ValueError if images are not floating-point grey values."""
    if not images.is_floating_point():
        raise ValueError(
            f"{name} has the type {images.dtype}; expected grey values as floats, such as "
            "images / 255"
        )


def check_binary(x: Tensor, observed: Tensor | None = None) -> None:
    """Raise a ValueError if an observed pixel is not 0 or 1; it names the first image and value."""
    outside = (x != 0) & (x != 1)
    if observed is not None:
        outside &= observed
    if outside.any():
        first = int(outside.flatten(1).any(1).nonzero()[0])
        raise ValueError(
            f"image {first} has the value {x[first][outside[first]][0].item():g}; expected 0 and "
            "1: binarise the images, such as by data.load(…).binarized()"
        )


def check_observed(observed: Tensor, shape: torch.Size) -> Tensor:
    """Return the mask of known pixels in the shape of the images.

    Raises a ValueError if the mask is not boolean or does not broadcast to the images.
    """
    if observed.dtype != torch.bool:
        raise ValueError(f"observed is of type {observed.dtype}; expected booleans, True if known")
    try:
        return observed.expand(shape)
    except RuntimeError as error:
        raise ValueError(
            f"observed has the shape {tuple(observed.shape)}; expected one that broadcasts to "
            f"the images' {tuple(shape)}"
        ) from error
