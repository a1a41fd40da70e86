"""Distributions whose images can be listed, so that Pyro can sum a latent one out."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10, prod

from torch import Tensor

from ppgen.distributions.expand import Expandable
from ppgen.distributions.states import states
from ppgen.images import check_value

LARGEST_ENUMERATION = 2**16
"""Largest number of images that is listed."""


class EnumeratedImages(Expandable):
    """Base of distributions over all images whose pixels have the values :attr:`levels`.

    Pyro sums a latent site out by ``config_enumerate`` if there are at most 2^16 images. A subclass
    defines ``_log_prob``, of values that are valid.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-mass or log-density of images ``(*sample, *batch, *image_shape)``, nats."""
        check_value(value, self.event_shape)
        if self._validate_args:
            self._validate_sample(value)
        return self._log_prob(value)

    def _log_prob(self, value: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def levels(self) -> Tensor:
        """Values of a pixel, ``(levels,)``, in the type of draws.

        Raises NotImplementedError with the reason if the images cannot be summed over.
        """
        raise NotImplementedError

    @property
    def has_enumerate_support(self) -> bool:
        """Whether the images are countable and few enough to list."""
        try:
            check_enumerable(self.event_shape, len(self.levels))
        except (NotImplementedError, ValueError):
            return False
        return True

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all images, ``(images, *batch, *image_shape)``.

        Raises NotImplementedError if they are uncountable or too many.
        """
        try:
            images = images_of(self.levels, self.event_shape)
        except ValueError as error:
            raise NotImplementedError(str(error)) from error
        images = images.view(-1, *[1] * len(self.batch_shape), *self.event_shape)
        return images.expand(-1, *self.batch_shape, *self.event_shape) if expand else images


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
