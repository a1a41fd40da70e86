"""Distributions whose images can be listed, so that Pyro can sum a latent one out."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from pyro.distributions import Categorical, constraints
from torch import Tensor

from ppgen.distributions.expand import Expandable
from ppgen.distributions.states import check_enumerable, images_of
from ppgen.images import check_value


class EnumeratedImages(Expandable):
    """Base of distributions over all images whose pixels have the values ``levels``.

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


class BinaryImages(EnumeratedImages):
    """Base of distributions of images with pixels 0 and 1.

    A subclass defines ``_log_prob``, ``sample`` and ``mean``.
    """

    support = constraints.independent(constraints.boolean, 3)

    typed_like: ClassVar[str] = "logits"
    """Attribute whose type and device images have."""

    @property
    def levels(self) -> Tensor:
        """Black and white, 0 and 1."""
        return torch.arange(2).to(getattr(self, self.typed_like))

    @property
    def variance(self) -> Tensor:
        """Variance of each pixel, ``(*batch, channel, height, width)``."""
        return self.mean * (1 - self.mean)


class ClassesOfImages(BinaryImages):
    """Base: binary images are divided into classes, and a categorical variable draws the class.

    ``logits`` are the log-probability of each class up to a constant, ``(*batch, classes)``. A
    subclass defines ``_log_prob``, ``sample`` and ``mean``, and names ``_class``, the categorical
    variable, as ``batched``.
    """

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
