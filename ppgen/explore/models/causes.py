"""Binary causes of images, which can be switched on and off."""

from functools import lru_cache

import torch
from pyro import poutine
from pyro.distributions import constraints
from torch import Tensor

from ppgen.explore.models.opened import Model
from ppgen.inference.images import image_site
from ppgen.objectives.elbo import latent_sites
from ppgen.objectives.plates import Site, innermost_support
from ppgen.program import Program
from ppgen.running import evaluating


@lru_cache(1000)
def has_causes(program: Program) -> bool:
    """Whether a program's images have binary causes: the lowest latent site is a binary vector.

    Examples
    --------
    >>> from ppgen.models import SigmoidBeliefNet
    >>> has_causes(SigmoidBeliefNet((1, 8, 8), latents=[10]))
    True
    """
    try:
        fn = _lowest(program)[0]["fn"]
        return fn.event_dim == 1 and innermost_support(fn) is constraints.boolean
    except (TypeError, ValueError, RuntimeError, NotImplementedError, StopIteration):
        return False


class Causes:
    """The lowest layer of binary latents of a belief net.

    Attributes
    ----------
    on
        Which causes are on, booleans ``(causes,)``.

    Examples
    --------
    >>> from ppgen.models import SigmoidBeliefNet
    >>> causes = Causes(Model.of("net", SigmoidBeliefNet((1, 8, 8), latents=[10])))
    >>> causes.switch(3)
    >>> causes.on.nonzero().flatten().tolist(), causes.image.shape
    ([3], torch.Size([1, 8, 8]))
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        site, self._pixels = _lowest(model.program)
        self.site = site["name"]
        self.on = torch.zeros(site["fn"].event_shape, dtype=torch.bool)

    def __len__(self) -> int:
        return len(self.on)

    def switch(self, cause: int) -> None:
        """Turn a cause on or off."""
        self.on = self.on.clone()
        self.on[cause] = ~self.on[cause]

    def turn_off(self) -> None:
        """Turn all causes off."""
        self.on = torch.zeros_like(self.on)

    def draw(self, seed: int) -> "Causes":
        """Draw the causes from the prior."""
        with evaluating(self.model.program, seed):
            trace = poutine.trace(self.model.program.model).get_trace(n=1)
        self.on = trace.nodes[self.site]["value"][0].bool()
        return self

    def infer(self, x: Tensor, seed: int) -> "Causes":
        """Draw the causes of an image ``(channel, height, width)`` from the guide."""
        with evaluating(self.model.program, seed):
            trace = poutine.trace(self.model.program.guide).get_trace(x.unsqueeze(0))
        self.on = trace.nodes[self.site]["value"][0].bool()
        return self

    @property
    def image(self) -> Tensor:
        """Pixel probabilities given the causes."""
        return self.images(self.on.unsqueeze(0))[0]

    @property
    def effects(self) -> Tensor:
        """Pixel probabilities given one cause alone, ``(causes, channel, height, width)``."""
        return self.images(torch.eye(len(self)).bool())

    def images(self, on: Tensor) -> Tensor:
        """Return pixel probabilities given causes ``(batch, causes)``."""
        program = self.model.program
        with evaluating(program, 0):
            given = poutine.condition(program.model, {self.site: on.to(program.dtype)})
            trace = poutine.trace(given).get_trace(n=len(on))
            return program.image(trace.nodes[self._pixels]["fn"])


def _lowest(program: Program) -> tuple[Site, str]:
    """Find the latent site that the model draws last, and the name of the site of images."""
    with evaluating(program, 0):
        trace = poutine.trace(program.model).get_trace(n=2)
        name = image_site(program, trace)["name"]
    names = [found for found in latent_sites(trace) if found != name]
    return trace.nodes[names[-1] if names else name], name
