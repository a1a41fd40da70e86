"""Likelihoods of grey pixels as densities, on a scale on which black is 0 and white is 1."""

from math import exp, log, pi, sqrt

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.arguments import Levels, Positive, checked
from ppgen.distributions.pixels import (
    OpenBeta,
    OpenSigmoid,
    TruncatedExponential,
    inside_unit_interval,
)
from ppgen.likelihoods.likelihood import Likelihood, at_least_float32, check_grey_levels


class Density(Likelihood):
    """Base of densities of grey values, on a scale on which black begins at 0 and white ends at 1.

    log_prob is a log-density with respect to length on that scale. Each of L grey levels has an
    interval of length 1/L, from which ``encode`` draws. The mass of a level is the density's
    integral over its interval, and its logarithm is at least E[log p(x)] − log L by Jensen's
    inequality (Theis, van den Oord and Bethge 2016, A note on the evaluation of generative models).

    Examples
    --------
    >>> from ppgen.likelihoods import Gaussian
    >>> grey = Gaussian().encode(torch.tensor([[[[0, 16]]]]), levels=17)
    >>> (grey * 17).floor()
    tensor([[[[ 0., 16.]]]])
    """

    @checked
    def encode(self, images: Tensor, levels: Levels) -> Tensor:
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
        below_next = torch.nextafter((grey + 1) / levels, grey.new_zeros(()))
        drawn = (grey + torch.rand_like(grey)) / levels
        return inside_unit_interval(drawn.minimum(below_next))

    @checked
    def log_volume(self, images: Tensor, levels: Levels) -> Tensor:
        """−log ``levels``, the log-length of each level's interval."""
        check_grey_levels(images, levels)
        return torch.full(images.shape, -log(levels), device=images.device)


LINEAR_FROM = 1000.0
"""Concentration of a Beta above which it is linear, not exponential, in the raw output."""


@checked
class NormalDensity(Density):
    """Base of densities made from normal variables with a floor of their variance."""

    outputs = 2

    def __init__(self, variance_floor: Positive = 1e-6) -> None:
        self.variance_floor = variance_floor

    def normal(self, mean: Tensor, log_variance: Tensor) -> dist.Normal:
        """Return normal variables, given the log of their variance above the floor.

        The standard deviation stays finite; in float32 it is at most e^87.7.
        """
        floor = log_variance.new_tensor(self.variance_floor).log()
        log_scale = torch.logaddexp(log_variance, floor) / 2
        largest = log(torch.finfo(log_scale.dtype).max) - 1
        return dist.Normal(mean, log_scale.clamp(max=largest).exp())


class Gaussian(NormalDensity):
    """Gaussian pixels on the real line; the network returns their mean and log-variance.

    Part of the mass lies outside [0, 1], on values that no image has.

    Parameters
    ----------
    variance_floor
        Added to every variance. Without it, the density of constant pixels has no upper bound. The
        default is a little below 1 / (12 · 256²), the variance within one of 256 levels, so it
        costs dequantised images nothing.

    Examples
    --------
    >>> likelihood = Gaussian()
    >>> p = likelihood.distribution(torch.zeros(5, 2, 1, 8, 8))  # mean 0, variance 1
    >>> p.log_prob(torch.zeros(1, 8, 8))
    tensor([-58.8121, -58.8121, -58.8121, -58.8121, -58.8121])
    """

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return Gaussians; ``raw`` holds the mean and the log of the variance above the floor."""
        return self.normal(*at_least_float32(raw).unbind(-4)).to_event(3)

    def grey(self, x: Tensor) -> Tensor:
        """Clamp values to [0, 1]."""
        return x.clamp(0, 1)


@checked
class HomoscedasticGaussian(Gaussian, nn.Module):
    """Gaussian pixels whose means come from the network and whose one variance is a parameter.

    Use one instance for each model, which trains and saves the variance.

    Parameters
    ----------
    variance
        Initial variance, above the floor.
    variance_floor
        As for :class:`Gaussian`.

    Examples
    --------
    >>> likelihood = HomoscedasticGaussian(variance=0.25)
    >>> p = likelihood.distribution(torch.zeros(5, 1, 1, 8, 8))
    >>> p.base_dist.variance.unique()
    tensor([0.2500], grad_fn=<Unique2Backward0>)
    """

    outputs = 1

    def __init__(self, variance: Positive = 0.1, variance_floor: Positive = 1e-6) -> None:
        nn.Module.__init__(self)
        Gaussian.__init__(self, variance_floor)
        if not variance > variance_floor:
            raise ValueError(
                f"variance is {variance}; expected more than the variance_floor {variance_floor}"
            )
        self.log_variance = nn.Parameter(torch.tensor(variance - variance_floor).log())

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return Gaussians with the means ``raw``."""
        means = at_least_float32(raw).squeeze(-4)
        return self.normal(means, at_least_float32(self.log_variance)).to_event(3)


@checked
class Beta(Density):
    """Beta pixels on the open unit interval; the network returns two concentrations.

    At 0 and 1 the density is zero or infinite; there log_prob is that of the nearest
    floating-point number inside.

    Parameters
    ----------
    floor
        Added to every concentration. The density is infinite at an end if the concentration is
        below one, and the steeper the lower that is. Below 0.1, more than 1e-4 of the mass would
        lie closer to zero than float32 can resolve.

    Examples
    --------
    >>> likelihood = Beta()
    >>> p = likelihood.distribution(torch.zeros(5, 2, 1, 8, 8))
    >>> likelihood.mean(p).unique()
    tensor([0.5000])
    """

    outputs = 2

    def __init__(self, floor: Positive = 0.1) -> None:
        self.floor = floor

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return Betas with the concentrations exp(``raw``) + floor, white first, then black."""
        white, black = (self.floor + _exp(at_least_float32(raw))).unbind(-4)
        return OpenBeta(white, black).to_event(3)


class ContinuousBernoulli(Density):
    """Pixels on [0, 1] with a density exponential in x, one logit each.

    It is the cross-entropy objective made a density: p(x) ∝ p^x (1 − p)^(1 − x), divided by its
    integral (Loaiza-Ganem and Cunningham 2019, The continuous Bernoulli).

    Examples
    --------
    >>> likelihood = ContinuousBernoulli()
    >>> likelihood.distribution(torch.zeros(2, 1, 1, 8, 8)).log_prob(torch.rand(1, 8, 8))
    tensor([0., 0.])
    """

    outputs = 1

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return continuous Bernoullis with the logits ``raw``."""
        return TruncatedExponential(at_least_float32(raw).squeeze(-4)).to_event(3)


class LogitNormal(NormalDensity):
    """Pixels whose logit is Gaussian; the network returns its mean and log-variance.

    The density vanishes at 0 and 1. Their logits are infinite, so log_prob there is that of the
    nearest floating-point number inside.

    Parameters
    ----------
    variance_floor
        As for :class:`Gaussian`, of logits.

    Examples
    --------
    >>> likelihood = LogitNormal()
    >>> p = likelihood.distribution(torch.zeros(5, 2, 1, 8, 8))
    >>> likelihood.mean(p).unique()
    tensor([0.5000])
    """

    def distribution(self, raw: Tensor) -> TorchDistribution:
        """Return logit-normals; ``raw`` is the logit's mean, and log-variance above the floor."""
        logit = self.normal(*at_least_float32(raw).unbind(-4))
        return dist.TransformedDistribution(logit, [OpenSigmoid()]).to_event(3)

    def mean(self, distribution: TorchDistribution) -> Tensor:
        """Return the mean, integrated numerically because it has no closed form."""
        logit = distribution.base_dist.base_dist
        return mean_sigmoid(logit.loc, logit.scale)


def mean_sigmoid(loc: Tensor, scale: Tensor) -> Tensor:
    """E[sigmoid(t)] for t ~ N(``loc``, ``scale``²), with an error below 1e-6.

    It is the probability that a logistic variable is below a Gaussian one. The trapezoid rule runs
    over the narrower of the two; on its scale the other's distribution function is smooth.
    """
    over_gaussian = sum(
        exp(-z * z / 2) / sqrt(2 * pi) * 0.5 * (loc + scale * z).sigmoid()
        for z in (0.5 * step for step in range(-12, 13))
    )
    over_logistic = sum(
        torch.special.ndtr((loc - y) / scale) / (2 + exp(y) + exp(-y)) for y in range(-20, 21)
    )
    # The weights sum to one only up to that error.
    return torch.where(scale < 2, over_gaussian, over_logistic).clamp(0, 1)


def _exp(raw: Tensor) -> Tensor:
    # exp continued by its tangent, so that neither the value nor the gradient overflows.
    bend = log(LINEAR_FROM)
    return raw.clamp(max=bend).exp() * (1 + (raw - bend).clamp(min=0))
