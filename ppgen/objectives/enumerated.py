"""The likelihood of models whose latent variables can be summed out, in tensors alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pyro import poutine
from pyro.infer import config_enumerate
from pyro.infer.util import is_validation_enabled
from pyro.util import check_site_shape
from torch import Tensor

from ppgen.objectives.elbo import TensorELBO
from ppgen.objectives.traces import BatchPlate, Site, log_prob, sample_sites


class EnumeratedELBO(TensorELBO):
    """``pyro.infer.TraceEnum_ELBO`` in tensors alone, of a model that needs no guide: log p(x).

    Every latent site of the model is discrete and lies in the plate of the images and in no other;
    the sum goes over all their joint states at once, exactly. Unlike Pyro's class this one gives a
    value an image, can be compiled, and divides the terms of shared sites, such as priors of
    parameters, among the images of the data set. Where latents lie in plates within an image, or
    a guide draws some of them, name Pyro's class.

    Examples
    --------
    >>> import pyro
    >>> import pyro.distributions as dist
    >>> def model(x):
    ...     with pyro.plate("data", len(x)):
    ...         z = pyro.sample("z", dist.Categorical(torch.tensor([0.2, 0.8])))
    ...         pyro.sample("x", dist.Bernoulli(torch.tensor([0.5, 0.1])[z]), obs=x)
    >>> EnumeratedELBO().per_image(model, lambda x: None, torch.tensor([0.0, 1.0])).exp()
    tensor([0.8200, 0.1800])
    """

    def _draw(
        self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, *context: Tensor
    ) -> tuple[Tensor, Tensor | float, Tensor | float]:
        drawn = sample_sites(poutine.trace(guide).get_trace(x, *context))
        if drawn:
            raise ValueError(
                f"the guide draws {', '.join(drawn)}, and EnumeratedELBO takes an empty one; name "
                "pyro.infer.TraceEnum_ELBO or ppgen.objectives.TensorELBO"
            )
        enumerated = poutine.enum(config_enumerate(model, "parallel"), first_available_dim=-2)
        trace = poutine.trace(enumerated).get_trace(x, *context)
        plate = BatchPlate(trace, x)
        joint = torch.zeros(1, 1, device=x.device)
        shared = torch.zeros((), device=x.device)
        for name, site in sample_sites(trace).items():
            _check(name, site, plate)
            term = log_prob(trace, name)
            if is_validation_enabled():
                check_site_shape(site, max_plate_nesting=1)
            if plate.holds(site):
                joint = joint + term  # (*states, batch)
            else:
                shared = shared + term.sum()
        log_likelihood = joint.flatten(0, -2).logsumexp(0)
        return log_likelihood + shared / (self.data_size or len(x)), 0.0, 0.0


def _check(name: str, site: Site, plate: BatchPlate) -> None:
    enumerated = "_enumerate_dim" in site["infer"] and plate.holds(site)
    frames = [frame for frame in site["cond_indep_stack"] if frame.vectorized]
    if not (site["is_observed"] or enumerated) or any(frame.dim != -1 for frame in frames):
        plates = ", ".join(frame.name for frame in frames) or "none"
        raise ValueError(
            f"the site {name!r} is {site['fn']} in the plates: {plates}; EnumeratedELBO expects "
            "the plate of the images alone, and finite support where the site is latent; name "
            "pyro.infer.TraceEnum_ELBO, or draw latents in a guide and name another ELBO"
        )
