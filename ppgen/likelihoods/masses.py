"""Likelihoods of integer pixels with several levels: mass functions."""

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ppgen.arguments import Levels, Size, checked
from ppgen.distributions.pixels import DiscretizedLogistic, FloatingCategorical
from ppgen.likelihoods.likelihood import Likelihood, at_least_float32, check_grey_levels


@checked
class Mass(Likelihood):
    """Base of mass functions over the integers 0 … ``levels`` − 1, which are bins of grey levels.

    Bins share the grey levels as evenly as integers can, and the grey levels of a bin share its
    mass. With as many grey levels as bins, log_prob is the exact log-probability of an image.

    Examples
    --------
    >>> from ppgen.likelihoods import Categorical
    >>> Categorical(4).encode(torch.tensor([0, 63, 64, 255]), levels=256)
    tensor([0., 0., 1., 3.])
    """

    def __init__(self, levels: Levels) -> None:
        self.levels = self.symbols = levels

    @checked
    def encode(self, images: Tensor, levels: Levels) -> Tensor:
        """Return the number of each pixel's bin, in torch's default floating-point type."""
        return self._bins(images, levels).to(torch.get_default_dtype())

    @checked
    def log_volume(self, images: Tensor, levels: Levels) -> Tensor:
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


NARROWEST = 0.02
"""Smallest scale in levels. One level then has all but 1e-10 of the mass; gradients are finite."""


@checked
class Categorical(Mass):
    """Integer pixels 0 … ``levels`` − 1 without order, one logit for each value.

    log_prob is a log-mass over images with ``levels`` levels. ``encode`` bins images with more.

    Examples
    --------
    >>> likelihood = Categorical(levels=4)
    >>> likelihood.encode(torch.tensor([[[0, 63, 64, 255]]]), levels=256)
    tensor([[[0., 0., 1., 3.]]])
    >>> p = likelihood.distribution(torch.zeros(5, 4, 1, 8, 8))
    >>> likelihood.mean(p).unique()
    tensor([0.5000])
    """

    def __init__(self, levels: Levels) -> None:
        super().__init__(levels)
        self.outputs = levels

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return categorical pixels with the logits ``raw``."""
        return FloatingCategorical(logits=at_least_float32(raw).movedim(-4, -1)).to_event(3)

    def mean(self, distribution: TorchDistribution) -> Tensor:
        """Return the mean of the bins' midpoints, grey values."""
        probs = distribution.base_dist.probs
        return probs @ self.grey(torch.arange(self.levels).to(probs))


@checked
class DiscretizedLogisticMixture(Mass):
    """Integer pixels 0 … ``levels`` − 1: a mixture of rounded logistic variables.

    log_prob is a log-mass over images with ``levels`` levels (Salimans et al. 2017, PixelCNN++,
    equation 2). Each channel has its own mixture. The paper couples the channels linearly; here
    that is left to autoregressive networks, which draw them one after the other.

    Parameters
    ----------
    components
        Number of logistic variables. Each takes three raw outputs: the logit of its weight, and
        its mean and log-scale on a scale on which black is −1 and white is 1.
    levels
        Number of values. ``encode`` bins images with more grey levels.

    Examples
    --------
    >>> likelihood = DiscretizedLogisticMixture(components=5)
    >>> p = likelihood.distribution(torch.zeros(2, 15, 1, 8, 8))
    >>> p.log_prob(likelihood.encode(torch.full((2, 1, 8, 8), 128), levels=256))
    tensor([-399.2631, -399.2631])
    """

    def __init__(self, components: Size, levels: Levels = 256) -> None:
        super().__init__(levels)
        self.components = components
        self.outputs = 3 * components

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return mixtures; ``raw`` holds all weights first, then all means, then all scales."""
        raw = at_least_float32(raw).unflatten(-4, (3, self.components)).movedim(-4, -1)
        logits, mean, log_scale = raw.unbind(-5)
        unit = self.levels / 2
        loc, scale = unit * (1 + mean) - 0.5, unit * log_scale.exp() + NARROWEST
        return dist.MixtureSameFamily(
            dist.Categorical(logits=logits), DiscretizedLogistic(loc, scale, self.levels)
        ).to_event(3)
