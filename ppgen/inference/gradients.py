"""Ways to compute the gradients of a batch: all return the loss and leave gradients in `.grad`."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import pyro
import torch
from pyro.infer import ELBO
from torch import Tensor, nn

from ppgen.program import Program

Batch = tuple[Tensor, ...]


class Gradients(Protocol):
    """Computes the negative ELBO of a batch, in nats an image, and its gradients."""

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""


class Objective(nn.Module):
    """The negative ELBO of a batch, in nats an image, as a function of module parameters.

    Parameters
    ----------
    program
        Model and guide.
    elbo
        Any ELBO of Pyro's; by default the program's own.
    bfloat16
        Whether networks compute in bfloat16 (torch's autocast).
    """

    def __init__(self, program: Program, elbo: ELBO | None = None, bfloat16: bool = False) -> None:
        super().__init__()
        self.program = program
        # Pyro's ELBOs keep what they guess of a model, so each fit has its own.
        self.elbo: Any = copy.deepcopy(elbo or program.elbo)
        self.autocast = bfloat16

    def forward(self, *batch: Tensor) -> Tensor:
        """Differentiable loss."""
        with self.precision():
            loss = self.elbo.differentiable_loss(self.program.model, self.program.guide, *batch)
        return loss / len(batch[0])

    def value(self, *batch: Tensor) -> float:
        """Loss as a number, without gradients."""
        with torch.no_grad(), self.precision():
            loss = self.elbo.loss(self.program.model, self.program.guide, *batch)
        return first(loss) / len(batch[0])

    def precision(self) -> AbstractContextManager:
        """Autocast to bfloat16, or nothing."""
        if not self.autocast:
            return nullcontext()
        # Tracing a step must record the casts of weights, so none may come from the cache.
        device = self.program.device.type
        return torch.autocast(device, dtype=torch.bfloat16, cache_enabled=False)

    def gradients(self) -> Gradients:
        """Choose the plain way to this ELBO's gradients."""
        if hasattr(self.elbo, "differentiable_loss"):
            return Backward(self)
        return LossAndGrads(self)


class Backward:
    """Gradients by one backward pass through the differentiable loss."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.parameters = list(objective.parameters())

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""
        for parameter in self.parameters:
            parameter.grad = None
        loss = self.objective(*batch)
        if loss.requires_grad:
            loss.backward()
        return loss.detach()


class LossAndGrads:
    """Gradients by ``ELBO.loss_and_grads``, for Pyro's ELBOs that have no differentiable loss."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.parameters = [p for p in objective.parameters() if p.requires_grad]

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""
        objective, program = self.objective, self.objective.program
        for parameter in self.parameters:
            parameter.grad = None

        def model(*args: Any) -> Any:
            # Pyro skips the backward pass of a program without a single param statement.
            pyro.param("this program has parameters", lambda: torch.zeros(()))
            return program.model(*args)

        with objective.precision(), pyro.get_param_store().scope():
            loss = objective.elbo.loss_and_grads(model, program.guide, *batch)
        size = len(batch[0])
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.grad /= size
        return torch.tensor(first(loss) / size)


def first(loss: float | tuple[float, ...]) -> float:
    """Take the model's loss: reweighted wake–sleep returns the guide's beside it."""
    return loss[0] if isinstance(loss, tuple) else loss
