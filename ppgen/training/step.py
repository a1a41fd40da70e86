"""One step of stochastic variational inference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from ppgen.data.batches import Batch
from ppgen.random_state import generator_state
from ppgen.training.gradients import Gradients
from ppgen.training.not_finite import NotFiniteError, explain
from ppgen.training.state import TrainingState


@dataclass(frozen=True)
class Taken:
    """A step that was taken, and what it takes to say what went wrong in it.

    Attributes
    ----------
    number
        Of the step in its epoch, from 1.
    batch
        The step's data.
    random_state
        Of the generator before the step.
    values
        The loss in nats an image, and the norm of its gradient.
    """

    number: int
    batch: Batch
    random_state: Tensor
    values: Tensor


class Step:
    """Gradients of a batch, checked and clipped, an optimiser's update, and the average.

    A loss is looked at before the update; for that a GPU has to be waited for. So the losses of
    several steps may be fetched together: from the first step on whose loss or gradient is not
    finite, the optimiser itself then leaves its updates out, as those of torch's can that are
    ``fused``.

    Parameters
    ----------
    state
        What is trained.
    gradients
        How gradients are computed.
    clip_norm
        Largest norm of the gradient; None leaves it as it is.
    look_every
        Steps whose losses are fetched together.
    """

    def __init__(
        self,
        state: TrainingState,
        gradients: Gradients,
        clip_norm: float | None = None,
        look_every: int = 1,
    ) -> None:
        if clip_norm is not None and not clip_norm > 0:
            raise ValueError(f"clip_norm is {clip_norm}; expected a positive norm")
        self.state = state
        self.gradients = gradients
        self.clip_norm = clip_norm
        self.device = state.program.device
        self.parameters = [p for g in state.optimizer.param_groups for p in g["params"]]
        self.number = 0
        self.look_every = look_every
        self._unseen: list[Taken] = []
        if look_every > 1:  # as GradScaler tells an optimiser to update nothing, unless it is 0
            self._wrong = torch.zeros((), device=self.device)
            setattr(state.optimizer, "found_inf", self._wrong)  # noqa: B010 - not declared

    def begin_epoch(self) -> None:
        """Count from 1 again, and let the gradients know."""
        self.number = 0
        self.gradients.begin_epoch()

    def __call__(self, batch: Batch) -> list[tuple[int, float]]:
        """Take the step; return images and loss, nats an image, of the steps now known.

        Raises
        ------
        NotFiniteError
            Where loss or gradient is not finite; the parameters are as before the step.
        """
        self.number += 1
        before = generator_state(self.device)
        loss = self.gradients(batch)
        norm = get_total_norm([p.grad for p in self.parameters if p.grad is not None])
        values = torch.stack([loss, norm])
        self._unseen.append(Taken(self.number, batch, before, values))
        known = []
        if self.look_every == 1:
            known = self.look()
        else:
            self._wrong.logical_or_(~values.isfinite().all())
        if self.clip_norm is not None:
            clip_grads_with_norm_(self.parameters, self.clip_norm, norm)
        self.state.optimizer.step()
        if self.state.average is not None:
            self.state.average.update()
        return self.look() if len(self._unseen) == self.look_every else known

    def look(self) -> list[tuple[int, float]]:
        """Return images and loss of the steps that were taken since the last look.

        Raises
        ------
        NotFiniteError
            Where loss or gradient of one is not finite; the parameters are as before it.
        """
        taken, self._unseen = self._unseen, []
        known = []
        values = torch.stack([step.values for step in taken]).tolist() if taken else []
        for step, (loss, norm) in zip(taken, values, strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise NotFiniteError(
                    f"step {step.number}: the loss is {loss}, the norm of its gradient {norm}; "
                    f"not finite are {explain(self.state.program, step.batch, step.random_state)}"
                )
            known.append((len(step.batch[0]), loss))
        return known
