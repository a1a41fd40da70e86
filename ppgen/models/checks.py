"""Checks of the images that models are fitted to and evaluated on."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ppgen.arguments import check_shape


def check_batch(x: Tensor, image_shape: Sequence[int]) -> None:
    """Raise a ValueError if the shape of ``x`` is not ``(batch, *image_shape)``."""
    expected = "(batch, channel, height, width) with (channel, height, width) = "
    check_shape("x", x, (None, *image_shape), f"{expected}{tuple(image_shape)}")


def check_grey(name: str, images: Tensor) -> None:
    """Raise a ValueError if images are not floating-point grey values."""
    if not images.is_floating_point():
        raise ValueError(
            f"{name} has the type {images.dtype}; expected grey values as floats, such as "
            "images / 255"
        )
