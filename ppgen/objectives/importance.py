"""Importance weights of a program's latents, and the bound on log p(x) that is made of many."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pyro
import torch
from torch import Tensor

from ppgen.objectives.elbo import TensorELBO
from ppgen.objectives.traces import (
    PARTICLES,
    BatchPlate,
    importance_traces,
    log_prob,
    sample_sites,
    score,
)

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

    Examples
    --------
    >>> import ppgen
    >>> vae, x = ppgen.models.VAE.mlp((1, 8, 8), latent=2), torch.zeros(5, 1, 8, 8)
    >>> ppgen.fit(vae, x, epochs=1, objective=ImportanceWeightedELBO(5), progress=False).last
    1
    """

    def __init__(self, num_particles: int = 10, data_size: int | None = None) -> None:
        if num_particles < 2:
            raise ValueError(
                f"num_particles is {num_particles}; expected 2 or more, for one is the ELBO: name "
                "TensorELBO"
            )
        super().__init__(num_particles, data_size)
        self._nesting: int | None = None

    def per_image(
        self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, *context: Tensor
    ) -> Tensor:
        """Estimate the bound of each image, ``(batch,)``, in nats."""
        weights, _ = self.log_weights(model, guide, x, *context)
        return weights.logsumexp(0) - math.log(self.num_particles)

    def differentiable_loss(
        self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, *context: Tensor
    ) -> Tensor:
        """Negative bound summed over the batch; its gradient is an unbiased estimate."""
        weights, scores = self.log_weights(model, guide, x, *context)
        bound = weights.logsumexp(0) - math.log(self.num_particles)
        signal = (bound - _leave_one_out(weights)).detach()
        surrogate = (signal * scores).sum()
        return -bound.sum() - (surrogate - surrogate.detach())

    def log_weights(
        self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, *context: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Weights and scores of k draws; how deep plates are nested is found out once, and kept."""
        programs, batch = (model, guide), (x, *context)
        if self._nesting is None:
            self._nesting = plate_nesting(programs, batch)
        return log_weights(programs, batch, self.num_particles, self._nesting)


def log_mean_weight(
    programs: Programs, batch: tuple[Tensor, ...], particles: int, chunk: int
) -> Tensor:
    """Estimate log p(x) of each image by log 1/k Σ p(x, z_i) / q(z_i | x), ``(batch,)``, in nats.

    Parameters
    ----------
    programs, batch
        Model and guide, and what they take.
    particles
        k.
    chunk
        Images times particles that are in memory at a time.
    """
    nesting = plate_nesting(programs, batch)
    totals = []
    for some in parts_of_draws(particles, len(batch[0]), chunk):
        weights, _ = log_weights(programs, batch, some, nesting)
        totals.append(weights.logsumexp(0))
    return torch.stack(totals).logsumexp(0) - math.log(particles)


def log_weights(
    programs: Programs, batch: tuple[Tensor, ...], particles: int, nesting: int | None = None
) -> tuple[Tensor, Tensor]:
    """Draw z from the guide and give log p(x, z) − log q(z | x), in nats.

    All particles are drawn at once in a plate to the left of the programs' own; where networks do
    not broadcast over a further dimension, images are repeated instead.

    Parameters
    ----------
    programs, batch
        Model and guide, and what they take.
    particles
        Draws for each image.
    nesting
        :func:`plate_nesting` of the programs; None: it is found out.

    Returns
    -------
    weights, scores
        ``(particles, batch)`` each; the scores are log q of the sites that are not reparametrised.

    Raises
    ------
    ValueError
        Where a site is shared by all images, so that no image has a likelihood of its own.
    """
    if nesting is None:
        nesting = plate_nesting(programs, batch)
    # Networks that take no further dimensions, such as convolutions, raise errors of any of these
    # kinds; an error of another cause comes again below.
    with suppress(RuntimeError, IndexError, ValueError):
        with pyro.plate(PARTICLES, particles, dim=-nesting - 1):
            weights, scores = _weights(programs, batch)
        if weights.shape == (particles, len(batch[0])):
            return weights, scores.expand_as(weights)
    weights, scores = _weights(programs, tuple(repeat_rows(t, particles) for t in batch))
    return weights.view(particles, -1), scores.expand_as(weights).view(particles, -1)


def plate_nesting(programs: Programs, batch: tuple[Tensor, ...]) -> int:
    """Run the programs, to find how many dimensions their plates take."""
    traces = importance_traces(*programs, *batch)
    frames = [f for t in traces for s in sample_sites(t).values() for f in s["cond_indep_stack"]]
    return max((-frame.dim for frame in frames if frame.vectorized), default=0)


def repeat_rows(tensor: Tensor, times: int) -> Tensor:
    """Repeat a tensor so many times along its first dimension.

    Examples
    --------
    >>> repeat_rows(torch.tensor([3, 7]), 2)
    tensor([3, 7, 3, 7])
    """
    return tensor.repeat(times, *[1] * (tensor.dim() - 1))


def parts_of_draws(draws: int, images: int, at_once: int) -> Iterator[int]:
    """Split the draws of each image into numbers of which, times images, so many are at most.

    Examples
    --------
    >>> list(parts_of_draws(5, images=100, at_once=250))
    [2, 2, 1]
    """
    most = max(1, at_once // max(1, images))
    for start in range(0, draws, most):
        yield min(most, draws - start)


def _weights(programs: Programs, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    model_trace, guide_trace = importance_traces(*programs, *batch)
    plate = BatchPlate(model_trace, batch[0])
    weights = scores = torch.zeros((), device=batch[0].device)
    for trace, sign in ((model_trace, 1), (guide_trace, -1)):
        for name, site in sample_sites(trace).items():
            plate.check_holds(name, site)
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
