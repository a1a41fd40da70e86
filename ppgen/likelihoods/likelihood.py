"""What every likelihood of pixels can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from inspect import signature
from math import log, prod
from numbers import Integral

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ppgen.arguments import check_kind
from ppgen.likelihoods.grey_levels import binned, check_grey_levels, dequantised


class Likelihood(ABC):
    """p(x | raw), independent over the pixels of an image given the network's raw outputs.

    Raw outputs have the shape ``(*batch, outputs, channel, height, width)``, images and
    distributions the event shape ``(channel, height, width)``.

    A subclass says how many raw ``outputs`` a pixel needs and which ``distribution`` they
    parametrise. How grey levels become values of its support, and what its log_prob says about
    them, it inherits from :class:`Density` or :class:`Mass`, or defines by ``encode`` and
    ``log_volume``. One that has parameters of its own is a ``torch.nn.Module`` as well, and part of
    every model that it is given to.
    """

    outputs: int
    """Raw outputs that the network gives for each pixel."""

    @abstractmethod
    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Distribution of the image, batch shape ``batch``."""

    def of_images(self, raw: Tensor, shape: Sequence[int]) -> TorchDistribution:
        """Distribution of images given what a network gave for them, which is checked.

        Outputs of another shape would often broadcast, to numbers that mean nothing.

        Parameters
        ----------
        raw
            ``(*batch, outputs, channel, height, width)``.
        shape
            Of the images, ``(*batch, channel, height, width)``.

        Raises
        ------
        ValueError
            Where there are not ``outputs`` raw outputs for each pixel of each image.

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
        """Refuse a network's raw outputs that have not the expected shape."""
        if raw.shape != expected:
            raise ValueError(
                f"raw has the shape {tuple(raw.shape)}; expected {expected}, the outputs of "
                f"{self} for each pixel"
            )

    @abstractmethod
    def encode(self, images: Tensor, levels: int) -> Tensor:
        """Turn integer grey levels 0 … ``levels`` − 1 into values in the support.

        Raises
        ------
        ValueError
            Where images hold anything else, or cannot be encoded with so few ``levels``.
        """

    def log_volume(self, images: Tensor, levels: int) -> Tensor:
        """Nats to add to the log_prob of encoded images for a bound on that of their grey levels.

        Returns
        -------
        Tensor
            One value a pixel, the shape of ``images``.

        Raises
        ------
        ValueError
            Where log_prob says nothing about images of so many levels.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no log_volume(images, levels)")

    def bits_per_pixel(self, log_prob: Tensor, images: Tensor, levels: int) -> Tensor:
        """Turn log-probabilities of encoded images into a unit that all likelihoods share.

        The result bounds −log2 P(images) / pixels from above, where P is the mass that the model
        gives to images of ``levels`` grey levels; in expectation, where ``encode`` or the log_prob
        is random. A colour image has three pixels at each place.

        Parameters
        ----------
        log_prob
            log p(encoded images) or a lower bound of it, ``(*sample, *batch)``, nats.
        images
            Grey levels before they were encoded, ``(*batch, channel, height, width)``.
        levels
            Number of grey levels.

        Returns
        -------
        Tensor
            Bits per pixel of each image, the shape of ``log_prob``.

        Raises
        ------
        ValueError
            Where log_prob says nothing about images of so many levels, or is no value an image.

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
        """Turn values in the support into grey values from 0 to 1, to be shown."""
        return x

    def mean(self, distribution: TorchDistribution) -> Tensor:
        """Give the mean of one of its distributions as an image, grey values from 0 to 1."""
        return self.grey(distribution.mean)

    def network_input(self, x: Tensor) -> Tensor:
        """Give values in the support as networks read them: floating numbers of order one."""
        return x

    def draw(self, raw: Tensor) -> Tensor:
        """Draw one pixel from each row of raw outputs ``(batch, outputs)``; ``(batch,)``."""
        return self.distribution(raw[..., None, None, None]).sample()[..., 0, 0, 0]

    def __repr__(self) -> str:
        kept = [name for name in signature(type(self)).parameters if name in vars(self)]
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in kept)
        return f"{type(self).__name__}({arguments})"


class Density(Likelihood):
    """A density of grey values on a scale where black begins at 0 and white ends at 1.

    Each of L grey levels has a part of the length 1/L of that scale, from which ``encode`` draws,
    see :func:`ppgen.likelihoods.grey_levels.dequantised`. The mass of a level is the density's
    integral over its part, whose logarithm is at least E[log p(x)] − log L by Jensen's inequality
    (Theis, van den Oord and Bethge 2016, A note on the evaluation of generative models).
    """

    def encode(self, images: Tensor, levels: int) -> Tensor:
        """Draw from each level's part of the unit interval, anew at every call."""
        return dequantised(images, levels)

    def log_volume(self, images: Tensor, levels: int) -> Tensor:
        """−log ``levels``, the length of each level's part."""
        check_grey_levels(images, levels)
        return torch.full(images.shape, -log(levels), device=images.device)


class Mass(Likelihood):
    """A mass function over the integers 0 … ``levels`` − 1, in which grey levels are binned.

    Bins hold as many grey levels as each other, or one more. A bin's mass is taken to be evenly
    shared by its grey levels. Where there are as many grey levels as bins, log_prob is exactly
    the log-probability of the image.

    Parameters
    ----------
    levels
        Number of bins.

    Raises
    ------
    TypeError
        Where ``levels`` is no whole number.
    ValueError
        Where it is below 2.
    """

    def __init__(self, levels: int) -> None:
        check_kind("levels", levels, Integral, "a whole number of bins")
        if levels < 2:
            raise ValueError(f"levels is {levels}; expected 2 or more")
        self.levels = levels

    def encode(self, images: Tensor, levels: int) -> Tensor:
        """Give the number of each pixel's bin, in a floating type as networks read them."""
        return binned(images, levels, self.levels).to(torch.get_default_dtype())

    def log_volume(self, images: Tensor, levels: int) -> Tensor:
        """−log of the number of grey levels in the pixel's bin."""
        bins = binned(images, levels, self.levels)
        every_level = torch.arange(levels, device=images.device)
        sizes = binned(every_level, levels, self.levels).bincount()
        return -sizes.log()[bins]

    def grey(self, x: Tensor) -> Tensor:
        """Midpoint (x + 1/2) / ``levels`` of each bin of the unit interval.

        It is the mean of what :class:`Density` makes of the same pixels.
        """
        return (x + 0.5) / self.levels

    def network_input(self, x: Tensor) -> Tensor:
        """Divide, so that the lowest bin is 0 and the highest 1."""
        return x / (self.levels - 1)


def at_least_float32(raw: Tensor) -> Tensor:
    """Raise half-precision raw outputs to float32: log-probabilities lose too much in bfloat16."""
    return raw.float() if torch.finfo(raw.dtype).bits < 32 else raw


def check_positive(name: str, value: float) -> float:
    """Give a number back, and refuse it where it is not positive."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value}; expected a positive number")
    return value
