"""Sites of traces, and their log-probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyro import poutine
from pyro.distributions import Unit
from pyro.distributions.util import scale_and_mask
from pyro.poutine import Trace
from pyro.poutine.util import site_is_subsample
from torch import Tensor

Site = dict[str, Any]

Traces = tuple[Trace, Trace]
"""Of model and guide."""

PARTICLES = "particles"  # the plate of repeated draws, left of all others


def paired_traces(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
) -> tuple[Trace, Trace]:
    """Run the guide, then the model on the guide's draws; return both traces, the model's first."""
    kwargs = kwargs or {}
    guide_trace = poutine.trace(guide).get_trace(*args, **kwargs)
    replayed = poutine.replay(model, trace=guide_trace)
    return poutine.trace(replayed).get_trace(*args, **kwargs), guide_trace


def sample_sites(trace: Trace) -> dict[str, Site]:
    """Return the sample statements of a trace that have a probability.

    Statements that only choose a plate's subsample, or record what is computed
    (``pyro.deterministic``), have none.
    """
    return {
        name: site
        for name, site in trace.nodes.items()
        if site["type"] == "sample"
        and not site_is_subsample(site)
        and not site["infer"].get("_deterministic")
    }


def latent_sites(trace: Trace) -> dict[str, Site]:
    """Return the sample statements that are not observed."""
    return {name: site for name, site in sample_sites(trace).items() if not site["is_observed"]}


def log_prob(site: Site) -> Tensor:
    """Compute the log-probability at a site, scaled and masked as Pyro does, in nats."""
    return scale_and_mask(unscaled(site), scale=site["scale"], mask=site["mask"])


def log_density(site: Site) -> Tensor:
    """Compute the log-probability at a site, masked but not scaled, in nats."""
    return scale_and_mask(unscaled(site), mask=site["mask"])


def unscaled(site: Site) -> Tensor:
    """Compute the log-probability at a site, neither scaled nor masked, in nats."""
    return site["fn"].log_prob(site["value"], *site["args"], **site["kwargs"])


def is_marked(site: Site) -> bool:
    """Whether a program marks a site for enumeration."""
    return bool(site["infer"].get("enumerate"))


def innermost(fn: Any) -> Any:
    """Return the distribution inside others, such as ``Independent`` and masked ones."""
    while hasattr(fn, "base_dist"):
        fn = fn.base_dist
    return fn


def is_factor(site: Site) -> bool:
    """Whether a site is that of ``pyro.factor``."""
    return isinstance(innermost(site["fn"]), Unit)
