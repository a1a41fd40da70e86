"""Filling in the missing pixels of images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from ppgen.batches import Batches
from ppgen.images import check_observed
from ppgen.inference.partial import log_evidence
from ppgen.inference.per_image import fit_latents
from ppgen.inference.prepare import inside_support
from ppgen.inference.sampling import evaluating
from ppgen.program import Program, as_program
from ppgen.traces import Site

LATENTS_OF_A_MEAN = 100


@dataclass(frozen=True)
class Completion:
    """What may stand in the missing pixels of images; the given pixels are as they were.

    Attributes
    ----------
    samples
        ``(draws, batch, channel, height, width)``.
    mean
        ``(batch, channel, height, width)``, grey values where pixels are missing; of programs with
        latents the average over 100 draws of these, however many completions are drawn.
    log_prob
        Of the pixels that stood there: log p(missing pixels | given pixels), ``(batch,)``, in
        nats; of programs with latents an estimate, the difference of two lower bounds and so
        itself no bound. None where some pixels are no numbers, or outside the support.
    """

    samples: Tensor
    mean: Tensor
    log_prob: Tensor | None


def complete(
    program: Any,
    x: Tensor,
    observed: Tensor,
    *context: Tensor,
    draws: int = 1,
    particles: int = 1000,
    seed: int = 0,
    **options: Any,
) -> Completion:
    """Draw the missing pixels of images given the others.

    A program that completes exactly says so by the methods ``complete(x, observed, *context,
    mean=False)`` and ``log_likelihood(x, observed, *context)``, as mixtures, PPCA and
    autoregressive models do. For any other with continuous latents, a Gaussian is fitted to the
    latents of each image from the given pixels alone, by :func:`fit_latents`, and pixels are drawn
    from the model at draws from it.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts.
    x
        Images ``(batch, channel, height, width)``; missing pixels may hold anything, NaN as well.
    observed
        Which pixels are given, booleans that broadcast to ``x``. Where none is, the program's own
        images are drawn.
    context
        Further tensors that the model takes.
    draws
        Completions of each image.
    particles
        Importance weights in the estimates of log p(all pixels) and log p(given pixels), whose
        difference is ``log_prob`` where it is not exact.
    seed
        Of all draws; the caller's generators are left as they were.
    options
        Of :func:`fit_latents`.

    Raises
    ------
    ValueError
        Where the mask does not fit, given pixels are not finite or outside the support of the site
        ``"x"``, or pixels are not independent given the latents.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> left = torch.arange(8) < 4
    >>> completed = complete(vae, torch.ones(3, 1, 8, 8), left, draws=5, steps=50)
    >>> completed.samples.shape, bool(completed.samples[..., :4].all())
    (torch.Size([5, 3, 1, 8, 8]), True)
    """
    if draws < 1:
        raise ValueError(f"draws is {draws}; expected 1 or more")
    program = as_program(program, keep=False)
    observed = check_observed(observed, x.shape).to(x.device)
    data = (torch.where(observed, x, x.nan_to_num()), *context)
    batch = next(iter(Batches(data, len(x), device=program.device, dtype=program.dtype)))
    observed = observed.to(program.device)
    with evaluating(program, seed):
        pixels = poutine.trace(program.model).get_trace(*batch).nodes["x"]["fn"]
        known = bool(x.isfinite().all() and inside_support(pixels, batch[0]).all())
    if hasattr(program, "complete"):
        with evaluating(program, seed):
            given = (batch[0], observed, *batch[1:])
            samples = [program.complete(*given, mean=False) for _ in range(draws)]
            mean = program.complete(*given, mean=True)
            log_prob = program.log_likelihood(batch[0], None, *batch[1:]) if known else None
            if log_prob is not None:
                log_prob = log_prob - program.log_likelihood(batch[0], observed, *batch[1:])
        return Completion(torch.stack(samples), mean, log_prob)
    guide = fit_latents(program, *batch, observed=observed, seed=seed, **options).guide
    with evaluating(program, seed):
        drawn = [_from_latents(program, guide, batch)["value"] for _ in range(draws)]
        samples = [torch.where(observed, batch[0], image) for image in drawn]
        means = (
            program.image(_from_latents(program, guide, batch)["fn"])
            for _ in range(LATENTS_OF_A_MEAN)
        )
        mean = reduce(torch.add, means) / LATENTS_OF_A_MEAN
        mean = torch.where(observed, program.grey(batch[0]), mean)
    log_prob = None
    if known:
        # p(missing | given) is p(all) / p(given). Draws from the posterior given some pixels, which
        # would give the ratio at once, miss the posterior given all of them by many nats.
        knowing_all = fit_latents(program, *batch, seed=seed, **options).guide
        estimate = partial(log_evidence, program, particles=particles, seed=seed)
        both = estimate(knowing_all, *batch).per_image
        log_prob = both - estimate(guide, *batch, observed=observed).per_image
        log_prob = log_prob.to(program.device)
    return Completion(torch.stack(samples), mean, log_prob)


def _from_latents(program: Program, guide: Any, batch: tuple[Tensor, ...]) -> Site:
    """Draw images at draws of the latents."""
    latents = poutine.trace(guide).get_trace(*batch)
    model = poutine.replay(program.model, trace=latents)
    return poutine.trace(model).get_trace(None, *batch[1:], n=len(batch[0])).nodes["x"]
