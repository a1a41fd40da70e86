"""Traces of a model and its guide, and their terms image by image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyro import poutine
from pyro.distributions.util import scale_and_mask
from pyro.infer.util import is_validation_enabled
from pyro.poutine import Trace
from pyro.util import check_site_shape
from torch import Tensor

Site = dict[str, Any]

PARTICLES = "particles"  # the plate of repeated draws, left of all others


def importance_traces(
    model: Callable[..., Any], guide: Callable[..., Any], *args: Tensor
) -> tuple[Trace, Trace]:
    """Run the guide, then the model on the guide's draws; return both traces, the model's first.

    Raises
    ------
    ValueError
        Where the model has a latent site that the guide does not draw.
    """
    guide_trace = poutine.trace(guide).get_trace(*args)
    model_trace = poutine.trace(poutine.replay(model, trace=guide_trace)).get_trace(*args)
    check_latents(model_trace, guide_trace)
    if is_validation_enabled():
        for trace in (model_trace, guide_trace):
            trace.compute_log_prob()
            for site in sample_sites(trace).values():
                check_site_shape(site, max_plate_nesting=float("inf"))
    return model_trace, guide_trace


def check_latents(model_trace: Trace, guide_trace: Trace, observed: str | None = None) -> None:
    """Refuse a model with latent sites, other than ``observed``, that the guide does not draw."""
    for name, site in sample_sites(model_trace).items():
        if not site["is_observed"] and name not in guide_trace.nodes and name != observed:
            drawn = ", ".join(sample_sites(guide_trace)) or "nothing"
            raise ValueError(
                f"the model's latent site {name!r} is missing from the guide, which draws {drawn}; "
                "draw it there; or, if it is the image, observe it by obs=x; or, if the model sums "
                "it out, train and judge it by an ELBO that does, such as pyro.infer.TraceEnum_ELBO"
            )


def sample_sites(trace: Trace) -> dict[str, Site]:
    """Sample statements of a trace that have a probability.

    Left out are those that only choose a plate's subsample, or record what is computed
    (``pyro.deterministic``).
    """
    return {
        name: site
        for name, site in trace.nodes.items()
        if site["type"] == "sample"
        and not poutine.util.site_is_subsample(site)
        and not site["infer"].get("_deterministic")
    }


def log_prob(trace: Trace, name: str) -> Tensor:
    """Log-probability at one site, scaled and masked as Pyro does, shape of its plates."""
    trace.compute_log_prob(lambda other, _: other == name)
    return trace.nodes[name]["log_prob"]


def score(trace: Trace, name: str) -> Tensor:
    """Log-probability at one site as the score function takes it: masked, but not scaled."""
    log_prob(trace, name)
    site = trace.nodes[name]
    return scale_and_mask(site["unscaled_log_prob"], mask=site["mask"])


class BatchPlate:
    """The plate of the images: at the site ``"x"``, the one along the first dimension of ``x``.

    Where a model observes something else there, it is the outermost plate of the batch's size.
    """

    def __init__(self, model_trace: Trace, x: Tensor) -> None:
        self.size = len(x)
        sites = sample_sites(model_trace)
        plates = [f for s in sites.values() for f in _frames(s) if f.size == self.size]
        self.name = plates[0].name if plates else None
        if "x" in sites:
            first = sites["x"]["fn"].event_dim - x.dim()
            at_x = [frame for frame in _frames(sites["x"]) if frame.size == self.size]
            named = sorted(at_x, key=lambda frame: frame.dim != first)
            self.name = named[0].name if named else None

    def holds(self, site: Site) -> bool:
        """Whether a site lies in the plate, so that each image has its own."""
        return any(frame.name == self.name for frame in _frames(site))

    def check_holds(self, name: str, site: Site) -> None:
        """Refuse a site outside the plate, where each image needs a likelihood of its own."""
        if not self.holds(site):
            raise ValueError(
                f"the site {name!r} lies outside the plate of the images, so that no image has a "
                "likelihood of its own, and this estimate needs one: use the ELBO"
            )

    def per_image(self, value: Tensor, site: Site) -> Tensor:
        """Sum a term over the site's other plates to ``(batch,)``, or ``(particles, batch)``.

        The term of a site outside of the plate keeps no batch dimension: ``(1,)``.
        """
        dims = {frame.name: frame.dim for frame in site["cond_indep_stack"]}
        kept = {dims.get(self.name), dims.get(PARTICLES)}
        summed = [dim for dim in range(-value.dim(), 0) if dim not in kept]
        if summed:
            value = value.sum(summed)
        return value if self.name in dims else value.unsqueeze(-1)


def _frames(site: Site) -> list[Any]:
    return [
        frame for frame in site["cond_indep_stack"] if frame.vectorized and frame.name != PARTICLES
    ]
