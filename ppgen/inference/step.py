"""One step of stochastic variational inference."""

from __future__ import annotations

import math

from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from ppgen.inference.finite import NotFiniteError, explain
from ppgen.inference.gradients import Batch, Gradients
from ppgen.inference.random_state import generator_state
from ppgen.inference.training import TrainingState


class Step:
    """Gradients of a batch, checked and clipped, an optimiser's update, and the average.

    Parameters
    ----------
    state
        What is trained.
    gradients
        How gradients are computed.
    clip_norm
        Largest norm of the gradient; None leaves it as it is.
    """

    def __init__(
        self, state: TrainingState, gradients: Gradients, clip_norm: float | None = None
    ) -> None:
        if clip_norm is not None and not clip_norm > 0:
            raise ValueError(f"clip_norm is {clip_norm}; expected a positive norm")
        self.state = state
        self.gradients = gradients
        self.clip_norm = clip_norm
        self.device = state.program.device
        self.parameters = [p for g in state.optimizer.param_groups for p in g["params"]]

    def __call__(self, batch: Batch) -> float:
        """Take the step; return the loss in nats an image.

        Raises
        ------
        NotFiniteError
            Where loss or gradient is not finite; the parameters are as before the step.
        """
        before = generator_state(self.device)
        loss = self.gradients(batch)
        norm = get_total_norm([p.grad for p in self.parameters if p.grad is not None])
        value = loss.item()
        if not (math.isfinite(value) and math.isfinite(norm.item())):
            raise NotFiniteError(
                f"the loss is {value}, the norm of its gradient {norm.item()}; not finite are "
                f"{explain(self.state.program, batch, before)}"
            )
        if self.clip_norm is not None:
            clip_grads_with_norm_(self.parameters, self.clip_norm, norm)
        self.state.optimizer.step()
        if self.state.average is not None:
            self.state.average.update()
        return value
