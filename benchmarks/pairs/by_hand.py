"""Loops in plain torch for some of the programs: their parameters, and a draw of the loss.

They have the formulas of the guides written out, and terms in closed form if one would write them
so; a loss is an unbiased estimate of the same bound as the program's.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

Loop = tuple[list[Tensor], Callable[[], Tensor]]

INVERSE_SOFTPLUS = math.log(math.expm1(0.1))
"""First value of a scale of 0.1 before ``softplus``."""


def normal_kl(mean, scale, spread=1.0):
    """Sum KL(N(mean, scale²) ‖ N(0, spread²))."""
    ratio = scale / spread
    return 0.5 * (ratio**2 + (mean / spread) ** 2 - 1 - 2 * ratio.log()).sum()


def mean_field(*sizes: int, like: Tensor) -> list[Tensor]:
    """Make the means and scales of independent normals, as an AutoNormal starts."""
    scales = [like.new_full((size,), INVERSE_SOFTPLUS) for size in sizes]
    return [*(like.new_zeros(size) for size in sizes), *scales]


def draws(parameters):
    """Draw from the normals; return draws, means and scales."""
    half = len(parameters) // 2
    means, scales = parameters[:half], [F.softplus(p) for p in parameters[half:]]
    return [m + s * torch.randn_like(m) for m, s in zip(means, scales, strict=True)], means, scales


def log_half_cauchy(log_value, width):
    """Return the density of a half-Cauchy variable's logarithm, in nats."""
    return math.log(2 / (math.pi * width)) - (1 + (log_value.exp() / width) ** 2).log() + log_value


def entropy(scale):
    """Sum the entropies of normals."""
    return (scale.log() + 0.5 * math.log(2 * math.pi * math.e)).sum()


def vae(start, x) -> Loop:
    def loss():
        h = F.linear(x, start["encoder.0.weight"], start["encoder.0.bias"]).relu()
        out = F.linear(h, start["encoder.2.weight"], start["encoder.2.bias"])
        mean, log_scale = out.chunk(2, -1)
        z = mean + log_scale.exp() * torch.randn_like(mean)
        h = F.linear(z, start["decoder.0.weight"], start["decoder.0.bias"]).relu()
        logits = F.linear(h, start["decoder.2.weight"], start["decoder.2.bias"])
        nats = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * ((2 * log_scale).exp() + mean**2 - 1 - 2 * log_scale).sum()
        return nats + kl

    return list(start.values()), loss


def logistic_regression(start, x, y) -> Loop:
    parameters = mean_field(1, 1, x.shape[-1], like=x)  # logarithm of the scale, bias, weights

    def loss():
        (log_scale, bias, weights), means, scales = draws(parameters)
        nats = F.binary_cross_entropy_with_logits(x @ weights + bias, y, reduction="sum")
        prior = normal_kl(means[1], scales[1]) + normal_kl(means[2], scales[2], log_scale.exp())
        scale = log_half_cauchy(log_scale, 1.0).sum() + entropy(scales[0])
        return nats + prior - scale

    return parameters, loss


def eight_schools(start, y, error) -> Loop:
    parameters = mean_field(1, 1, len(y), like=y)  # mean, logarithm of the spread, effects

    def loss():
        (mean, log_spread, effect), means, scales = draws(parameters)
        spread = log_spread.exp()
        effects = 0.5 * ((effect - mean) / spread) ** 2 + log_spread
        nats = 0.5 * ((y - effect) / error) ** 2 + error.log()
        constants = len(y) * math.log(2 * math.pi)
        prior = log_half_cauchy(log_spread, 5.0).sum()
        rest = normal_kl(means[0], scales[0], 5.0) - prior - entropy(scales[1]) - entropy(scales[2])
        return (effects + nats).sum() + constants + rest

    return parameters, loss


def factor_analysis(start, x) -> Loop:
    loadings = start["loadings"]
    mean = x.new_zeros(len(x), len(loadings))
    log_scale, log_noise = torch.zeros_like(mean), x.new_zeros(x.shape[-1])
    constant = 0.5 * x.numel() * math.log(2 * math.pi)

    def loss():
        scale = log_scale.exp()
        z = mean + scale * torch.randn_like(mean)
        error = 0.5 * ((x - z @ loadings) / log_noise.exp()) ** 2
        return error.sum() + len(x) * log_noise.sum() + constant + normal_kl(mean, scale)

    return [loadings, mean, log_scale, log_noise], loss


LOOPS: Mapping[str, Callable[..., Loop]] = {
    "VAE 784-400-20": vae,
    "logistic regression, half-Cauchy scale": logistic_regression,
    "eight schools": eight_schools,
    "factor analysis, pyro.param": factor_analysis,
}
