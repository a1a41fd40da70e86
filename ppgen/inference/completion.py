"""Filling in the missing pixels of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial, reduce
from inspect import signature
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from ppgen.data.batches import Batch, Batches, parts_of_draws, repeat_rows
from ppgen.images import check_observed
from ppgen.inference.fitted_latents import IMAGES_AT_ONCE, fit_latents
from ppgen.inference.images import image_site
from ppgen.inference.partial import log_evidence
from ppgen.objectives.preparation import explained, floating_type
from ppgen.objectives.supports import inside_support
from ppgen.program import Program, accept
from ppgen.running import evaluating

LATENTS_OF_A_MEAN = 100


@dataclass(frozen=True)
class Completion:
    """What may stand in the missing pixels of images; the given pixels are as they were.

    Attributes
    ----------
    samples
        ``(draws, batch, channel, height, width)``.
    mean
        ``(batch, channel, height, width)``, grey values at missing pixels; of programs with
        latents the average over 100 draws of these, however many completions are drawn.
    log_prob
        Of the pixels that stood there: log p(missing pixels | given pixels), ``(batch,)``, in
        nats; of programs with latents an estimate, the difference of two lower bounds and so
        itself no bound. NaN for images with pixels that are NaN, or outside the support.
    """

    samples: Tensor
    mean: Tensor
    log_prob: Tensor


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
    from the model at draws from it. If pixels depend on each other given the latents, their
    distribution has methods ``complete(value, observed)`` and ``prefix_log_prob(value, observed)``,
    as :class:`ppgen.distributions.Autoregressive` has.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts.
    x
        Images ``(batch, channel, height, width)``; missing pixels may hold anything, NaN too.
    observed
        Which pixels are given, booleans that broadcast to ``x``. If none is, the program's own
        images are drawn.
    context
        Further tensors that the model takes.
    draws
        Completions of each image.
    particles
        Importance weights in the estimates of log p(all pixels) and log p(given pixels), whose
        difference is ``log_prob`` if it is not exact.
    seed
        Of all draws; the caller's generators are left as they were.
    options
        Of :func:`fit_latents`.

    Raises
    ------
    TypeError
        If an option is none of :func:`fit_latents`.
    ValueError
        If the mask does not fit, given pixels are not finite or outside the support of the site
        ``"x"``, or missing pixels cannot be left out, as :class:`ObservedPixels` says.

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
    signature(fit_latents).bind(program, x, *context, **options)  # refuses unknown ones
    program = accept(program)
    observed = check_observed(observed, x.shape).to(x.device)
    data = (torch.where(observed, x, x.nan_to_num()), *context)
    batch = Batches(data, len(x), None, program.device, floating_type(program)).first()
    observed = observed.to(program.device)
    with evaluating(program, seed):
        with explained(batch):
            trace = poutine.trace(program.model).get_trace(*batch.args)
        site = image_site(program, trace)
        name, pixels = site["name"], site["fn"]
        finite = x.isfinite().flatten(1).all(1).to(program.device)
        known = finite & inside_support(pixels, batch[0])
    if hasattr(program, "complete"):
        with evaluating(program, seed):
            given = (batch[0], observed, *batch.args[1:])
            samples = torch.stack([program.complete(*given, mean=False) for _ in range(draws)])
            mean = program.complete(*given, mean=True)
            whole = _scored(batch, known, samples[0])
            log_prob = program.log_likelihood(whole[0], None, *whole.args[1:])
            log_prob = log_prob - program.log_likelihood(whole[0], observed, *whole.args[1:])
        return Completion(samples, mean, log_prob.where(known, torch.nan))
    guide = fit_latents(program, *batch, observed=observed, seed=seed, **options).guide
    with evaluating(program, seed):
        given_latents = partial(_at_latents, program, name, guide, batch, observed)
        samples = torch.cat(list(given_latents(_filled, draws)))
        means = given_latents(partial(_mean, program), LATENTS_OF_A_MEAN)
        mean = reduce(torch.add, (some.sum(0) for some in means)) / LATENTS_OF_A_MEAN
        mean = torch.where(observed, program.grey(batch[0]), mean)
    log_prob = torch.full_like(known, torch.nan, dtype=program.dtype)
    if known.any():
        # p(missing | given) is p(all) / p(given). Draws from the posterior given some pixels, which
        # would give the ratio at once, miss the posterior given all of them by many nats.
        whole = _scored(batch, known, samples[0])
        knowing_all = fit_latents(program, *whole, seed=seed, **options).guide
        estimate = partial(log_evidence, program, particles=particles, seed=seed)
        both = estimate(knowing_all, *whole).each
        difference = both - estimate(guide, *whole, observed=observed).each
        log_prob = difference.to(program.device).where(known, torch.nan)
    return Completion(samples, mean, log_prob)


def _scored(batch: Batch, known: Tensor, completed: Tensor) -> Batch:
    """Put a completion in place of each image of which a pixel is not known: it can be scored."""
    rows = known.view(-1, *[1] * (completed.dim() - 1))
    return Batch.of((torch.where(rows, batch[0], completed), *batch.args[1:]))


def _at_latents(
    program: Program,
    name: str,
    guide: Any,
    batch: Batch,
    observed: Tensor,
    complete: Callable[[Any, Tensor, Tensor], Tensor],
    draws: int,
) -> Iterator[Tensor]:
    """Complete images by their distribution at draws of the latents, several draws at a time."""
    for some in parts_of_draws(draws, len(batch), IMAGES_AT_ONCE):
        repeated = batch.repeated(some)
        latents = poutine.trace(guide).get_trace(*repeated.args)
        model = poutine.replay(program.model, trace=latents)
        pixels = poutine.trace(model).get_trace(*repeated.args).nodes[name]["fn"]
        completed = complete(pixels, repeated[0], repeat_rows(observed, some))
        yield completed.unflatten(0, (some, -1))


def _filled(pixels: Any, x: Tensor, observed: Tensor) -> Tensor:
    """Draw the missing pixels, where they depend on the given ones by the distribution's way."""
    if hasattr(pixels, "complete"):
        return pixels.complete(x, observed)
    return torch.where(observed, x, pixels.sample())


def _mean(program: Program, pixels: Any, x: Tensor, observed: Tensor) -> Tensor:
    """Return the mean of the missing pixels, or, where they depend on the given ones, a draw."""
    if hasattr(pixels, "complete"):
        return program.grey(pixels.complete(x, observed))
    return program.image(pixels)
