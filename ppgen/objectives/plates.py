"""The plates over the rows of the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from pyro.poutine import Trace
from torch import Tensor

from ppgen.objectives.traces import PARTICLES, Site, sample_sites


@dataclass(frozen=True)
class RowPlates:
    """Names of the plates over the rows; a site in one belongs to its row, others are shared."""

    names: frozenset[str] = frozenset()

    @classmethod
    def guess(cls, trace: Trace, rows: int) -> RowPlates:
        """Take the plates along the first dimension of observed data, if they have its size.

        If nothing is observed along one, the outermost plates of that size count as such. A plate
        of another meaning may have the same size by chance; :func:`find_structure` runs the program
        on fewer rows to tell.
        """
        sites = list(sample_sites(trace).values())
        sized = [(f, site) for site in sites for f in frames(site) if f.size == rows]
        along = {
            frame.name
            for frame, site in sized
            if site["is_observed"] and frame.dim == site["fn"].event_dim - site["value"].dim()
        }
        outermost = min((frame.dim for frame, _ in sized), default=0)
        return cls(frozenset(along or {f.name for f, _ in sized if f.dim == outermost}))

    def holds(self, site: Site) -> bool:
        """Whether a site lies in a plate over the rows."""
        return self.dim(site) is not None

    def dim(self, site: Site) -> int | None:
        """Return the dimension of the rows at a site, counted from the right; None if shared."""
        for frame in site["cond_indep_stack"]:
            if frame.name in self.names and frame.vectorized:
                return frame.dim
        return None

    def per_row(self, value: Tensor, site: Site) -> Tensor:
        """Sum a term over the site's other plates to ``(rows,)``, or ``(particles, rows)``.

        The term of a shared site becomes ``(1,)`` or ``(particles, 1)``.
        """
        rows = self.dim(site)
        kept = {f.dim for f in site["cond_indep_stack"] if f.name == PARTICLES} | {rows}
        summed = [dim for dim in range(-value.dim(), 0) if dim not in kept]
        if summed:
            value = value.sum(summed)
        return value.unsqueeze(-1) if rows is None else value

    def sums(self, terms: Iterable[tuple[Tensor, Site]]) -> tuple[Tensor, Tensor]:
        """Sum terms to one number a row, ``(…, rows)``, and one of what rows share, ``(…, 1)``."""
        terms = list(terms)
        rows = shared = torch.zeros(1, device=terms[0][0].device if terms else None)
        for term, site in terms:
            if self.holds(site):
                rows = rows + self.per_row(term, site)
            else:
                shared = shared + self.per_row(term, site)
        return rows, shared


def frames(site: Site) -> list[Any]:
    """Return the vectorised plates around a site, that of particles left out."""
    return [f for f in site["cond_indep_stack"] if f.vectorized and f.name != PARTICLES]


def plate_nesting(traces: Iterable[Trace]) -> int:
    """Count the dimensions that the plates of some traces take."""
    sites = [site for trace in traces for site in sample_sites(trace).values()]
    return max((-f.dim for site in sites for f in frames(site)), default=0)
