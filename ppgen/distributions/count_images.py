"""Binary images whose probability depends only on the number of black pixels."""

from math import inf, prod
from typing import Any, ClassVar, Self

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions.utils import lazy_property

from ppgen.arguments import checked
from ppgen.distributions.enumerated import ClassesOfImages
from ppgen.images import ImageShape
from ppgen.running import Device


@checked
class CountImages(ClassesOfImages):
    """K ~ Categorical(weights), then a uniform draw from the images with K black pixels.

    With D pixels, an image with k black ones has probability ``weights[k] / C(D, k)``, where C is
    the binomial coefficient. Black pixels are 1, white ones 0.

    Raises a ValueError if there are not D + 1 weights, or they are negative or do not sum to one.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``; D is their product.
    weights
        Probability of each count from 0 to D, ``(*batch, D + 1)``.
    logits
        Alternative to ``weights``: their logarithms up to a constant. For large images, whose
        weights may be below the smallest floating-point number.

    Examples
    --------
    >>> p = CountImages((1, 2, 2), torch.tensor([0.1, 0.4, 0.0, 0.0, 0.5]))
    >>> p.log_prob(torch.tensor([[[0.0, 1.0], [0.0, 0.0]]])).exp()  # 0.4 / 4
    tensor(0.1000)
    >>> p.sample((5,)).shape
    torch.Size([5, 1, 2, 2])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "weights": constraints.simplex,
        "logits": constraints.real_vector,
    }
    batched = ("_class",)

    def __init__(
        self,
        image_shape: ImageShape,
        weights: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        pixels, name = prod(image_shape), "logits"
        if weights is not None and logits is None:
            name, logits = "weights", _log(weights)
            self.weights = weights
        elif weights is not None or logits is None:
            raise ValueError(
                f"weights is {weights}, logits is {logits}; expected one of the two, the other None"
            )
        if logits.shape[-1:] != (pixels + 1,):
            raise ValueError(
                f"{name} has the shape {tuple(logits.shape)}; "
                f"expected (…, {pixels + 1}), one for each count of black pixels from 0 to {pixels}"
            )
        super().__init__(image_shape, logits, validate_args)

    @classmethod
    @checked
    def counts_proportional(
        cls,
        image_shape: ImageShape,
        dtype: torch.dtype | None = None,
        device: Device = None,
    ) -> Self:
        """Return the distribution with P(K = k) = 2k / (D(D + 1)), proportional to the count.

        Examples
        --------
        >>> CountImages.counts_proportional((1, 2, 2)).weights
        tensor([0.0000, 0.1000, 0.2000, 0.3000, 0.4000])
        """
        counts = torch.arange(prod(image_shape) + 1.0, dtype=dtype, device=device)
        return cls(image_shape, counts / counts.sum())

    @classmethod
    @checked
    def images_proportional(
        cls,
        image_shape: ImageShape,
        dtype: torch.dtype | None = None,
        device: Device = None,
    ) -> Self:
        """Return the distribution with p(x) = k / (D 2^(D − 1)), proportional to the count of x.

        One pixel, drawn uniformly, is black, and a fair coin decides each of the others.

        Examples
        --------
        >>> CountImages.images_proportional((1, 2, 2)).log_prob(torch.ones(1, 2, 2)).exp()  # 4 / 32
        tensor(0.1250)
        """
        pixels = prod(image_shape)
        counts = torch.arange(pixels + 1.0, dtype=dtype, device=device)
        return cls(image_shape, logits=counts.log() + log_binomials(pixels).to(counts))

    @lazy_property
    def weights(self) -> Tensor:
        """Probability of each count, ``(*batch, D + 1)``."""
        return self.logits.exp()

    @property
    def mean(self) -> Tensor:
        """Probability that a pixel is black, the same for all, ``(*batch, *image_shape)``."""
        weights = self.logits.exp()  # normalised, even if the argument is not
        counts = torch.arange(weights.shape[-1]).to(weights)
        share = weights @ counts / self.event_shape.numel()
        return share[..., None, None, None].expand(self.batch_shape + self.event_shape)

    def _log_prob(self, value: Tensor) -> Tensor:
        count = value.bool().sum((-3, -2, -1))
        log_sizes = log_binomials(self.event_shape.numel()).to(self.logits)
        return self._class.log_prob(count) - log_sizes[count]

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw images, ``(*sample_shape, *batch, channel, height, width)``."""
        with torch.no_grad():
            count = self._class.sample(sample_shape).unsqueeze(-1)
            places = torch.arange(self.event_shape.numel(), device=count.device)
            # Keys of 63 bits: ties are negligible, so every order of the pixels is equally likely.
            keys = torch.randint(2**63 - 1, (*count.shape[:-1], len(places)), device=count.device)
            black = torch.zeros_like(keys, dtype=self.logits.dtype)
            black.scatter_(-1, keys.argsort(-1), (places < count).to(black))
            return black.unflatten(-1, self.event_shape)


def log_binomials(n: int) -> Tensor:
    """Compute log C(n, k) for k = 0 … n, in float64 and nats."""
    log_factorials = torch.arange(1, n + 2, dtype=torch.float64).lgamma()
    return log_factorials[-1] - log_factorials - log_factorials.flip(0)


def _log(weights: Tensor) -> Tensor:
    # The derivative of log at 0 would be NaN even for a weight that nothing depends on.
    positive = weights > 0
    return torch.where(positive, weights, 1).log().masked_fill(~positive, -inf)
