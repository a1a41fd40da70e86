"""From a batch to the optimiser's update."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from ppgen.data.batch import Batch
from ppgen.training.gradients import Gradients
from ppgen.training.state import TrainingState


class Update(ABC):
    """A way to take a training step."""

    @abstractmethod
    def __call__(self, batch: Batch, random_state: Tensor) -> Tensor:
        """Take a step, if it is finite; return the loss and the norm of its gradient, ``(2,)``.

        ``random_state`` is that of the generator.
        """

    def begin_epoch(self) -> None:  # noqa: B027 - most run the program itself at every step
        """Expect that something outside the parameters has changed since the last step."""

    def show_gradients(self, batch: Batch) -> None:  # noqa: B027 - most leave them there
        """Leave the gradients of a batch, whose step was not taken, in the parameters' ``grad``."""


class Separate(Update):
    """Gradients of a batch, then clipping, the optimiser's update, and the average.

    ``clip_norm`` is the largest norm of the gradient. ``skipped`` is a tensor that becomes 1 with
    the first step that is not finite; by it torch's ``fused`` optimisers skip their updates from
    there on, so that nobody has to wait for the loss. None: each step waits.
    """

    def __init__(
        self,
        gradients: Gradients,
        state: TrainingState,
        clip_norm: float | None = None,
        skipped: Tensor | None = None,
    ) -> None:
        self.gradients, self.state, self.clip_norm = gradients, state, clip_norm
        self.parameters = state.parameters
        self.skipped = skipped
        # As GradScaler tells an optimiser to update nothing, unless it is 0.
        if skipped is not None:
            setattr(state.optimizer, "found_inf", skipped)  # noqa: B010 - not declared

    def __call__(self, batch: Batch, random_state: Tensor) -> Tensor:
        """Take a step, if it is finite; return the loss and the norm of its gradient."""
        loss = self.gradients(batch)
        norm = get_total_norm([p.grad for p in self.parameters if p.grad is not None])
        values = torch.stack([loss, norm.to(loss.dtype)])
        if self.skipped is not None:
            self.skipped.logical_or_(~values.isfinite().all())
        elif not all(map(math.isfinite, values.tolist())):
            return values
        if self.clip_norm is not None:
            clip_grads_with_norm_(self.parameters, self.clip_norm, norm)
        self.state.optimizer.step()
        if self.state.average is not None:
            self.state.average.update()
        return values
