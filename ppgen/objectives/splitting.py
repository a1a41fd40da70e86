"""Whether the rows of a program's data can be split among batches, or bear on each other."""

from typing import Any

import torch
from pyro.poutine import Trace
from torch import Tensor

from ppgen.data.batch import Batch
from ppgen.objectives.elbo import Traces, log_density, sample_sites
from ppgen.objectives.plates import RowPlates, Site, frames

Probe = Any
"""Runs a program to find out about it: :class:`ppgen.objectives.checked_runs.CheckedRuns`."""

IN_A_PLATE = 'for minibatches, put the rows in a plate of their number: pyro.plate("data", len(x))'

FEW = 2
"""Rows that are scored apart from the others: the fewer, the more a mean over them differs."""

TOLERANCE = 1e-3
"""Of log-probabilities, relative to the largest: above what rounds differently in batches of other
sizes, in TF32 too."""


def why_whole(
    plates: RowPlates, batch: Batch, probe: Probe, traces: Traces, others: dict[int, Traces]
) -> str:
    """Say why the rows cannot be split among batches; empty if they can.

    ``traces`` are those of the batch, ``others`` those of other numbers of its rows.
    """
    if not plates.names:
        return f"no plate around observed sites follows the number of rows; {IN_A_PLATE}"
    for name, site in [item for trace in traces for item in sample_sites(trace).items()]:
        if sum(f.name in plates.names for f in frames(site)) > 1:
            return f"the site {name!r} lies in two plates over the rows"
    few, pair = min(others.items())
    for trace, other in zip(traces, pair, strict=True):
        for name, site in sample_sites(trace).items():
            if not plates.holds(site):
                same = other.nodes.get(name)
                if same is None or site["fn"].shape() != same["fn"].shape():
                    return f"the site {name!r} follows the rows without a plate; {IN_A_PLATE}"
    for size in (FEW, few):
        if size < len(batch):
            try:
                # The first rows show what depends on later ones, the last what on earlier ones.
                ends = slice(0, size), slice(len(batch) - size, len(batch))
                found = (_dependence(plates, batch, probe, traces, rows) for rows in ends)
                return next(filter(None, found), "")
            except (MemoryError, torch.OutOfMemoryError):
                raise
            except Exception:  # given draws cannot be scored by every program
                continue
    return ""


def _dependence(plates: RowPlates, batch: Batch, probe: Probe, traces: Traces, rows: slice) -> str:
    """Name a site whose terms for some rows differ if these rows are scored alone."""
    changed = _changed(plates, batch, probe, traces, rows)
    if changed:  # unless by each run, of programs that are random or count their runs
        again = _changed(plates, batch, probe, traces, slice(0, len(batch)))
        changed = {name: site for name, site in changed.items() if name not in again}
    for name, site in changed.items():
        if plates.holds(site):
            return f"the log-probability of a row at the site {name!r} depends on other rows"
        return f"the site {name!r} lies in no plate over the rows and depends on them"
    return ""


def _changed(
    plates: RowPlates, batch: Batch, probe: Probe, traces: Traces, rows: slice
) -> dict[str, Site]:
    """Return the sites whose terms differ if the same draws are scored on some of the rows."""
    again = probe.replayed(batch[rows], _draws(plates, traces, rows))
    changed = {}
    for trace, other in zip(traces, again, strict=True):
        for name, site in sample_sites(trace).items():
            if name in other.nodes:
                terms, after = (_terms(plates, s) for s in (site, other.nodes[name]))
                kept = (..., rows) if terms.shape[-1] == len(batch) else ...
                agree = _agree(terms[kept], after)
                if not (agree or _agree(terms[kept], after, _rounding(plates, site, terms)[kept])):
                    changed[name] = site
    return changed


def _draws(plates: RowPlates, traces: Traces, rows: slice) -> Trace:
    """Return what was drawn, as nodes of a trace, for some rows."""
    drawn = Trace()
    for name, site in [item for trace in traces for item in trace.nodes.items()]:
        known = site["type"] != "sample" or site["is_observed"] or name in drawn.nodes
        if known or name in plates.names or "_enumerate_dim" in site["infer"]:
            continue
        value, dim = site["value"], plates.dim(site)
        if dim is not None:
            along = dim - site["fn"].event_dim
            if value.shape[along] > 1:
                value = value.narrow(along, rows.start, rows.stop - rows.start)
        drawn.add_node(name, **{**site, "value": value})
    return drawn


def _terms(plates: RowPlates, site: Site) -> Tensor:
    # Programs may scale by the number of rows.
    return plates.per_row(log_density(site), site)


def _rounding(plates: RowPlates, site: Site, terms: Tensor) -> Tensor:
    """Return by how much rounding may change terms: a lot if a density is narrow.

    The location of a density rounds differently in batches of other sizes, by some units in the
    last place, which is as if the value had moved.
    """
    value = site["value"]
    if not value.is_floating_point():
        return torch.zeros_like(terms)
    slack = torch.zeros_like(terms)
    for units in (1, 4):  # a single step may end as far from the location on its other side
        moved = value * (1 - units * torch.finfo(value.dtype).eps)
        try:
            change = _terms(plates, {**site, "value": moved}) - terms
        except ValueError:  # it has left the support
            continue
        slack = slack.maximum(30 * change.abs().nan_to_num(0.0))
    return slack


def _agree(first: Tensor, second: Tensor, slack: Tensor | float = 0.0) -> bool:
    tolerance = max(TOLERANCE, 30 * torch.finfo(first.dtype).eps)
    size = first.where(first.isfinite(), 0).abs().max().item()
    apart = (first.double() - second.double()).abs()
    same = (first == second) | (first.isnan() & second.isnan())
    return bool((same | (apart <= 1e-5 + tolerance * size + slack)).all())
