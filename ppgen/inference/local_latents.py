"""The continuous latents that each image has for itself, as vectors of real numbers."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor
from torch.distributions import biject_to

from ppgen.data.batches import Batch
from ppgen.inference.partial import ObservedPixels
from ppgen.objectives.importance import repeat_rows
from ppgen.objectives.traces import BatchPlate, importance_traces, log_prob, sample_sites
from ppgen.program import Program
from ppgen.training.contract import check_image_site, check_support

Values = dict[str, Tensor]
"""Real numbers for each site, ``(batch, …)``; the site's own values are their transforms."""


class LocalLatents:
    """Which latents a program draws for each image, in the order of its model.

    Parameters
    ----------
    program
        Its latents are continuous, each in the plate of the images and no other.
    batch
        Images, and whatever else the program takes.
    observed
        Which pixels are known, booleans of the images' shape; None: all.

    Raises
    ------
    ValueError
        Where there is no latent, one is discrete, shared by all images, or in further plates; where
        all images share an observed term; or where images lie outside the support of the site
        ``"x"``.
    """

    def __init__(self, program: Program, batch: Batch, observed: Tensor | None = None) -> None:
        self.program = program
        model = program.model if observed is None else ObservedPixels(observed)(program.model)
        with torch.no_grad():
            trace = poutine.trace(model).get_trace(*batch)
        check_image_site(trace, batch[0])
        self.pixels = trace.nodes["x"]["fn"]
        check_support(self.pixels, [batch], observed)
        plate = BatchPlate(trace, batch[0])
        self.sites = {n: s for n, s in sample_sites(trace).items() if not s["is_observed"]}
        if not self.sites:
            raise ValueError("the model has no latent site, so that there is nothing to infer")
        for name, site in self.sites.items():
            if not plate.holds(site) or site["fn"].batch_shape != (len(batch[0]),):
                raise ValueError(
                    f"the latent site {name!r} has the batch shape "
                    f"{tuple(site['fn'].batch_shape)}; expected one draw for each of the "
                    f"{len(batch[0])} images, in their plate and no other"
                )
            if site["fn"].support.is_discrete:
                raise ValueError(
                    f"the latent site {name!r} is discrete; expected continuous latents, which "
                    "have gradients"
                )
        for name, site in sample_sites(trace).items():
            plate.check_holds(name, site)
        self.transforms = {n: biject_to(s["fn"].support) for n, s in self.sites.items()}
        self.plate = plate.name

    def standard(self, batch: Batch) -> tuple[Values, Values]:
        """Mean 0 and standard deviation 1 for all real numbers of each image."""
        x = batch[0]
        means = {
            name: x.new_zeros(len(x), *transform.inverse_shape(self.sites[name]["fn"].event_shape))
            for name, transform in self.transforms.items()
        }
        return means, {name: torch.ones_like(mean) for name, mean in means.items()}

    def from_prior(self, batch: Batch) -> Values:
        """Draw the real numbers of each image from the model."""
        trace = poutine.trace(self.program.model).get_trace(*batch)
        return {name: t.inv(trace.nodes[name]["value"]) for name, t in self.transforms.items()}

    def log_probs(
        self, values: Values, batch: Batch, observed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Give log p(z), as a density of the real numbers, and log p(x | z), ``(batch,)`` each.

        Where pixels are missing, as ``observed`` says, the latter is that of the others.
        """
        latents = {name: self.transforms[name](value) for name, value in values.items()}
        model = poutine.condition(self.program.model, data=latents)
        if observed is not None:
            model = ObservedPixels(observed)(model)
        trace = poutine.trace(model).get_trace(*batch)
        plate = BatchPlate(trace, batch[0])
        prior = likelihood = torch.zeros((), device=batch[0].device)
        for name, site in sample_sites(trace).items():
            term = plate.per_image(log_prob(trace, name), site)
            if name in values:
                stretch = self.transforms[name].log_abs_det_jacobian(values[name], latents[name])
                prior = prior + term + stretch
            else:
                likelihood = likelihood + term
        return prior, likelihood

    def moments(self, batch: Batch, draws: int = 100) -> tuple[Values, Values]:
        """Mean and standard deviation of the guide's real numbers, exactly where it is Gaussian.

        Raises
        ------
        ValueError
            Where the guide leaves a latent out.
        """
        with torch.no_grad():
            _, trace = importance_traces(self.program.model, self.program.guide, *batch)
            means, scales = {}, {}
            for name, transform in self.transforms.items():
                fn = trace.nodes[name]["fn"]
                try:
                    if not _is_real(fn.support):
                        raise NotImplementedError
                    means[name], scales[name] = fn.mean, fn.stddev
                except NotImplementedError:
                    drawn = transform.inv(fn.sample((draws,)))
                    means[name], scales[name] = drawn.mean(0), drawn.std(0)
        return means, scales

    def guide(self, means: Values, scales: Values) -> Any:
        """Make a guide that draws every latent from a diagonal Gaussian of its own."""

        def guide(x: Tensor, *context: Tensor) -> None:
            with pyro.plate(self.plate, len(x)):
                for name, transform in self.transforms.items():
                    mean, scale = means[name], scales[name]
                    # Images may come several times over.
                    times = len(x) // len(mean)
                    mean, scale = repeat_rows(mean, times), repeat_rows(scale, times)
                    q: TorchDistribution = dist.Normal(mean, scale).to_event(mean.dim() - 1)
                    if not _is_real(self.sites[name]["fn"].support):
                        q = dist.TransformedDistribution(q, [transform])
                    pyro.sample(name, q)

        return guide


def _is_real(support: Any) -> bool:
    innermost = getattr(support, "base_constraint", support)
    return innermost in (constraints.real, constraints.real_vector)
