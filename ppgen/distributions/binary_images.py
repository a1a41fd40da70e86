"""The base class of distributions over all binary images of one size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pyro.distributions import Categorical, constraints
from torch import Tensor

from ppgen.distributions.enumerated import EnumeratedImages, images_of
from ppgen.images import check_image_shape


class BinaryImages(EnumeratedImages):
    """Base: binary images are divided into classes, and a categorical variable draws the class.

    ``logits`` are the log-probability of each class up to a constant, ``(*batch, classes)``. A
    subclass defines ``_class_of``, ``_log_prob_in_class`` if a class has several images, ``sample``
    and ``mean``, and names ``_class`` as ``batched``.
    """

    support = constraints.independent(constraints.boolean, 3)

    def __init__(
        self, image_shape: Sequence[int], logits: Tensor, validate_args: bool | None = None
    ) -> None:
        self._class = Categorical(logits=logits, validate_args=False)
        batch_shape, event_shape = self._class.batch_shape, torch.Size(image_shape)
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    @property
    def logits(self) -> Tensor:
        """Log-probability of each class, ``(*batch, classes)``, nats."""
        return self._class.logits

    @property
    def variance(self) -> Tensor:
        """Variance of each pixel, ``(*batch, channel, height, width)``."""
        return self.mean * (1 - self.mean)

    @property
    def levels(self) -> Tensor:
        """Black and white, 0 and 1."""
        return torch.arange(2).to(self.logits)

    def _log_prob(self, value: Tensor) -> Tensor:
        number = self._class_of(value)
        return self._class.log_prob(number) + self._log_prob_in_class(number)

    def _class_of(self, value: Tensor) -> Tensor:
        raise NotImplementedError

    def _log_prob_in_class(self, number: Tensor) -> Tensor | float:
        return 0.0  # a class of one image


def all_images(
    image_shape: Sequence[int],
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
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
    check_image_shape(image_shape)
    levels = torch.arange(2, dtype=dtype or torch.get_default_dtype(), device=device)
    return images_of(levels, image_shape)


def image_number(images: Tensor) -> Tensor:
    """Return the places of images in :func:`all_images`, integers ``(*batch)``."""
    digits = images.bool().flatten(-3).long()
    return (digits << torch.arange(digits.shape[-1], device=images.device)).sum(-1)
