"""Any positive function of binary images, normalised by its sum over all of them."""

from math import prod
from typing import Any, ClassVar, Self

import torch
from pyro.distributions import constraints
from torch import Tensor, nn
from torch.distributions.utils import lazy_property

from ppgen.arguments import checked
from ppgen.distributions.enumerated import ClassesOfImages
from ppgen.distributions.states import all_images, check_enumerable, image_number
from ppgen.images import ImageShape


@checked
class TabulatedDensity(ClassesOfImages):
    """p(x) = f(x) / Σ f(x'), with positive f; the sum is over all binary images x' of one size.

    Each distribution computes the sum, so ``log_prob`` is differentiable in f with its normaliser.

    Raises a ValueError if there are too many images, or ``logits`` does not have one value for
    each.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``, with at most 16 pixels.
    logits
        log f of all images, ``(*batch, 2**pixels)``, in the order of
        :func:`ppgen.distributions.all_images`.

    Examples
    --------
    >>> p = TabulatedDensity((1, 1, 2), torch.tensor([1.0, 2.0, 3.0, 4.0]).log())
    >>> p.log_prob(torch.ones(1, 1, 2)).exp()  # 4 / (1 + 2 + 3 + 4)
    tensor(0.4000)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"logits": constraints.real_vector}
    batched = ("_class",)

    def __init__(
        self, image_shape: ImageShape, logits: Tensor, validate_args: bool | None = None
    ) -> None:
        pixels = prod(image_shape)
        check_enumerable(image_shape)
        if logits.shape[-1:] != (2**pixels,):
            raise ValueError(
                f"logits has the shape {tuple(logits.shape)}; expected (…, {2**pixels}), one for "
                f"each binary image of the shape {tuple(image_shape)}"
            )
        super().__init__(image_shape, logits, validate_args)

    @classmethod
    @checked
    def of_network(
        cls, network: nn.Module, image_shape: ImageShape, validate_args: bool | None = None
    ) -> Self:
        """Make a distribution of a network's outputs for all images.

        The network maps images ``(batch, channel, height, width)`` to log f, ``(batch,)`` or
        ``(batch, 1)``. The distribution does not own its parameters: make the network part of the
        module that is trained.

        Examples
        --------
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(9, 1), nn.LogSigmoid())
        >>> TabulatedDensity.of_network(network, (1, 3, 3)).sample((5,)).shape
        torch.Size([5, 1, 3, 3])
        """
        like = next(network.parameters(), torch.empty(0))
        images = all_images(image_shape, like.dtype, like.device)
        return cls(image_shape, network(images).flatten(), validate_args)

    @lazy_property
    def images(self) -> Tensor:
        """All images, ``(2**pixels, channel, height, width)``."""
        return all_images(self.event_shape, self.logits.dtype, self.logits.device)

    @property
    def mean(self) -> Tensor:
        """Probability of a one at each pixel, ``(*batch, channel, height, width)``."""
        return (self.logits.exp() @ self.images.flatten(1)).unflatten(-1, self.event_shape)

    def _log_prob(self, value: Tensor) -> Tensor:
        return self._class.log_prob(image_number(value))

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw images, ``(*sample_shape, *batch, channel, height, width)``."""
        with torch.no_grad():
            return self.images[self._class.sample(sample_shape)]
