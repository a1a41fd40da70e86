"""Images of which only some pixels are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from pyro.distributions import Independent
from pyro.poutine.messenger import Messenger
from torch import Tensor

from ppgen.batches import Batches
from ppgen.images import check_observed
from ppgen.importance import log_weights
from ppgen.inference.evaluate import check_particles
from ppgen.inference.sampling import evaluating
from ppgen.program import as_program

WEIGHTS_IN_MEMORY = 20_000
"""Images times particles that are in memory at a time."""


class ObservedPixels(Messenger):
    """A handler that leaves the missing pixels of the site ``"x"`` out of its log-probability.

    Parameters
    ----------
    observed
        Which pixels are known, booleans that broadcast to the images.

    Raises
    ------
    ValueError
        At the site ``"x"``, where its pixels are not independent given the latents, so that a
        missing one cannot be left out.
    """

    def __init__(self, observed: Tensor) -> None:
        super().__init__()
        self.observed = observed

    def _pyro_sample(self, msg: dict[str, Any]) -> None:
        if msg["name"] != "x":
            return
        fn = msg["fn"]
        if not isinstance(fn, Independent) or fn.reinterpreted_batch_ndims != fn.event_dim:
            raise ValueError(
                f"the site 'x' has the distribution {type(fn).__name__}, whose pixels are not "
                "independent given the latents; expected one such as Bernoulli(...).to_event(3)"
            )
        msg["fn"] = fn.base_dist.mask(self.observed).to_event(fn.reinterpreted_batch_ndims)


def log_evidence(
    program: Any,
    guide: Callable[..., Any],
    x: Tensor,
    *context: Tensor,
    observed: Tensor | None = None,
    particles: int = 1000,
    seed: int = 0,
) -> Tensor:
    """Estimate log p(observed pixels) of each image by importance sampling from a guide.

    A lower bound in expectation, as :func:`ppgen.iwae` gives for whole images from the program's
    own guide. Here the guide is another, such as that of :func:`fit_latents`, which knows these
    images alone.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts.
    guide
        A Pyro program that draws every latent of the model.
    x
        Images ``(batch, channel, height, width)``; missing pixels may hold any finite number.
    context
        Further tensors that the model takes.
    observed
        Which pixels are known, booleans that broadcast to ``x``; None: all.
    particles
        Draws of the guide for each image.
    seed
        Of the draws; the caller's generators are left as they were.

    Returns
    -------
    Tensor
        ``(batch,)``, nats.

    Raises
    ------
    ValueError
        Where the mask does not fit, or the pixels are not independent given the latents.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> x, left = torch.zeros(3, 1, 8, 8), torch.arange(8) < 4
    >>> fitted = ppgen.inference.fit_latents(vae, x, observed=left, steps=50)
    >>> log_evidence(vae, fitted.guide, x, observed=left).shape
    torch.Size([3])
    """
    check_particles(particles)
    program = as_program(program, keep=False)
    batches = Batches((x, *context), len(x), device=program.device, dtype=program.dtype)
    batch = next(iter(batches))
    model = program.model
    if observed is not None:
        model = ObservedPixels(check_observed(observed, x.shape).to(program.device))(model)
    chunk = max(1, WEIGHTS_IN_MEMORY // len(x))
    totals = []
    with evaluating(program, seed):
        for start in range(0, particles, chunk):
            weights, _ = log_weights((model, guide), batch, min(chunk, particles - start))
            totals.append(weights.logsumexp(0))
    return torch.stack(totals).logsumexp(0) - math.log(particles)
