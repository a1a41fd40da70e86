"""Ways to compute the gradients of a batch: all return the loss and leave gradients in `.grad`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import pyro
import torch
from pyro.infer import ELBO
from torch import Tensor, nn

from ppgen.data.batches import Batch
from ppgen.objectives import TensorELBO
from ppgen.program import Program


class Gradients(Protocol):
    """Computes the negative ELBO of a batch, in nats an image, and its gradients."""

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""

    def begin_epoch(self) -> None:
        """Hear that something outside the parameters may have changed since the last step."""


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
    data_size
        Images of the data set, among which the terms of sites outside the batch are divided.

    Raises
    ------
    TypeError
        Where ``elbo`` is none that can be used.
    """

    def __init__(
        self,
        program: Program,
        elbo: ELBO | None = None,
        bfloat16: bool = False,
        data_size: int | None = None,
    ) -> None:
        super().__init__()
        self.program = program
        self.elbo: Any = own_elbo(elbo or program.objective, data_size)
        self.device = program.device  # looked up once: it takes a walk through the modules
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

    @contextmanager
    def precision(self) -> Iterator[None]:
        """Make tensors on the program's device, and autocast to bfloat16 if that is asked for."""
        with on_device(self.device):
            if not self.autocast:
                yield
                return
            # Tracing a step must record the casts of weights, so none may come from the cache.
            with torch.autocast(self.device.type, dtype=torch.bfloat16, cache_enabled=False):
                yield

    def gradients(self) -> Gradients:
        """Choose the plain way to this ELBO's gradients."""
        if hasattr(self.elbo, "differentiable_loss"):
            return Backward(self)
        return LossAndGrads(self)


class Backward:
    """Gradients by one backward pass through the differentiable loss."""

    def __init__(self, objective: nn.Module) -> None:
        self.objective = objective
        self.parameters = list(objective.parameters())

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""
        for parameter in self.parameters:
            parameter.grad = None
        loss = self.objective(*batch)
        if not loss.requires_grad:
            raise ValueError(
                "the loss depends on no parameter of the program; nothing can be trained"
            )
        loss.backward()
        return loss.detach()

    def begin_epoch(self) -> None:
        """Do nothing: the program itself runs at every step."""


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
        return torch.tensor(first(loss) / size, dtype=torch.double, device=objective.device)

    def begin_epoch(self) -> None:
        """Do nothing: the program itself runs at every step."""


def own_elbo(elbo: Any, data_size: int | None, num_particles: int | None = None) -> Any:
    """Copy an ELBO: Pyro's keep what they guess of a model, so each use has its own."""
    if not isinstance(elbo, ELBO) or type(elbo).__name__.startswith("Jit"):
        raise TypeError(
            f"objective is {elbo!r}; expected an instance of one of Pyro's ELBOs, such as "
            "Trace_ELBO(); of those compiled by torch.jit, name the plain one and compile='on'"
        )
    elbo = copy.deepcopy(elbo)
    if isinstance(elbo, TensorELBO):
        elbo.data_size = data_size
    if num_particles is not None:
        elbo.num_particles = num_particles
    return elbo


def on_device(device: torch.device) -> AbstractContextManager:
    """Let ``torch.zeros`` and its like in a program make tensors on a device other than the CPU."""
    return nullcontext() if device.type == "cpu" else torch.device(device)


def first(loss: float | tuple[float, ...]) -> float:
    """Take the model's loss: reweighted wake–sleep returns the guide's beside it."""
    return loss[0] if isinstance(loss, tuple) else loss
