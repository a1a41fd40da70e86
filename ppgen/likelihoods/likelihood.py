"""The base class of likelihoods, and those of binary pixels."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import log, prod
from typing import Annotated

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution, is_validation_enabled
from torch import Tensor

from ppgen.arguments import Levels, Such, checked, shown_arguments
from ppgen.distributions.pixels import CrossEntropyBernoulli


class Likelihood(ABC):
    """p(x | raw): pixels that are independent given the raw outputs of a network.

    Raw outputs have the shape ``(*batch, outputs, channel, height, width)``. Images and
    distributions have the event shape ``(channel, height, width)``.

    A subclass defines ``outputs``, the number of raw outputs of a pixel, and ``distribution``. It
    inherits ``encode`` and ``log_volume`` from :class:`Density` or :class:`Mass`, or defines them.
    A likelihood with parameters is also a ``torch.nn.Module``, and part of every model that holds
    it.

    Examples
    --------
    A likelihood of one's own, for data on the whole line:

    >>> import pyro.distributions as dist
    >>> from ppgen.likelihoods import Density
    >>> class Laplace(Density):
    ...     outputs = 2
    ...
    ...     def distribution(self, raw):
    ...         loc, log_scale = raw.unbind(-4)
    ...         return dist.Laplace(loc, log_scale.exp()).to_event(3)
    >>> Laplace().distribution(torch.zeros(5, 2, 1, 8, 8)).batch_shape
    torch.Size([5])
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
    def encode(self, images: Tensor, levels: Levels) -> Tensor:
        """Convert integer grey levels 0 … ``levels`` − 1 to values in the support.

        Raises ValueError for other values, and if the likelihood needs more ``levels``.
        """

    @checked
    def log_volume(self, images: Tensor, levels: Levels) -> Tensor:
        """Nats of each pixel to add to log_prob for a bound on that of the grey levels.

        Raises ValueError if log_prob implies no bound for images with ``levels`` grey levels.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no log_volume(images, levels); define it, or inherit from "
            "ppgen.likelihoods.Density or Mass"
        )

    @checked
    def bits_per_pixel(self, log_prob: Tensor, images: Tensor, levels: Levels) -> Tensor:
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
        return f"{type(self).__name__}({shown_arguments(self)})"


class Bernoulli(Likelihood):
    """Binary pixels, one logit each; its log_prob is a log-mass over binary images.

    Examples
    --------
    >>> raw = torch.zeros(2, 1, 1, 8, 8)
    >>> Bernoulli().distribution(raw).log_prob(torch.ones(2, 1, 8, 8))  # −64 log 2 nats
    tensor([-44.3614, -44.3614])
    """

    outputs = 1
    symbols: int | None = 2

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return Bernoulli pixels with the logits ``raw``."""
        return dist.Bernoulli(logits=at_least_float32(raw).squeeze(-4)).to_event(3)

    @checked
    def encode(self, images: Tensor, levels: Levels) -> Tensor:
        """Draw each pixel white with its grey value as the probability, at each call again.

        Salakhutdinov and Murray 2008 binarise once; drawing for every batch is called dynamic
        binarisation. Binary images are returned as they are.
        """
        grey = _grey_values(images, levels)
        return grey if levels == 2 else torch.bernoulli(grey)

    @checked
    def log_volume(self, images: Tensor, levels: Levels) -> Tensor:
        """Zeros for binary images; raises ValueError for others, which have no bound."""
        check_grey_levels(images, levels)
        if levels > 2:
            raise ValueError(
                f"levels is {levels}; expected 2, for {self} has probabilities of binary images "
                "only: its log_prob of grey images cannot be compared in bits per pixel"
            )
        return torch.zeros(images.shape, device=images.device)

    def draw(self, raw: Tensor) -> Tensor:
        """Draw one pixel from each logit, without the cost of a distribution."""
        return torch.bernoulli(at_least_float32(raw).squeeze(-1).sigmoid())


class SoftBernoulli(Bernoulli):
    """The cross-entropy objective: grey values are targets for the probabilities of white.

    log_prob of a grey image x is Σ x log p + (1 − x) log(1 − p), a negative cross-entropy: the
    mean log_prob of binary images drawn with x as their probabilities. It is a log-mass over
    binary images. Over grey images it does not integrate to one, so ``bits_per_pixel`` raises
    ValueError for them. Samples are binary.

    Examples
    --------
    >>> raw = torch.zeros(2, 1, 1, 8, 8)
    >>> SoftBernoulli().distribution(raw).log_prob(torch.full((2, 1, 8, 8), 0.3))
    tensor([-44.3614, -44.3614])
    """

    symbols = None

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return Bernoulli pixels whose log_prob also accepts grey values."""
        return CrossEntropyBernoulli(logits=at_least_float32(raw).squeeze(-4)).to_event(3)

    @checked
    def encode(self, images: Tensor, levels: Levels) -> Tensor:
        """Return the grey values g / (``levels`` − 1), from 0 to 1."""
        return _grey_values(images, levels)


def _grey_values(images: Tensor, levels: Levels) -> Tensor:
    check_grey_levels(images, levels)
    return images.to(torch.get_default_dtype()) / (levels - 1)


AnyLikelihood = Annotated[
    Likelihood | None,
    Such(
        lambda _: True,
        "an object of ppgen.likelihoods, such as Bernoulli(), SoftBernoulli(), Beta(), Gaussian(), "
        "ContinuousBernoulli() or Categorical(levels)",
    ),
]


@checked
def as_likelihood(likelihood: AnyLikelihood) -> Likelihood:
    """Return the likelihood, or :class:`Bernoulli` for None; raises TypeError for anything else.

    Examples
    --------
    >>> as_likelihood(None)
    Bernoulli()
    """
    return Bernoulli() if likelihood is None else likelihood


def check_grey_levels(images: Tensor, levels: int) -> None:
    """Raise ValueError unless images hold whole numbers from 0 to ``levels`` − 1.

    With Pyro's validation off, values are not checked: a GPU would have to be waited for.
    """
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
    """Convert half-precision raw outputs to float32: bfloat16 log-probabilities lose too much.

    Examples
    --------
    >>> at_least_float32(torch.zeros(2, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return raw.float() if torch.finfo(raw.dtype).bits < 32 else raw
