"""The base classes of likelihoods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from inspect import signature
from math import log, prod

import torch
from pyro.distributions import TorchDistribution, is_validation_enabled
from torch import Tensor

from ppgen.arguments import check_size
from ppgen.distributions.pixels import inside_unit_interval


class Likelihood(ABC):
    """p(x | raw): pixels that are independent given the raw outputs of a network.

    Raw outputs have the shape ``(*batch, outputs, channel, height, width)``. Images and
    distributions have the event shape ``(channel, height, width)``.

    A subclass defines ``outputs``, the number of raw outputs of a pixel, and ``distribution``. It
    inherits ``encode`` and ``log_volume`` from :class:`Density` or :class:`Mass`, or defines them.
    A likelihood with parameters is also a ``torch.nn.Module``, and part of every model that holds
    it.
    """

    outputs: int
    """Number of raw outputs that a network returns for each pixel."""

    symbols: int | None = None
    """Number of values 0, 1, 2, … that a pixel can have; None if it has others."""

    @abstractmethod
    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return the distribution of images, with batch shape ``batch``."""

    def of_images(self, raw: Tensor, shape: Sequence[int]) -> TorchDistribution:
        """Return the distribution of images of a given shape, given a network's raw outputs.

        Raw outputs of another shape raise ValueError; they would often broadcast.

        Examples
        --------
        >>> from ppgen.likelihoods import Categorical
        >>> p = Categorical(17).of_images(torch.zeros(40, 17, 1, 8, 8), (40, 1, 8, 8))
        >>> p.batch_shape, p.event_shape
        (torch.Size([40]), torch.Size([1, 8, 8]))
        """
        self.check_outputs(raw, (*shape[:-3], self.outputs, *shape[-3:]))
        return self.distribution(raw)

    def check_outputs(self, raw: Tensor, expected: tuple[int, ...]) -> None:
        """Raise ValueError unless a network's raw outputs have the expected shape."""
        if raw.shape != expected:
            raise ValueError(
                f"raw has the shape {tuple(raw.shape)}; expected {expected}, the outputs of "
                f"{self} for each pixel"
            )

    @abstractmethod
    def encode(self, images: Tensor, levels: int) -> Tensor:
        """Convert integer grey levels 0 … ``levels`` − 1 to values in the support.

        Raises ValueError for other values, and if the likelihood needs more ``levels``.
        """

    def log_volume(self, images: Tensor, levels: int) -> Tensor:
        """Nats of each pixel to add to log_prob for a bound on that of the grey levels.

        Raises ValueError if log_prob implies no bound for images with ``levels`` grey levels.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no log_volume(images, levels); define it, or inherit from "
            "ppgen.likelihoods.Density or Mass"
        )

    def bits_per_pixel(self, log_prob: Tensor, images: Tensor, levels: int) -> Tensor:
        """Convert log-probabilities of encoded images to bits per pixel, in the shape of these.

        All likelihoods share this unit. The result is an upper bound of −log2 P(images) / pixels,
        where P is the model's mass of images with ``levels`` grey levels. It is a bound in
        expectation if ``encode`` or the log_prob is random. A colour image has three pixels at
        each place. Raises a ValueError if log_prob implies no bound for images with ``levels`` grey
        levels, or has another shape.

        Parameters
        ----------
        log_prob
            log p(encoded images) or a lower bound of it, ``(*sample, *batch)``, nats.
        images
            Grey levels before encoding, ``(*batch, channel, height, width)``.
        levels
            Number of grey levels.

        Examples
        --------
        >>> from ppgen.likelihoods import ContinuousBernoulli
        >>> images = torch.randint(256, (5, 1, 8, 8))
        >>> log_prob = torch.zeros(5)  # under the uniform density
        >>> ContinuousBernoulli().bits_per_pixel(log_prob, images, levels=256)
        tensor([8., 8., 8., 8., 8.])
        """
        batch, event = images.shape[:-3], images.shape[-3:]
        if log_prob.shape[log_prob.dim() - len(batch) :] != batch:
            raise ValueError(
                f"log_prob has the shape {tuple(log_prob.shape)}; expected (…, *batch), one value "
                f"for each of the images of shape {tuple(images.shape)}"
            )
        nats = log_prob + self.log_volume(images, levels).sum((-3, -2, -1)).to(log_prob)
        return -nats / (prod(event) * log(2))

    def grey(self, x: Tensor) -> Tensor:
        """Convert values in the support to grey values from 0 to 1, for display."""
        return x

    def mean(self, distribution: TorchDistribution) -> Tensor:
        """Return the mean of one of its distributions as an image, grey values from 0 to 1."""
        return self.grey(distribution.mean)

    def network_input(self, x: Tensor) -> Tensor:
        """Convert values in the support to floating-point numbers of order one, for a network."""
        return x

    def draw(self, raw: Tensor) -> Tensor:
        """Draw one pixel from each row of raw outputs ``(batch, outputs)``; ``(batch,)``."""
        return self.distribution(raw[..., None, None, None]).sample()[..., 0, 0, 0]

    def __repr__(self) -> str:
        kept = [name for name in signature(type(self)).parameters if name in vars(self)]
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in kept)
        return f"{type(self).__name__}({arguments})"


class Density(Likelihood):
    """Base of densities of grey values, on a scale on which black begins at 0 and white ends at 1.

    log_prob is a log-density with respect to length on that scale. Each of L grey levels has an
    interval of length 1/L, from which ``encode`` draws. The mass of a level is the density's
    integral over its interval, and its logarithm is at least E[log p(x)] − log L by Jensen's
    inequality (Theis, van den Oord and Bethge 2016, A note on the evaluation of generative models).
    """

    def encode(self, images: Tensor, levels: int) -> Tensor:
        """Draw each pixel uniformly from its level's interval, at each call again.

        Values are never 0 or 1, where many densities are zero or infinite.

        Examples
        --------
        >>> from ppgen.likelihoods import Beta
        >>> Beta().encode(torch.tensor([0, 1, 2, 3]), levels=4).mul(4).floor()
        tensor([0., 1., 2., 3.])
        """
        check_grey_levels(images, levels)
        grey = images.to(torch.get_default_dtype())
        return inside_unit_interval((grey + torch.rand_like(grey)) / levels)

    def log_volume(self, images: Tensor, levels: int) -> Tensor:
        """−log ``levels``, the log-length of each level's interval."""
        check_grey_levels(images, levels)
        return torch.full(images.shape, -log(levels), device=images.device)


class Mass(Likelihood):
    """Base of mass functions over the integers 0 … ``levels`` − 1, which are bins of grey levels.

    Bins share the grey levels as evenly as integers can, and the grey levels of a bin share its
    mass. With as many grey levels as bins, log_prob is the exact log-probability of an image.
    """

    def __init__(self, levels: int) -> None:
        check_size("levels", levels, least=2)
        self.levels = self.symbols = levels

    def encode(self, images: Tensor, levels: int) -> Tensor:
        """Return the number of each pixel's bin, in torch's default floating-point type."""
        return self._bins(images, levels).to(torch.get_default_dtype())

    def log_volume(self, images: Tensor, levels: int) -> Tensor:
        """−log of the number of grey levels in the pixel's bin."""
        bins = self._bins(images, levels)
        sizes = self._bins(torch.arange(levels, device=images.device), levels).bincount()
        return -sizes.log()[bins]

    def _bins(self, images: Tensor, levels: int) -> Tensor:
        check_grey_levels(images, levels)
        if self.levels > levels:
            raise ValueError(
                f"levels is {levels}; expected images with {self.levels} or more grey levels, one "
                f"for each of the likelihood's {self.levels}"
            )
        return images.long() * self.levels // levels

    def grey(self, x: Tensor) -> Tensor:
        """Midpoint (x + 1/2) / ``levels`` of each bin, the mean that :class:`Density` encodes."""
        return (x + 0.5) / self.levels

    def network_input(self, x: Tensor) -> Tensor:
        """Divide by ``levels`` − 1, so that the lowest bin is 0 and the highest 1."""
        return x / (self.levels - 1)


def check_grey_levels(images: Tensor, levels: int) -> None:
    """Raise ValueError unless images hold whole numbers from 0 to ``levels`` − 1.

    With Pyro's validation off, values are not checked: a GPU would have to be waited for.
    """
    if levels < 2:
        raise ValueError(f"levels is {levels}; expected 2 or more grey levels")
    if images.numel() == 0 or not is_validation_enabled():
        return
    lowest, highest = (bound.item() for bound in images.aminmax())
    if not 0 <= lowest <= highest < levels:
        raise ValueError(
            f"images hold values from {lowest} to {highest}; expected grey levels 0 … {levels - 1}"
        )
    if images.is_floating_point() and (images != images.round()).any():
        raise ValueError(
            f"images hold fractions; expected whole grey levels 0 … {levels - 1}: convert grey "
            f"values from 0 to 1 by (images * {levels - 1}).round()"
        )


def at_least_float32(raw: Tensor) -> Tensor:
    """Convert half-precision raw outputs to float32: bfloat16 log-probabilities lose too much."""
    return raw.float() if torch.finfo(raw.dtype).bits < 32 else raw


def check_positive(name: str, value: float) -> float:
    """Return the number; raises ValueError unless it is positive and finite."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value}; expected a positive number")
    return value
