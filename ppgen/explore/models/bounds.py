"""The ELBO of some images, and the importance-weighted estimate as particles grow."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from matplotlib.figure import Figure
from pyro import poutine
from torch import Tensor

from ppgen.explore.models.opened import Model
from ppgen.inference import elbo, iwae
from ppgen.objectives.elbo import latent_sites
from ppgen.plots import curves
from ppgen.running import evaluating

PARTICLES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@lru_cache(1000)
def has_bound(model: Model) -> bool:
    """Whether a model has latents that its guide draws, so that its ELBO is a bound.

    Examples
    --------
    >>> import ppgen
    >>> has_bound(Model.of("mixture", ppgen.load("mnist-mixture")))
    False
    """
    if model.classes:
        return False
    with evaluating(model.program, 0):
        trace = poutine.trace(model.program.guide).get_trace(model.test.images[:2])
    return bool(latent_sites(trace))


@dataclass(frozen=True)
class Bound:
    """Mean nats of images by a number of particles, and the standard error of the mean.

    ``particles`` is 0 for the ELBO, and None for the exact log-probability.
    """

    particles: int | None
    nats: float
    error: float


def bounds(model: Model, x: Tensor) -> Iterator[Bound]:
    """Yield the ELBO of images, the exact log-probability if there is one, and the estimates.

    The estimates are lower bounds in expectation that rise with the particles.

    Examples
    --------
    >>> import ppgen
    >>> model = Model.of("vae", ppgen.load("mnist-vae"))
    >>> few = [next(found) for found in [bounds(model, model.test.images[:5])]]
    >>> few[0].particles
    0
    """
    bound = elbo(model.program, x, 100, seed=0)
    yield Bound(0, bound.mean, bound.standard_error)
    exact = _exact(model.program, x)
    if exact is not None:
        yield Bound(None, float(exact.mean()), float(exact.std()))
    for particles in PARTICLES:
        found = iwae(model.program, x, particles, seed=0)
        yield Bound(particles, found.mean, found.standard_error)


def figure(found: list[Bound]) -> Figure:
    """Plot estimates over particles, with the ELBO and the exact value as lines.

    Examples
    --------
    >>> figure([Bound(0, -9.0, 0.1), Bound(1, -9.1, 0.1), Bound(2, -8.5, 0.1)]).savefig(
    ...     "/dev/null", format="png"
    ... )
    """
    points = [bound for bound in found if bound.particles]
    ends = (1, max([bound.particles or 1 for bound in points], default=1) + 1)
    lines: dict[str, Any] = {}
    if points:
        lines["importance weighted"] = (
            [bound.particles for bound in points],
            [bound.nats for bound in points],
        )
    for bound in found:
        if not bound.particles:
            name = "ELBO" if bound.particles == 0 else "exact log p(x)"
            lines[name] = (ends, (bound.nats, bound.nats))
    made = curves(lines, "nats an image", "particles")
    made.axes[0].set_xscale("log")
    made.axes[0].xaxis.set_major_formatter("{x:g}")
    return made


def _exact(program: Any, x: Tensor) -> Tensor | None:
    if not hasattr(program, "log_likelihood"):
        return None
    try:
        with evaluating(program, 0):
            return program.log_likelihood(x)
    except ValueError:  # of a belief net with too many states
        return None
