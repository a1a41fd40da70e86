"""Importance weights of a program's latents, and the bound on log p(x) that is made of many."""

import math
from collections.abc import Callable
from typing import Annotated, Any

import pyro
import torch
from pyro import poutine
from pyro.poutine import Trace
from torch import Tensor

from ppgen.arguments import Range, Such, checked
from ppgen.objectives.elbo import (
    Fn,
    TensorELBO,
    latent_sites,
    log_density,
    paired_traces,
    plate_nesting,
    sample_sites,
)
from ppgen.objectives.plates import PARTICLES, RowPlates
from ppgen.running import own_random_state

Weigh = Callable[[Trace, Trace], tuple[Tensor, Tensor]]
"""From traces of model and guide to two tensors, ``(…, rows)`` or ``(…, 1)``."""

TOLERANCE = 1e-4
"""Of the comparison of two ways to one sum in float32; programs that mix draws up differ by more
than a rounding error of many thousand terms."""


class Draws:
    """Draw latent sites from a guide several times, and weigh each draw.

    All draws at once, in a plate to the left of the programs' own, cost one run. Programs that
    count dimensions from the left then mix the draws up silently, or take the first for all. So
    both draws of such a run of two are repeated without the plate. If one differs, or the run
    fails, draws are made one after the other from then on. This is decided once.
    """

    def __init__(self) -> None:
        self.together: bool | None = None
        self._nesting = 0

    def __call__(
        self, model: Fn, guide: Fn, args: Any, kwargs: Any, draws: int, weigh: Weigh
    ) -> tuple[Tensor, ...]:
        """Return what ``weigh`` computes of each draw, ``(draws, …)`` each."""
        if self.together is None:
            self.together = self._agree(model, guide, args, kwargs, weigh)
        if self.together and draws > 1:
            with pyro.plate(PARTICLES, draws, dim=-self._nesting - 1):
                first, second = weigh(*paired_traces(model, guide, args, kwargs))
            # What does not depend on the draw has no dimension for it.
            return tuple(t.expand(draws, *t.shape[-1:]) for t in (first, second))
        weighed = [weigh(*paired_traces(model, guide, args, kwargs)) for _ in range(draws)]
        return tuple(torch.stack(parts) for parts in zip(*weighed, strict=True))

    def _agree(self, model: Fn, guide: Fn, args: Any, kwargs: Any, weigh: Weigh) -> bool:
        with torch.no_grad(), own_random_state(0):
            alone = paired_traces(model, guide, args, kwargs)
            self._nesting = plate_nesting(alone)
            try:
                with pyro.plate(PARTICLES, 2, dim=-self._nesting - 1):
                    several = paired_traces(model, guide, args, kwargs)
                    together = weigh(*several)
                again = [
                    self._repeat(n, several[1], model, guide, args, kwargs, weigh) for n in (0, 1)
                ]
            except (MemoryError, torch.OutOfMemoryError):
                raise
            except Exception:  # networks that take no further dimension raise errors of many kinds
                return False
        return all(
            draws.expand(2, *draws.shape[-1:]).shape == (2, *one.shape)
            and bool(((draws.expand(2, -1)[n] - one).abs() <= TOLERANCE * one.abs().max()).all())
            for n, repeated in enumerate(again)
            for draws, one in zip(together, repeated, strict=True)
        )

    def _repeat(
        self, number: int, draws: Trace, model: Fn, guide: Fn, args: Any, kwargs: Any, weigh: Weigh
    ) -> tuple[Tensor, Tensor]:
        """Weigh one of several draws again, without their plate."""
        draw = Trace()
        for name, site in latent_sites(draws).items():
            dim = -self._nesting - 1 - site["fn"].event_dim
            draw.add_node(name, **{**site, "value": site["value"].select(dim, number)})
        return weigh(*paired_traces(model, poutine.replay(guide, draw), args, kwargs))


Several = Annotated[
    int, Range(2), Such(lambda _: True, "2 or more, for one is the ELBO: name TensorELBO")
]


@checked
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

    def __init__(self, num_particles: Several = 10) -> None:
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
