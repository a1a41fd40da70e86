"""An image that an autoregressive network draws pixel by pixel, from fixed random numbers."""

import copy
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from ppgen.explore.models.opened import Model
from ppgen.program import Program
from ppgen.running import evaluating


def draws_pixels(program: Program) -> bool:
    """Whether a program draws images of one channel pixel after pixel.

    Examples
    --------
    >>> import ppgen
    >>> draws_pixels(ppgen.load("mnist-vae"))
    False
    """
    network = getattr(program, "network", None)
    shape: tuple[int, ...] = getattr(network, "shape", ())
    return hasattr(network, "ancestral_sample") and len(shape) == 3 and shape[0] == 1


class PixelByPixel:
    """A draw of an autoregressive network, from which others that differ in a pixel are made.

    Every pixel has its random number, those of torch's generator with one seed. So after a change
    only what depends on it differs. Arguments of methods and results count pixels in the order of
    drawing.

    Parameters
    ----------
    model
        With an autoregressive network.
    member
        Number of the network's member, if it has several.

    Attributes
    ----------
    image
        The whole draw, ``(1, height, width)``, values in the support.
    probabilities
        Mean of each pixel given those before it, in ``(1, height, width)``, grey values; of binary
        pixels the probability of white.
    log_probs
        Of each pixel given those before it, nats, in the same shape.
    changed
        Pixels that differ from the draw that this one was made from, in the same shape.

    Examples
    --------
    >>> import ppgen
    >>> from ppgen.autoregressive import MADE
    >>> program = ppgen.models.AutoregressiveModel(MADE((1, 8, 8)))
    >>> drawn = PixelByPixel(Model.of("made", program))
    >>> drawn.flipped(20).changed.flatten()[:22].tolist().index(True)
    20
    """

    def __init__(self, model: Model, label: int = 0, seed: int = 0, member: int = 0) -> None:
        self.model = model
        program: Any = model.program
        self.members: Sequence[Any] = program.network.members
        self.label, self.seed, self.member = label, seed, member
        self._draw(None, None)
        self.changed = torch.zeros_like(self.image, dtype=torch.bool)

    @property
    def network(self) -> Any:
        """The member of the network that draws."""
        return self.members[self.member]

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.network.pixels

    def place(self, step: int) -> tuple[int, int]:
        """Return row and column of the pixel that a step draws."""
        return divmod(int(self.network.ordering[step]), self.model.image_shape[-1])

    def step_of(self, row: int, column: int) -> int:
        """Return the step that draws a pixel."""
        position = row * self.model.image_shape[-1] + column
        return int((self.network.ordering == position).nonzero())

    def flipped(self, step: int) -> Self:
        """Swap the grey value of a pixel, and draw those after it from the same random numbers."""
        known = torch.zeros(self.pixels, dtype=torch.bool)
        known[: step + 1] = True
        given = self.network.in_order(self.image).clone()
        given[step] = self.model.encode(1 - self.model.grey(given[step].view(1, 1, 1, 1))).flatten()
        other = copy.copy(self)
        other._draw(self.network.to_image(given), self.network.to_image(known))
        other.changed = other.image != self.image
        return other

    def until(self, step: int, values: Tensor) -> Tensor:
        """Return values of the pixels before a step, and NaN for the others."""
        known = self.network.to_image(torch.arange(self.pixels) < step)
        return values.where(known, torch.nan)

    def nats(self, step: int) -> float:
        """Return minus the log-probability of the pixels before a step."""
        return 0.0 - float(self.network.in_order(self.log_probs)[:step].sum())  # and not -0.0

    def _draw(self, given: Tensor | None, known: Tensor | None) -> None:
        network, program = self.network, self.model.program
        if given is not None and known is not None:
            given, known = given.unsqueeze(0), known.unsqueeze(0)
        context = network.context_vectors(*self.model.context(self.label) or (None,))
        # The sampler draws known pixels too, and so consumes the same random numbers.
        with evaluating(program, self.seed):
            drawn = network.ancestral_sample(1, context, given, known)
            raw = network(drawn, context)
            conditionals = network.likelihood.distribution(raw)
            self.probabilities = network.likelihood.mean(conditionals)[0]
            self.log_probs = network.log_probs(drawn, context)[0]
        self.image = drawn[0]
