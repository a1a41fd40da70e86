"""Whether observed rows lie in the support of their distribution."""

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from pyro.poutine import Trace
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.constraints import is_dependent

from ppgen.data.batch import Batch
from ppgen.objectives.elbo import Traces, sample_sites
from ppgen.objectives.plates import RowPlates, Site, innermost, innermost_support

MANY = 16
"""Number of logits from which they are not all between 0 and 1 by chance."""

UNIT_INTERVALS = (constraints.boolean, constraints.unit_interval)


def observed_arguments(trace: Trace, batch: Batch) -> dict[str, int | str]:
    """Return the names of observed sites whose value is an argument, and which one it is."""
    by_identity = {id(batch[name]): name for name in batch.rows}
    return {
        name: by_identity[id(site["value"])]
        for name, site in sample_sites(trace).items()
        if site["is_observed"] and id(site["value"]) in by_identity
    }


def check_supports(
    runs: Iterable[tuple[Batch, Traces]], plates: RowPlates, batches: Iterable[Batch]
) -> None:
    """Raise an error if rows that a model observes have no probability.

    ``runs`` are first batches with their traces, ``batches`` hold all rows. A support that depends
    on the row, such as a binomial's, is left to Pyro's validation.
    """
    sites = {
        name: (argument, trace.nodes[name])
        for batch, (trace, _) in runs
        for name, argument in observed_arguments(trace, batch).items()
        if plates.holds(trace.nodes[name]) and _is_static(trace.nodes[name])
    }
    if not sites:
        return
    seen = 0
    for batch in batches:
        for name, (argument, site) in sites.items():
            if argument in batch.rows:
                check_support(name, site["fn"], batch[argument], first_row=seen)
        seen += len(batch)


def check_observed(trace: Trace, batch: Batch) -> None:
    """Raise an error if an argument that a model observes lies outside the support of its site."""
    for name, argument in observed_arguments(trace, batch).items():
        if _is_static(trace.nodes[name]):
            check_support(name, trace.nodes[name]["fn"], batch[argument])


def check_support(
    name: str, fn: Any, values: Tensor, observed: Tensor | None = None, first_row: int = 0
) -> None:
    """Raise an error that names the first row outside a distribution's support."""
    inside = inside_support(fn, values, observed)
    if not inside.all():
        number = int((~inside).nonzero()[0])
        outside = values[number] if observed is None else values[number][observed[number]]
        raise ValueError(
            f"row {first_row + number} of the data has values from {outside.min().item():g} to "
            f"{outside.max().item():g}, outside the support of the site {name!r}; "
            f"{advice(fn, values)}"
        )


def advice(fn: Any, values: Tensor) -> str:
    """Return what to do about values outside the support of a distribution."""
    support = innermost_support(fn)
    if support is constraints.boolean and values.is_floating_point() and in_unit_interval(values):
        return (
            "expected 0 and 1: draw them from the grey values by transform=torch.bernoulli, or "
            "name a likelihood of grey values, such as ppgen.likelihoods.SoftBernoulli()"
        )
    if support in UNIT_INTERVALS and not (values % 1).any() and 1 < values.max() <= 255:
        most = 255 if values.max() > 16 else int(values.max())  # scikit-learn's digits end at 16
        return (
            f"expected numbers from 0 to 1: divide grey levels 0 … {most} by {most}, or convert "
            f"them by the likelihood's encode(images, levels={most + 1})"
        )
    return f"expected values in {support}: transform the data, or choose another distribution"


def warn_of_probabilities(runs: Iterable[tuple[Batch, Traces]]) -> None:
    """Warn if all logits of an observed site are different numbers between 0 and 1."""
    for _, (trace, _) in runs:
        for name, site in sample_sites(trace).items():
            logits = _given_logits(site["fn"]) if site["is_observed"] else None
            if logits is None or logits.numel() < MANY:
                continue
            lowest, highest = logits.aminmax()
            if 0 < lowest < highest < 1:
                warnings.warn(
                    f"all logits of the site {name!r} lie between {lowest.item():.2g} and "
                    f"{highest.item():.2g}, as probabilities do; if the network ends with a "
                    "Sigmoid, leave it out, for logits are any real numbers",
                    stacklevel=2,
                )


def _given_logits(fn: Any) -> Tensor | None:
    """Return the logits by which a distribution was made; None if it was made otherwise."""
    fn = innermost(fn)
    made_by_probs = "probs" in vars(fn) and getattr(fn, "_param", None) is not vars(fn).get(
        "logits"
    )
    return None if made_by_probs else vars(fn).get("logits")


def warn_of_no_outcome(runs: Iterable[tuple[Batch, Traces]]) -> None:
    """Warn if a model observes nothing, not even a factor."""
    sites = [site for _, (trace, _) in runs for site in sample_sites(trace).values()]
    if sites and not any(site["is_observed"] for site in sites):
        warnings.warn(
            "the model observes no site, so that nothing can be learnt from the data; pass its "
            "outcome among the data, or write obs= in pyro.sample",
            stacklevel=2,
        )


def in_unit_interval(values: Tensor) -> bool:
    """Whether all values lie from 0 to 1."""
    lowest, highest = values.aminmax()
    return bool(lowest >= 0) and bool(highest <= 1)


def inside_support(distribution: Any, values: Tensor, observed: Tensor | None = None) -> Tensor:
    """Tell which rows, or which by their observed pixels, lie in the support, ``(rows,)``."""
    support = distribution.support
    if observed is not None:
        support = support.base_constraint  # of a pixel: only independent ones can be left out
    try:
        inside = support.check(values)
    except RuntimeError:  # a support whose bounds are those of other rows
        return torch.ones(len(values), dtype=torch.bool, device=values.device)
    if observed is not None:
        inside = inside | ~observed
    return inside.flatten(1).all(1) if inside.dim() > 1 else inside


def _is_static(site: Site) -> bool:
    """Whether a distribution's support is the same for every row."""
    fn = site["fn"]
    while True:
        declared = getattr(type(fn), "support", None)
        inner = getattr(fn, "base_dist", None)
        if inner is None or not is_dependent(declared):
            return not is_dependent(declared) or isinstance(declared, property)
        fn = inner
