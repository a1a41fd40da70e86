"""Images of which only some pixels are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from pyro import poutine
from pyro.distributions import Independent, TorchDistribution, constraints
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.distributions import biject_to

from ppgen.arguments import check_size
from ppgen.data.batches import Batch, observed_batches, parts_of_draws, repeat_rows
from ppgen.distributions.expand import expanded
from ppgen.inference.evaluate import Estimate
from ppgen.inference.images import image_site
from ppgen.objectives.elbo import guessed_plates
from ppgen.objectives.importance import split_weight
from ppgen.objectives.particles import Draws
from ppgen.objectives.preparation import explained, floating_type
from ppgen.objectives.supports import check_support
from ppgen.program import Program, accept
from ppgen.running import evaluating


class ObservedPixels(Messenger):
    """A handler that leaves the missing pixels of a site out of its log-probability.

    Pixels are independent given the latents, or their distribution has a method
    ``prefix_log_prob(value, observed)``, as :class:`ppgen.distributions.Autoregressive` has.

    Parameters
    ----------
    observed
        Which pixels are known, booleans of the images' shape; if a program runs on the images
        several times over, the masks are repeated with them.
    site
        Name of the site of the images.

    Raises
    ------
    ValueError
        At the site, if a missing pixel cannot be left out: its pixels are not
        independent given the latents, or those observed are not what ``prefix_log_prob`` takes.
    """

    def __init__(self, observed: Tensor, site: str = "x") -> None:
        super().__init__()
        self.observed = observed
        self.site = site

    def _pyro_sample(self, msg: dict[str, Any]) -> None:
        if msg["name"] != self.site:
            return
        fn = msg["fn"]
        times = fn.batch_shape[-1] // len(self.observed)
        if hasattr(fn, "prefix_log_prob"):
            msg["fn"] = Prefix(fn, repeat_rows(self.observed, times))
            return
        if not isinstance(fn, Independent) or fn.reinterpreted_batch_ndims != fn.event_dim:
            raise ValueError(
                f"the site {self.site!r} has the distribution {type(fn).__name__}, whose pixels "
                "are not independent given the latents; expected one such as "
                "Bernoulli(...).to_event(3), "
                "or one with prefix_log_prob(value, observed), such as Autoregressive"
            )
        observed = repeat_rows(self.observed, times)
        msg["fn"] = fn.base_dist.mask(observed).to_event(fn.reinterpreted_batch_ndims)
        if msg["is_observed"]:
            msg["value"] = msg["value"].where(observed, _inside(fn.base_dist.support))


class Prefix(TorchDistribution):
    """Images of which the pixels that are drawn first are known, and the others left out.

    Parameters
    ----------
    whole
        The distribution of whole images; it has a method ``prefix_log_prob(value, observed)``.
    observed
        Which pixels are known, booleans that broadcast to the images.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, whole: Any, observed: Tensor) -> None:
        self.whole, self.observed = whole, observed
        super().__init__(whole.batch_shape, whole.event_shape, validate_args=False)

    def expand(self, batch_shape: torch.Size, _instance: Prefix | None = None) -> Prefix:
        """Return the same distribution with a larger batch shape."""
        new = expanded(Prefix, self, batch_shape, _instance)
        new.whole, new.observed = self.whole.expand(new.batch_shape), self.observed
        return new

    @property
    def support(self) -> constraints.Constraint:
        """That of whole images."""
        return self.whole.support

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw whole images."""
        return self.whole.sample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probability of the known pixels, nats."""
        return self.whole.prefix_log_prob(value, self.observed)


def _inside(support: Any) -> Tensor:
    """Return a value of a continuous support: elsewhere gradients may be no numbers."""
    try:
        return biject_to(support)(torch.zeros(()))
    except NotImplementedError:  # discrete
        return torch.zeros(())


def observed_batch(
    program: Program, x: Tensor, *context: Tensor, observed: Tensor | None
) -> tuple[Batch, Tensor | None]:
    """Return images as one batch of the program's type, and their masks if there are some.

    What stands at missing pixels becomes 0.

    Raises
    ------
    ValueError
        If the masks have the wrong type or shape, or observed pixels are not finite.
    """
    dtype = floating_type(program)
    batch = observed_batches((x, *context), observed, len(x), program.device, dtype).first()
    if observed is None:
        return batch, None
    return Batch.of(batch.args[:-1]), batch[-1]


def log_evidence(
    program: Any,
    guide: Callable[..., Any],
    x: Tensor,
    *context: Tensor,
    observed: Tensor | None = None,
    particles: int = 1000,
    chunk: int = 20_000,
    seed: int = 0,
) -> Estimate:
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
        Images ``(batch, channel, height, width)``; missing pixels may hold anything, NaN too.
    context
        Further tensors that the model takes.
    observed
        Which pixels are known, booleans that broadcast to ``x``; None: all.
    particles
        Draws of the guide for each image.
    chunk
        Images times particles that are in memory at a time.
    seed
        Of the draws; the caller's generators are left as they were.

    Raises
    ------
    ValueError
        If the mask does not fit, observed pixels lie outside the support of the site ``"x"``, or
        pixels are not independent given the latents.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> x, left = torch.zeros(3, 1, 8, 8), torch.arange(8) < 4
    >>> fitted = ppgen.inference.fit_latents(vae, x, observed=left, steps=50)
    >>> log_evidence(vae, fitted.guide, x, observed=left).per_example.shape
    torch.Size([3])
    """
    check_size("particles", particles)
    check_size("chunk", chunk)
    program = accept(program)
    batch, observed = observed_batch(program, x, *context, observed=observed)
    with evaluating(program, seed):
        with explained(batch):
            trace = poutine.trace(program.model).get_trace(*batch.args)
        site = image_site(program, trace)
        check_support(site["name"], site["fn"], batch[0], observed)
        model = program.model
        if observed is not None:
            model = ObservedPixels(observed, site["name"])(model)
        draws, logs = Draws(), []
        rows = guessed_plates(trace, len(batch))
        for some in parts_of_draws(particles, len(batch), chunk):
            weigh = partial(split_weight, plates=rows)
            weights, shared = draws(model, guide, batch.args, {}, some, weigh)
            logs.append((weights + shared).logsumexp(0))
        found = torch.stack(logs).logsumexp(0) - math.log(particles)
    return Estimate(found.cpu())
