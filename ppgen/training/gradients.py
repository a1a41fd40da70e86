"""Ways from a batch to the gradients of an objective."""

from abc import ABC, abstractmethod
from typing import Any

import pyro
import torch
from pyro.ops.provenance import detach_provenance
from torch import Tensor, nn
from torch.distributions.constraints import real

from ppgen.data.batch import Batch
from ppgen.objectives.objective import Objective

RUNNING_MEAN = "__baseline_avg_downstream_cost_"  # Pyro's names for them


class Gradients(ABC):
    """Computes the negative ELBO of a batch, in nats a row, and its gradients."""

    @abstractmethod
    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""


class Backward(Gradients):
    """Gradients by one backward pass through the differentiable loss."""

    def __init__(self, objective: nn.Module) -> None:
        self.objective = objective
        self.parameters = list(objective.parameters())

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""
        for parameter in self.parameters:
            parameter.grad = None
        loss = self.objective(batch)
        if not loss.requires_grad:
            raise ValueError(
                "the loss depends on no parameter of the program; expected one or more that "
                "require a gradient"
            )
        loss.backward()
        return loss.detach()


class LossAndGrads(Gradients):
    """Gradients by ``ELBO.loss_and_grads``, for Pyro's ELBOs that have no differentiable loss.

    ``kept`` is what Pyro keeps between steps; it is filled and updated here.
    """

    def __init__(self, objective: Objective, kept: dict[str, Tensor]) -> None:
        self.objective = objective
        self.parameters = [p for p in objective.parameters() if p.requires_grad]
        self.kept = kept

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""
        objective = self.objective
        for parameter in self.parameters:
            parameter.grad = None
        program_model, guide = objective.programs(batch)

        def model(*args: Any, **kwargs: Any) -> Any:
            # Pyro skips the backward pass of a program without a single param statement.
            pyro.param("this program has parameters", lambda: torch.zeros(()))
            return program_model(*args, **kwargs)

        # Each call of the program opens its own store. In the one around it Pyro keeps the running
        # means of baselines.
        constraints = dict.fromkeys(self.kept, real)
        store: dict[str, Any] = {"params": dict(self.kept), "constraints": constraints}
        with pyro.get_param_store().scope(store), objective.running(own_store=False):
            loss = objective.elbo.loss_and_grads(model, guide, *batch.args, **batch.kwargs)
        means = {
            name: detach_provenance(mean).detach()  # TraceGraph_ELBO marks what it computes
            for name, mean in store["params"].items()
            if name.startswith(RUNNING_MEAN)
        }
        self.kept.update(means)
        size = objective.divisor(batch)
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.grad /= size
        # Reweighted wake-sleep returns the guide's loss beside the model's.
        loss = loss[0] if isinstance(loss, tuple) else loss
        return torch.as_tensor(loss / size, dtype=torch.double, device=objective.device).detach()


def plain_gradients(objective: Objective, kept: dict[str, Tensor] | None = None) -> Gradients:
    """Return the uncompiled way to the gradients of an objective, which may keep some tensors."""
    if hasattr(objective.elbo, "differentiable_loss"):
        return Backward(objective)
    return LossAndGrads(objective, {} if kept is None else kept)
