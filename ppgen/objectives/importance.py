"""Importance weights of a program's latents, and the bound on log p(x) that is made of many."""

import math
from typing import Any

import torch
from pyro.poutine import Trace
from torch import Tensor

from ppgen.objectives.elbo import Fn, TensorELBO, latent_sites, log_density, sample_sites
from ppgen.objectives.particles import Draws
from ppgen.objectives.plates import RowPlates


class ImportanceWeightedELBO(TensorELBO):
    r"""E log 1/k Σ p(x, z_i) / q(z_i | x) over k draws of the guide, in nats.

    A bound that rises with k (Burda, Grosse and Salakhutdinov 2016, Importance weighted
    autoencoders, equation 8). Gradients flow through reparametrised sites. For others it is the
    score function, and each draw's baseline is the bound with its weight replaced by the
    geometric mean of the others' (VIMCO: Mnih and Rezende 2016, Variational inference for Monte
    Carlo objectives, equation 9). Densities count without a program's scales. If latents are
    shared by the rows, the weights are those of all the data together.

    Parameters
    ----------
    num_particles
        k; 2 or more.

    Examples
    --------
    >>> import ppgen
    >>> vae, x = ppgen.models.VAE.mlp((1, 8, 8), latent=2), torch.zeros(5, 1, 8, 8)
    >>> ppgen.fit(vae, x, epochs=1, objective=ImportanceWeightedELBO(5), progress=False).last
    1
    """

    keeps_scale = False

    def __init__(self, num_particles: int = 10) -> None:
        if num_particles < 2:
            raise ValueError(
                f"num_particles is {num_particles}; expected 2 or more, for one is the ELBO: name "
                "TensorELBO"
            )
        super().__init__(num_particles)
        self._draws = Draws()

    def bounds(self, model: Fn, guide: Fn, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Estimate the bound's part of each row, ``(rows,)``, and that of shared sites, in nats."""
        weights, _ = self.log_weights(model, guide, *args, **kwargs)
        bound = weights.logsumexp(0) - math.log(self.num_particles)
        return bound, torch.zeros((), device=bound.device)

    def differentiable_loss(self, model: Fn, guide: Fn, *args: Any, **kwargs: Any) -> Tensor:
        """Negative bound summed over the data; its gradient is an unbiased estimate."""
        weights, scores = self.log_weights(model, guide, *args, **kwargs)
        bound = weights.logsumexp(0) - math.log(self.num_particles)
        signal = (bound - _leave_one_out(weights)).detach()
        surrogate = (signal * scores).sum()
        return -bound.sum() - (surrogate - surrogate.detach())

    def log_weights(self, model: Fn, guide: Fn, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Compute the weights and scores of k draws, ``(k, rows)`` or ``(k, 1)`` each, in nats."""

        def weigh(model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
            return log_weight(model_trace, guide_trace, self._plates_of(model_trace, args))

        weights, scores = self._draws(model, guide, args, kwargs, self.num_particles, weigh)
        return weights, scores.expand_as(weights)


def split_weight(
    model_trace: Trace, guide_trace: Trace, plates: RowPlates
) -> tuple[Tensor, Tensor]:
    """Compute log p − log q of each row, ``(…, rows)``, and of shared sites, ``(…, 1)``, in nats.

    Scales do not count, and of the guide only its latent sites.
    """
    terms = [(log_density(site), site) for site in sample_sites(model_trace).values()]
    terms += [(-log_density(site), site) for site in latent_sites(guide_trace).values()]
    return plates.sums(terms)


def log_weight(model_trace: Trace, guide_trace: Trace, plates: RowPlates) -> tuple[Tensor, Tensor]:
    """Compute log p(x, z) − log q(z | x), and log q of sites that are not reparametrised, in nats.

    ``(…, rows)`` each; if the model has shared sites, they are summed to ``(…, 1)``.
    """
    rows, shared = split_weight(model_trace, guide_trace, plates)
    score = torch.zeros(1, device=rows.device)
    summed = any(not plates.holds(site) for site in sample_sites(model_trace).values())
    for site in latent_sites(guide_trace).values():
        if not site["fn"].has_rsample:
            term = plates.per_row(log_density(site), site)
            score = score + (term.sum(-1, keepdim=True) if summed else term)
    return (rows.sum(-1, keepdim=True) + shared if summed else rows), score


def _leave_one_out(weights: Tensor) -> Tensor:
    # The bound with each weight in turn replaced by the geometric mean of the others.
    particles = len(weights)
    others = (weights.sum(0) - weights) / (particles - 1)
    replaced = weights.expand(particles, *weights.shape).clone()
    replaced.diagonal(dim1=0, dim2=1).copy_(others.mT)
    return replaced.logsumexp(1) - math.log(particles)
