"""Checks of the images that models are fitted to and evaluated on."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def check_batch(x: Tensor, image_shape: Sequence[int]) -> None:
    """Raise a ValueError if the shape of ``x`` is not ``(batch, *image_shape)``."""
    if x.shape[1:] != tuple(image_shape):
        raise ValueError(
            f"x has the shape {tuple(x.shape)}; expected (batch, channel, height, width) "
            f"with (channel, height, width) = {tuple(image_shape)}"
        )


def check_grey(name: str, images: Tensor) -> None:
    """Raise a ValueError if images are not floating-point grey values."""
    if not images.is_floating_point():
        raise ValueError(
            f"{name} has the type {images.dtype}; expected grey values as floats, such as "
            "images / 255"
        )
