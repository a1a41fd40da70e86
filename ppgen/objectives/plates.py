"""Sites of a trace, and the plates over the rows that they lie in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from pyro.distributions import Unit
from torch import Tensor
from torch.distributions.constraints import Constraint

Site = dict[str, Any]
"""A statement in a trace."""

PARTICLES = "particles"  # the plate of repeated draws, left of all others


@dataclass(frozen=True)
class RowPlates:
    """Names of the plates over the rows; a site in one belongs to its row, others are shared."""

    names: frozenset[str] = frozenset()

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


def is_marked(site: Site) -> bool:
    """Whether a program marks a site for enumeration."""
    return bool(site["infer"].get("enumerate"))


def innermost(fn: Any) -> Any:
    """Return the distribution inside others, such as ``Independent`` and masked ones."""
    while hasattr(fn, "base_dist"):
        fn = fn.base_dist
    return fn


def innermost_support(fn: Any) -> Constraint:
    """Return the support of one element of a distribution's values."""
    support = fn.support
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    return support


def is_factor(site: Site) -> bool:
    """Whether a site is that of ``pyro.factor``."""
    return isinstance(innermost(site["fn"]), Unit)
