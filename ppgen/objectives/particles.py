"""Several draws of a program's latent sites: all at once, or one after the other."""

from collections.abc import Callable
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.poutine import Trace
from torch import Tensor

from ppgen.objectives.elbo import Fn, latent_sites, paired_traces, plate_nesting
from ppgen.objectives.plates import PARTICLES
from ppgen.running import own_random_state

Weigh = Callable[[Trace, Trace], tuple[Tensor, Tensor]]
"""From traces of model and guide to two tensors, ``(…, rows)`` or ``(…, 1)``."""

TOLERANCE = 1e-4
"""Of the comparison of two ways to one sum in float32; programs that mix draws up differ by more
than a rounding error of many thousand terms."""


class Draws:
    """Draw latent sites from a guide several times, and weigh each draw.

    All draws at once, in a plate to the left of the programs' own, cost one run. Programs that
    count dimensions from the left then mix the draws up silently. So the first draw of such a run
    is repeated without the plate. If the two differ, or the run fails, draws are made one after the
    other from then on. This is decided once.
    """

    def __init__(self) -> None:
        self.together: bool | None = None
        self._nesting = 0

    def __call__(
        self, model: Fn, guide: Fn, args: Any, kwargs: Any, draws: int, weigh: Weigh
    ) -> tuple[Tensor, ...]:
        """Return what ``weigh`` computes of each draw, ``(draws, …)`` each."""
        if self.together is None:
            self.together = self._agree(model, guide, args, kwargs, weigh)
        if self.together and draws > 1:
            with pyro.plate(PARTICLES, draws, dim=-self._nesting - 1):
                first, second = weigh(*paired_traces(model, guide, args, kwargs))
            # What does not depend on the draw has no dimension for it.
            return tuple(t.expand(draws, *t.shape[-1:]) for t in (first, second))
        weighed = [weigh(*paired_traces(model, guide, args, kwargs)) for _ in range(draws)]
        return tuple(torch.stack(parts) for parts in zip(*weighed, strict=True))

    def _agree(self, model: Fn, guide: Fn, args: Any, kwargs: Any, weigh: Weigh) -> bool:
        with torch.no_grad(), own_random_state(0):
            alone = paired_traces(model, guide, args, kwargs)
            self._nesting = plate_nesting(alone)
            try:
                with pyro.plate(PARTICLES, 2, dim=-self._nesting - 1):
                    several = paired_traces(model, guide, args, kwargs)
                    together = weigh(*several)
                first = poutine.Trace()
                for name, site in latent_sites(several[1]).items():
                    dim = -self._nesting - 1 - site["fn"].event_dim
                    first.add_node(name, **{**site, "value": site["value"].select(dim, 0)})
                again = weigh(*paired_traces(model, poutine.replay(guide, first), args, kwargs))
            except (MemoryError, torch.OutOfMemoryError):
                raise
            except Exception:  # networks that take no further dimension raise errors of many kinds
                return False
        return all(
            several.expand(2, *several.shape[-1:]).shape == (2, *one.shape)
            and bool(((several.expand(2, -1)[0] - one).abs() <= TOLERANCE * one.abs().max()).all())
            for several, one in zip(together, again, strict=True)
        )
