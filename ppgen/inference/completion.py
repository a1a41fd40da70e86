"""Images of which some pixels are missing: completions, and log p of the pixels that are known."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import torch
from pyro import poutine
from pyro.distributions import Independent, MaskedDistribution
from pyro.poutine import Trace
from torch import Tensor

from ppgen.arguments import Seed, Size, bind, checked
from ppgen.data.batch import Batch, repeat_rows
from ppgen.data.batches import Batches, parts_of_draws
from ppgen.images import check_observed
from ppgen.inference.evaluate import Estimate
from ppgen.inference.fitted_latents import IMAGES_AT_ONCE, fit_latents
from ppgen.inference.images import ObservedPixels, image_site, observed_batch
from ppgen.objectives.checked_runs import explained
from ppgen.objectives.elbo import guessed_plates
from ppgen.objectives.importance import Draws, split_weight
from ppgen.objectives.plates import Site
from ppgen.objectives.supports import check_support, inside_support
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

    Examples
    --------
    >>> Completion(torch.zeros(2, 5, 1, 8, 8), torch.zeros(5, 1, 8, 8), torch.full((5,), -9.0))
    Completion(samples of (2, 5, 1, 8, 8), mean of (5, 1, 8, 8), log_prob [-9.00, -9.00, -9.00, …])
    """

    samples: Tensor
    mean: Tensor
    log_prob: Tensor

    def __repr__(self) -> str:
        nats = ", ".join(f"{value:.2f}" for value in self.log_prob[:3].tolist())
        more = ", …" if len(self.log_prob) > 3 else ""
        return (
            f"Completion(samples of {tuple(self.samples.shape)}, mean of {tuple(self.mean.shape)}, "
            f"log_prob [{nats}{more}])"
        )


@checked
def complete(
    program: Any,
    x: Tensor,
    observed: Tensor,
    *context: Tensor,
    draws: Size = 1,
    particles: Size = 1000,
    seed: Seed = 0,
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
    program, x, context, observed, seed
        As for :func:`fit_latents`. If no pixel is observed, the program's own images are drawn.
    draws
        Completions of each image.
    particles
        Importance weights in the estimates of log p(all pixels) and log p(given pixels), whose
        difference is ``log_prob`` if it is not exact.
    options
        Of :func:`fit_latents`.

    Raises
    ------
    TypeError
        If an option is none of :func:`fit_latents`.
    ValueError
        If the mask does not fit, given pixels are not finite or outside the support of their site,
        missing pixels are neither independent given the latents nor the last ones, or the program
        itself masks all that are missing.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> left = torch.arange(8) < 4
    >>> completed = complete(vae, torch.ones(3, 1, 8, 8), left, draws=5, steps=50)
    >>> completed.samples.shape, bool(completed.samples[..., :4].all())
    (torch.Size([5, 3, 1, 8, 8]), True)
    """
    bind(fit_latents, program, x, *context, **options)  # raises if one is unknown
    program = accept(program)
    observed = check_observed(observed, x.shape).to(x.device)
    data = (torch.where(observed, x, x.nan_to_num()), *context)
    batch = Batches(data, len(x), device=program.device).cast_for(program).first()
    observed = observed.to(program.device)
    with evaluating(program, seed):
        _, site = _trace_images(program, batch)
        _check_scored(site, observed)
        finite = x.isfinite().flatten(1).all(1).to(program.device)
        known = finite & inside_support(site["fn"], batch[0])
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
        at_latents = partial(_at_latents, program, site["name"], guide, batch, observed)
        samples = torch.cat(list(at_latents(draws)))
        means = (some.sum(0) for some in at_latents(LATENTS_OF_A_MEAN, mean=True))
        mean = reduce(torch.add, means) / LATENTS_OF_A_MEAN
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


@checked
def log_evidence(
    program: Any,
    guide: Callable[..., Any],
    x: Tensor,
    *context: Tensor,
    observed: Tensor | None = None,
    particles: Size = 1000,
    chunk: Size = 20_000,
    seed: Seed = 0,
) -> Estimate:
    """Estimate log p(observed pixels) of each image by importance sampling from a guide.

    A lower bound in expectation, as :func:`ppgen.iwae` computes for whole images from the program's
    own guide. Here the guide is another, such as that of :func:`fit_latents`, which knows these
    images alone. Raises the ValueErrors of :func:`complete`.

    Parameters
    ----------
    guide
        A Pyro program that draws every latent of the model.
    program, x, context, observed
        As for :func:`fit_latents`.
    particles, chunk, seed
        As for :func:`ppgen.iwae`.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> x, left = torch.zeros(3, 1, 8, 8), torch.arange(8) < 4
    >>> fitted = ppgen.inference.fit_latents(vae, x, observed=left, steps=50)
    >>> log_evidence(vae, fitted.guide, x, observed=left).per_example.shape
    torch.Size([3])
    """
    program = accept(program)
    batch, observed = observed_batch(program, x, *context, observed=observed)
    with evaluating(program, seed):
        trace, site = _trace_images(program, batch)
        check_support(site["name"], site["fn"], batch[0], observed)
        model = program.model
        if observed is not None:
            model = ObservedPixels(observed, site["name"])(model)
        draws, logs = Draws(), []
        weigh = partial(split_weight, plates=guessed_plates(trace, len(batch)))
        for some in parts_of_draws(particles, len(batch), chunk):
            weights, shared = draws(model, guide, batch.args, {}, some, weigh)
            logs.append((weights + shared).logsumexp(0))
        found = torch.stack(logs).logsumexp(0) - math.log(particles)
    return Estimate(found.cpu())


def _trace_images(program: Program, batch: Batch) -> tuple[Trace, Site]:
    """Run the model on images; return its trace and their site."""
    with explained(batch):
        trace = poutine.trace(program.model).get_trace(*batch.args)
    return trace, image_site(program, trace)


def _check_scored(site: Site, observed: Tensor) -> None:
    """Raise a ValueError if the program gives the missing pixels of an image no probability."""
    fn = site["fn"]
    while isinstance(fn, Independent):
        fn = fn.base_dist
    if isinstance(fn, MaskedDistribution) and isinstance(fn._mask, Tensor):
        mask = fn._mask.expand(observed.shape)
        left_out = (observed | ~mask).flatten(1).all(1) & ~observed.flatten(1).all(1)
        if left_out.any():
            raise ValueError(
                f"the program masks all missing pixels of image {int(left_out.nonzero()[0])}, so "
                "that they have no probability; pass it a mask of its own that is True everywhere: "
                "complete(program, x, observed, torch.ones_like(observed))"
            )


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
    draws: int,
    mean: bool = False,
) -> Iterator[Tensor]:
    """Complete images at draws of the latents, several draws at a time, ``(some, batch, …)``."""
    for some in parts_of_draws(draws, len(batch), IMAGES_AT_ONCE):
        repeated, mask = batch.repeated(some), repeat_rows(observed, some)
        latents = poutine.trace(guide).get_trace(*repeated.args)
        model = poutine.replay(program.model, trace=latents)
        pixels = poutine.trace(model).get_trace(*repeated.args).nodes[name]["fn"]
        if hasattr(pixels, "complete"):  # they depend on the given ones: a draw serves as the mean
            drawn = pixels.complete(repeated[0], mask)
            completed = program.grey(drawn) if mean else drawn
        elif mean:
            completed = program.image(pixels)
        else:
            completed = torch.where(mask, repeated[0], pixels.sample())
        yield completed.unflatten(0, (some, -1))
