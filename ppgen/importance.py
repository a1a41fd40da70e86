"""Importance weights of a program's latents, and the bound on log p(x) that is made of many."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pyro
import torch
from torch import Tensor

from ppgen.objectives import TensorELBO
from ppgen.traces import PARTICLES, BatchPlate, importance_traces, log_prob, sample_sites, score

Programs = tuple[Callable[..., Any], Callable[..., Any]]
"""Model and guide."""


class ImportanceWeightedELBO(TensorELBO):
    r"""E log 1/k Σ p(x, z_i) / q(z_i | x) over k draws of the guide, in nats.

    A bound that rises with k (Burda, Grosse and Salakhutdinov 2016, Importance weighted
    autoencoders, equation 8). Gradients flow through reparametrised sites; for others it is the
    score function, where each draw's baseline is the bound with its weight replaced by the
    geometric mean of the others' (VIMCO: Mnih and Rezende 2016, Variational inference for Monte
    Carlo objectives, equation 9).

    Parameters
    ----------
    num_particles
        k; 2 or more.
    data_size
        As for :class:`TensorELBO`; every site has to lie in the plate of the images, so that it
        does not matter.

    Raises
    ------
    ValueError
        Where there are fewer than two particles.
    """

    def __init__(self, num_particles: int = 10, data_size: int | None = None) -> None:
        if num_particles < 2:
            raise ValueError(
                f"num_particles is {num_particles}; expected 2 or more, for one is the ELBO: name "
                "TensorELBO"
            )
        super().__init__(num_particles, data_size)

    def per_image(
        self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, *context: Tensor
    ) -> Tensor:
        """Estimate the bound of each image, ``(batch,)``, in nats."""
        weights, _ = log_weights((model, guide), (x, *context), self.num_particles)
        return weights.logsumexp(0) - math.log(self.num_particles)

    def differentiable_loss(
        self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, *context: Tensor
    ) -> Tensor:
        """Negative bound summed over the batch; its gradient is an unbiased estimate."""
        weights, scores = log_weights((model, guide), (x, *context), self.num_particles)
        bound = weights.logsumexp(0) - math.log(self.num_particles)
        signal = (bound - _leave_one_out(weights)).detach()
        surrogate = (signal * scores).sum()
        return -bound.sum() - (surrogate - surrogate.detach())


def log_weights(
    programs: Programs, batch: tuple[Tensor, ...], particles: int
) -> tuple[Tensor, Tensor]:
    """Draw z from the guide and give log p(x, z) − log q(z | x), in nats.

    All particles are drawn at once in a plate to the left of the programs' own; where networks do
    not broadcast over a further dimension, images are repeated instead.

    Returns
    -------
    weights, scores
        ``(particles, batch)`` each; the scores are log q of the sites that are not reparametrised.

    Raises
    ------
    ValueError
        Where a site is shared by all images, so that no image has a likelihood of its own.
    """
    try:
        return _in_a_plate(programs, batch, particles)
    except (RuntimeError, IndexError, _NotBroadcast):
        # A network that takes no further dimensions, such as a convolution.
        repeated = tuple(tensor.repeat(particles, *[1] * (tensor.dim() - 1)) for tensor in batch)
        weights, scores = _weights(programs, repeated)
        return weights.view(particles, -1), scores.expand_as(weights).view(particles, -1)


class _NotBroadcast(Exception):  # noqa: N818 - caught where it is raised
    """A program that does not carry the plate of particles through."""


def _in_a_plate(
    programs: Programs, batch: tuple[Tensor, ...], particles: int
) -> tuple[Tensor, Tensor]:
    traces = importance_traces(*programs, *batch)
    frames = [f for t in traces for s in sample_sites(t).values() for f in s["cond_indep_stack"]]
    nesting = max((-frame.dim for frame in frames if frame.vectorized), default=0)
    with pyro.plate(PARTICLES, particles, dim=-nesting - 1):
        weights, scores = _weights(programs, batch)
    if weights.shape != (particles, len(batch[0])):
        raise _NotBroadcast
    return weights, scores.expand_as(weights)


def _weights(programs: Programs, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    model_trace, guide_trace = importance_traces(*programs, *batch)
    plate = BatchPlate(model_trace, batch[0])
    weights = scores = torch.zeros((), device=batch[0].device)
    for trace, sign in ((model_trace, 1), (guide_trace, -1)):
        for name, site in sample_sites(trace).items():
            if not plate.holds(site):
                raise ValueError(
                    f"the site {name!r} lies outside the plate of the images, so that no image has "
                    "a likelihood of its own, and importance weighting needs one: use the ELBO"
                )
            weights = weights + sign * plate.per_image(log_prob(trace, name), site)
            if trace is guide_trace and not site["fn"].has_rsample:
                scores = scores + plate.per_image(score(trace, name), site)
    return weights, scores


def _leave_one_out(weights: Tensor) -> Tensor:
    # The bound with each weight in turn replaced by the geometric mean of the others.
    particles = len(weights)
    others = (weights.sum(0) - weights) / (particles - 1)
    replaced = weights.expand(particles, *weights.shape).clone()
    replaced.diagonal(dim1=0, dim2=1).copy_(others.mT)
    return replaced.logsumexp(1) - math.log(particles)
