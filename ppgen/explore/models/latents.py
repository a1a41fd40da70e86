"""Latent vectors of images, and images on ways through the latent space."""

from functools import cached_property
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from ppgen.explore.models.opened import Model
from ppgen.objectives.elbo import latent_sites
from ppgen.program import Program
from ppgen.running import evaluating

FARTHEST = 3.0  # from the origin, of latents that have the prior N(0, 1)
WALK = 7  # images of an axis
WAY = 9  # images between two points


def has_latent_plane(program: Program) -> bool:
    """Whether a program decodes vectors of two or more real latents into mean images.

    Examples
    --------
    >>> import ppgen
    >>> [has_latent_plane(ppgen.load(name)) for name in ("mnist-vae", "mnist-mixture")]
    [True, False]
    """
    latent = getattr(program, "latent", 0)
    return callable(getattr(program, "decode", None)) and isinstance(latent, int) and latent > 1


class Latents:
    """The latents of a model's test images, and its decoder.

    Examples
    --------
    >>> import ppgen
    >>> latents = Latents(Model.of("vae", ppgen.load("mnist-vae")))
    >>> latents.means.shape, latents.order
    (torch.Size([300, 2]), [0, 1])
    >>> latents.image(torch.zeros(2)).shape
    torch.Size([1, 28, 28])
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.program: Any = model.program

    @cached_property
    def means(self) -> Tensor:
        """Posterior means of the test images, ``(images, latent)``; draws if there are no means."""
        with evaluating(self.program, 0):
            trace = poutine.trace(self.program.guide).get_trace(self.model.test.images)
        site = next(iter(latent_sites(trace).values()))
        try:
            return site["fn"].mean
        except NotImplementedError:  # of a flow
            return site["value"]

    @cached_property
    def activity(self) -> Tensor:
        """Variance of the posterior means over the images, ``(latent,)``.

        A dimension that the model ignores has the prior's mean for every image (Burda, Grosse and
        Salakhutdinov 2016, Importance weighted autoencoders, section 5.2).
        """
        return self.means.var(0)

    @cached_property
    def order(self) -> list[int]:
        """Dimensions in falling order of activity; of equals the first first."""
        return self.activity.sort(descending=True, stable=True).indices.tolist()

    @property
    def reach(self) -> float:
        """Largest distance from 0 that is shown along a dimension."""
        return max(FARTHEST, float(self.means.abs().max().ceil()))

    @torch.no_grad()
    def image(self, z: Tensor) -> Tensor:
        """Return the mean image at latents ``(latent,)``, ``(channel, height, width)``."""
        return self.images(z.unsqueeze(0))[0]

    @torch.no_grad()
    def images(self, z: Tensor) -> Tensor:
        """Return the mean images at latents ``(batch, latent)``."""
        return self.program.decode(z.to(self.program.dtype))

    def walk(self, z: Tensor, dimension: int) -> Tensor:
        """Return images along one dimension from −3 to 3, the others as in ``z``."""
        moved = z.repeat(WALK, 1)
        moved[:, dimension] = torch.linspace(-FARTHEST, FARTHEST, WALK)
        return self.images(moved)

    def way(self, start: Tensor, end: Tensor) -> Tensor:
        """Return images at equal steps on the straight line between two points."""
        weights = torch.linspace(0, 1, WAY).view(-1, 1)
        return self.images(torch.lerp(start, end, weights))

    def nearest(self, z: Tensor) -> int:
        """Return the number of the test image whose latents are nearest."""
        return int((self.means - z).square().sum(1).argmin())
