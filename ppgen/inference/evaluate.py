"""Bounds on the log-likelihood of images, and how sure they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pyro import poutine
from torch import Tensor

from ppgen.data.batches import Batches, Data, Transform, largest_batch
from ppgen.inference.sampling import evaluating
from ppgen.objectives import TensorELBO
from ppgen.objectives.importance import log_mean_weight
from ppgen.objectives.traces import Site
from ppgen.program import Pair, as_program
from ppgen.random_state import own_random_state
from ppgen.training.gradients import Objective, first, own_elbo
from ppgen.training.prepare import prepare


@dataclass(frozen=True)
class Estimate:
    """One value an image, and their mean.

    Attributes
    ----------
    per_image
        ``(images,)``, nats.
    """

    per_image: Tensor

    @property
    def mean(self) -> float:
        """Mean over the images, nats."""
        return self.per_image.double().mean().item()

    @property
    def standard_error(self) -> float:
        """Standard error of the mean as an estimate over the images' population, nats."""
        if len(self.per_image) < 2:
            return math.nan
        return (self.per_image.double().std() / math.sqrt(len(self.per_image))).item()

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.standard_error:.2f} nats"

    def __repr__(self) -> str:
        return f"Estimate({self}, {len(self.per_image)} images)"


def elbo(
    program: Any,
    data: Data,
    particles: int | None = None,
    *,
    transform: Transform | None = None,
    batch_size: int | None = None,
    seed: int = 0,
) -> Estimate:
    """Estimate the evidence lower bound of each image, by the ELBO that the program names.

    An ELBO of Pyro's that sums latents out, such as ``TraceEnum_ELBO``, knows only the sum over a
    batch, so there each image is a batch of its own.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts.
    data
        Images ``(batch, channel, height, width)``, or a tuple of them and what else the program
        takes.
    particles
        Draws of the guide for each image; None: as many as the program's ELBO takes.
    transform, batch_size
        As for :class:`ppgen.data.batches.Batches`.
    seed
        Of the draws; the caller's generators are left as they were.

    Raises
    ------
    ValueError
        Where the program cannot be run on the images, is not of the contract, or images lie outside
        the support of the site ``"x"``; or where there is no particle.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> elbo(vae, torch.zeros(10, 1, 8, 8)).per_image.shape
    torch.Size([10])
    """
    if particles is not None:
        check_particles(particles)
    program = as_program(program, keep=False)
    per_image = isinstance(program.objective, TensorELBO)
    if not per_image:
        batch_size = 1
    batches = Batches(data, batch_size, transform, program.device, program.dtype)
    estimator = own_elbo(program.objective, batches.images, particles)
    values = []
    with evaluating(program, seed):
        with own_random_state(seed):
            prepare(Objective(program, data_size=batches.images), batches)
        for batch in batches:
            if per_image:
                values.append(estimator.per_image(program.model, program.guide, *batch))
            else:
                loss = first(estimator.loss(program.model, program.guide, *batch))
                values.append(torch.tensor([-loss], dtype=program.dtype))
    return Estimate(torch.cat(values).cpu())


def iwae(
    program: Any,
    data: Data,
    particles: int,
    *,
    proposal: Literal["guide", "prior"] = "guide",
    transform: Transform | None = None,
    chunk: int = 20_000,
    seed: int = 0,
) -> Estimate:
    """Estimate log p(x) of each image by importance sampling from the guide.

    log 1/k Σ p(x, z_i) / q(z_i | x), a lower bound in expectation that rises with k (Burda,
    Grosse and Salakhutdinov 2016, Importance weighted autoencoders, equation 8).

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts. All particles are drawn at once in a plate to the
        left of the program's own; where its networks do not broadcast over further dimensions,
        images are repeated instead, which costs one pass of the guide for each particle.
    data
        Images ``(batch, channel, height, width)``, or a tuple of them and what else the program
        takes.
    particles
        k, the draws of the guide for each image.
    proposal
        Where the latents are drawn: ``"prior"`` gives plain Monte Carlo, log 1/k Σ p(x | z_i),
        which needs draws exponential in number in the information that x holds on z.
    transform
        As for :class:`ppgen.data.batches.Batches`.
    chunk
        Images times particles that are in memory at a time; likelihoods with many raw outputs a
        pixel, such as a categorical one of 256 levels, need fewer.
    seed
        Of the draws; the caller's generators are left as they were.

    Raises
    ------
    ValueError
        As for :func:`elbo`; and where a site is shared by all images, so that no image has a
        likelihood of its own, or ``proposal`` is another word.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> x = torch.zeros(10, 1, 8, 8)
    >>> iwae(vae, x, particles=100).mean >= elbo(vae, x, particles=100).mean
    True
    """
    check_particles(particles, chunk)
    if proposal not in ("guide", "prior"):
        raise ValueError(f"proposal is {proposal!r}; expected 'guide' or 'prior'")
    program = as_program(program, keep=False)
    if proposal == "prior":
        program = Pair(program.model, poutine.block(program.model, hide_fn=_is_observed))
    batch_size = largest_batch(data, chunk // particles)
    batches = Batches(data, batch_size, transform, program.device, program.dtype)
    bounds = []
    with evaluating(program, seed):
        with own_random_state(seed):
            prepare(Objective(program, TensorELBO()), batches)
        for batch in batches:
            programs = program.model, program.guide
            bounds.append(log_mean_weight(programs, batch, particles, chunk))
    return Estimate(torch.cat(bounds).cpu())


def _is_observed(site: Site) -> bool:
    return site["type"] == "sample" and site["is_observed"]


def check_particles(particles: int, chunk: int = 1) -> None:
    """Refuse a number of particles, or of images times particles in memory, below one."""
    if particles < 1:
        raise ValueError(f"particles is {particles}; expected 1 or more")
    if chunk < 1:
        raise ValueError(f"chunk is {chunk}; expected 1 or more images times particles")
