"""Whether observed rows lie in the support of their distribution."""

from collections.abc import Iterable
from typing import Any

import torch
from pyro.poutine import Trace
from torch import Tensor
from torch.distributions.constraints import is_dependent

from ppgen.data.batches import Batch
from ppgen.objectives.elbo import Traces, sample_sites
from ppgen.objectives.plates import RowPlates, Site


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
            f"{outside.max().item():g}, outside the support {fn.support} of the site {name!r}; "
            "transform the data, such as by the likelihood's encode, or choose another distribution"
        )


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
