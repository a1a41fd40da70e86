"""The continuous latents that each image has for itself, as vectors of real numbers."""

from contextlib import suppress
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor
from torch.distributions import biject_to

from ppgen.data.batch import Batch, repeat_rows
from ppgen.inference.images import ObservedPixels, image_site
from ppgen.objectives.checked_runs import ModelRuns, explained
from ppgen.objectives.elbo import latent_sites, log_density, sample_sites
from ppgen.objectives.plates import innermost_support
from ppgen.objectives.structure import find_structure
from ppgen.objectives.supports import check_support, observed_arguments
from ppgen.program import Program
from ppgen.running import own_random_state

Values = dict[str, Tensor]
"""Real numbers for each site, ``(batch, …)``; the site's own values are their transforms."""


class LocalLatents:
    """Which latents a program draws for each row, in the order of its model.

    Raises a ValueError if there is no latent, one is discrete, shared by the rows, or in further
    plates; if rows share an observed term; or if rows, or their pixels that are ``observed``, lie
    outside the support of their site.
    """

    def __init__(self, program: Program, batch: Batch, observed: Tensor | None = None) -> None:
        self.program, self.batch = program, batch
        with torch.no_grad(), explained(batch), own_random_state(0):
            probe = ModelRuns(program)
            trace, _ = traces = probe.pair(batch)
            self.plates = find_structure(probe, batch, traces, program.plate).plates
        self.observed_site = ""
        if observed is not None:
            self.observed_site = image_site(program, trace)["name"]
        for name, argument in observed_arguments(trace, batch).items():
            known = observed if name == self.observed_site else None
            check_support(name, trace.nodes[name]["fn"], batch[argument], known)
        self.sites = latent_sites(trace)
        if not self.sites:
            raise ValueError(
                "the model has no latent site; expected one or more in the plate over the rows"
            )
        for name, site in self.sites.items():
            if not self.plates.holds(site) or site["fn"].batch_shape != (len(batch),):
                raise ValueError(
                    f"the latent site {name!r} has the batch shape "
                    f"{tuple(site['fn'].batch_shape)}; expected one draw for each of the "
                    f"{len(batch)} rows, in their plate and no other"
                )
            if site["fn"].support.is_discrete:
                raise ValueError(
                    f"the latent site {name!r} is discrete; expected continuous latents, which "
                    "have gradients"
                )
        for name, site in sample_sites(trace).items():
            if not self.plates.holds(site):
                raise ValueError(
                    f"the site {name!r} lies in no plate over the rows, so that no row has a "
                    "likelihood of its own, which is needed here; use ppgen.elbo"
                )
        self.transforms = {n: biject_to(s["fn"].support) for n, s in self.sites.items()}
        (self.plate,) = {f.name for s in self.sites.values() for f in s["cond_indep_stack"]}

    def standard(self) -> tuple[Values, Values]:
        """Return mean 0 and standard deviation 1 for all real numbers of each row."""
        means = {}
        for name, site in self.sites.items():
            shape = self.transforms[name].inverse_shape(site["fn"].event_shape)
            means[name] = site["value"].new_zeros(len(self.batch), *shape)
        return means, {name: torch.ones_like(mean) for name, mean in means.items()}

    def from_prior(self) -> Values:
        """Draw the real numbers of each row from the model."""
        trace = poutine.trace(self.program.model).get_trace(*self.batch.args, **self.batch.kwargs)
        return {name: t.inv(trace.nodes[name]["value"]) for name, t in self.transforms.items()}

    def log_probs(
        self, values: Values, batch: Batch, observed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return log p(z), as a density of the real numbers, and log p(x | z), ``(batch,)`` each.

        If pixels are missing, as ``observed`` says, the latter is that of the others.
        """
        latents = {name: self.transforms[name](value) for name, value in values.items()}
        model = poutine.condition(self.program.model, data=latents)
        if observed is not None:
            model = ObservedPixels(observed, self.observed_site)(model)
        trace = poutine.trace(model).get_trace(*batch.args, **batch.kwargs)
        prior = likelihood = torch.zeros((), device=self.program.device)
        for name, site in sample_sites(trace).items():
            term = self.plates.per_row(log_density(site), site)
            if name in values:
                stretch = self.transforms[name].log_abs_det_jacobian(values[name], latents[name])
                prior = prior + term + stretch
            else:
                likelihood = likelihood + term
        return prior, likelihood

    def moments(self) -> tuple[Values, Values]:
        """Return mean and standard deviation of the guide's real numbers.

        Exact if they have a closed form, else those of 100 draws. Raises a ValueError if the guide
        leaves a latent out.
        """
        trace = poutine.trace(self.program.guide).get_trace(*self.batch.args, **self.batch.kwargs)
        means, scales = {}, {}
        for name, transform in self.transforms.items():
            if name not in trace.nodes:
                raise ValueError(
                    f"the latent site {name!r} is missing from the guide; draw it there, or "
                    "start from the prior"
                )
            fn = trace.nodes[name]["fn"]
            with suppress(NotImplementedError):
                if innermost_support(fn) is constraints.real:
                    means[name], scales[name] = fn.mean, fn.stddev
                    continue
            drawn = transform.inv(fn.sample((100,)))
            means[name], scales[name] = drawn.mean(0), drawn.std(0)
        return means, scales

    def guide(self, means: Values, scales: Values) -> Any:
        """Make a guide that draws every latent from a diagonal Gaussian of its own."""

        def guide(*args: Any, **kwargs: Any) -> None:
            rows = len(Batch.of(kwargs or args))
            with pyro.plate(self.plate, rows):
                for name, transform in self.transforms.items():
                    times = rows // len(means[name])  # rows may be repeated
                    mean, scale = (repeat_rows(each[name], times) for each in (means, scales))
                    q: TorchDistribution = dist.Normal(mean, scale).to_event(mean.dim() - 1)
                    if innermost_support(self.sites[name]["fn"]) is not constraints.real:
                        q = dist.TransformedDistribution(q, [transform])
                    pyro.sample(name, q)

        return guide
