"""Images that are listed where they are few, so that a latent one can be summed out."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10, prod

from pyro.distributions import TorchDistribution
from torch import Tensor

from ppgen.distributions.states import LARGEST_ENUMERATION, states


class EnumeratedImages(TorchDistribution):
    """Base: a distribution over all images whose pixels have the values :attr:`levels`.

    A subclass says which these are; Pyro then sums a latent site out by ``config_enumerate``, where
    the images are at most 2^16.
    """

    @property
    def levels(self) -> Tensor:
        """Values of a pixel, ``(levels,)``, in the type of draws.

        Raises
        ------
        NotImplementedError
            Where the images cannot be summed over, however few; it says why.
        """
        raise NotImplementedError

    @property
    def has_enumerate_support(self) -> bool:
        """Whether the images are countable and few, so that a latent one can be summed out."""
        try:
            check_enumerable(self.event_shape, len(self.levels))
        except (NotImplementedError, ValueError):
            return False
        return True

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Give all images, ``(images, *batch, channel, height, width)``.

        Raises
        ------
        NotImplementedError
            Where they are uncountable or too many; it says how many.
        """
        try:
            images = images_of(self.levels, self.event_shape)
        except ValueError as error:
            raise NotImplementedError(str(error)) from error
        images = images.view(-1, *[1] * len(self.batch_shape), *self.event_shape)
        return images.expand(-1, *self.batch_shape, *self.event_shape) if expand else images


def images_of(levels: Tensor, image_shape: Sequence[int]) -> Tensor:
    """List all images whose pixels have these values, ``(images, *image_shape)``.

    Image number i has the digits of i as the places of its pixels' values, the first pixel the
    lowest digit.

    Raises
    ------
    ValueError
        Where they are more than 2^16; it says how many.

    Examples
    --------
    >>> import torch
    >>> images_of(torch.tensor([0.0, 0.5, 1.0]), (1, 1, 2)).flatten(1)[:4]
    tensor([[0.0000, 0.0000],
            [0.5000, 0.0000],
            [1.0000, 0.0000],
            [0.0000, 0.5000]])
    """
    check_enumerable(image_shape, len(levels))
    pixels = prod(image_shape)
    places = states(range(len(levels) ** pixels), pixels, len(levels), levels.device)
    return levels[places].unflatten(-1, tuple(image_shape))


def check_enumerable(image_shape: Sequence[int], levels: int = 2) -> None:
    """Refuse a size of which there are too many images to list, and say how many.

    Raises
    ------
    ValueError
        Where there are more than 2^16.
    """
    pixels = prod(image_shape)
    if levels**pixels > LARGEST_ENUMERATION:
        raise ValueError(
            f"image_shape is {tuple(image_shape)}: there are {levels}^{pixels} ≈ "
            f"10^{pixels * log10(levels):.0f} images of {pixels} pixels in {levels} levels, too "
            f"many to enumerate; expected at most {LARGEST_ENUMERATION:,} images, such as binary "
            "ones of 4×4 pixels"
        )
