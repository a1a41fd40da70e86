"""One step of stochastic variational inference: from a batch to the optimiser's update."""

import math
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import pyro
import torch
from torch import Tensor, nn
from torch.distributions.constraints import real
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from ppgen.data.batches import Batch
from ppgen.objectives.elbo import log_prob, paired_traces, sample_sites
from ppgen.objectives.objective import Objective
from ppgen.objectives.structure import first_lines
from ppgen.program import Program
from ppgen.running import generator
from ppgen.training.state import TrainingState

RUNNING_MEAN = "__baseline_avg_downstream_cost_"  # Pyro's names for them


class NotFiniteError(ArithmeticError):
    """A training step gave NaN or infinity."""


class Gradients(ABC):
    """Computes the negative ELBO of a batch, in nats a row, and its gradients."""

    @abstractmethod
    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""

    def begin_epoch(self) -> None:  # noqa: B027 - most run the program itself at every step
        """Expect that something outside the parameters has changed since the last step."""


class Taken(NamedTuple):
    """A step that was taken, and what it takes to say what went wrong in it."""

    number: int  # in its epoch, from 1
    batch: Batch
    random_state: Tensor  # before the step
    values: Tensor  # the loss in nats a row, and the norm of its gradient


class Step:
    """Gradients of a batch, checked and clipped, an optimiser's update, and the average.

    A loss is checked before the update, and a GPU has to be waited for to read it. So the losses of
    several steps may be read together. From the first step on whose loss or gradient is not
    finite, the optimiser then skips its updates, as torch's ``fused`` optimisers can.

    ``clip_norm`` is the largest norm of the gradient, and ``read_every`` the number of steps whose
    losses are read together.
    """

    def __init__(
        self,
        state: TrainingState,
        gradients: Gradients,
        clip_norm: float | None = None,
        read_every: int = 1,
    ) -> None:
        self.state = state
        self.gradients = gradients
        self.clip_norm = clip_norm
        self.generator = generator(state.program.device)
        self.parameters = [p for g in state.optimizer.param_groups for p in g["params"]]
        self.number = 0
        self.read_every = read_every
        self._unread: list[Taken] = []
        if read_every > 1:  # as GradScaler tells an optimiser to update nothing, unless it is 0
            self._wrong = torch.zeros((), device=state.program.device)
            setattr(state.optimizer, "found_inf", self._wrong)  # noqa: B010 - not declared

    def begin_epoch(self) -> None:
        """Count from 1 again."""
        self.number = 0
        self.gradients.begin_epoch()

    def __call__(self, batch: Batch) -> list[tuple[int, float]]:
        """Take the step; return rows and loss, in nats a row, of steps whose losses are read."""
        self.number += 1
        before = self.generator.get_state()
        loss = self.gradients(batch)
        norm = get_total_norm([p.grad for p in self.parameters if p.grad is not None])
        values = torch.stack([loss, norm.to(loss.dtype)])
        self._unread.append(Taken(self.number, batch, before, values))
        known = []
        if self.read_every == 1:
            known = self.read()
        else:
            self._wrong.logical_or_(~values.isfinite().all())
        if self.clip_norm is not None:
            clip_grads_with_norm_(self.parameters, self.clip_norm, norm)
        self.state.optimizer.step()
        if self.state.average is not None:
            self.state.average.update()
        return self.read() if len(self._unread) == self.read_every else known

    def read(self) -> list[tuple[int, float]]:
        """Return rows and loss of the steps since the last reading.

        Raises a NotFiniteError if loss or gradient of one is not finite; the parameters are as
        before it.
        """
        taken, self._unread = self._unread, []
        known = []
        values = torch.stack([step.values for step in taken]).tolist() if taken else []
        for step, (loss, norm) in zip(taken, values, strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise NotFiniteError(
                    f"step {step.number}: the loss is {loss}, the norm of its gradient {norm}; "
                    f"not finite are {self._explain(step)}"
                )
            known.append((step.batch.size, loss))
        return known

    def _explain(self, step: Taken) -> str:
        self.generator.set_state(step.random_state)  # so that the same values are drawn
        return explain(self.state.program, step.batch)


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
                "the loss depends on no parameter of the program; nothing can be trained"
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
        means = {n: p.detach() for n, p in store["params"].items() if n.startswith(RUNNING_MEAN)}
        self.kept.update(means)
        size = objective.divisor(batch)
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.grad /= size
        # Reweighted wake-sleep returns the guide's loss beside the model's.
        loss = loss[0] if isinstance(loss, tuple) else loss
        return torch.tensor(loss / size, dtype=torch.double, device=objective.device)


def plain_gradients(objective: Objective, kept: dict[str, Tensor] | None = None) -> Gradients:
    """Return the uncompiled way to the gradients of an objective, which may keep some tensors."""
    if hasattr(objective.elbo, "differentiable_loss"):
        return Backward(objective)
    return LossAndGrads(objective, {} if kept is None else kept)


def explain(program: Program, batch: Batch) -> str:
    """Say which sites and parameters, with the gradients of a step in them, are not finite."""
    gradients = [name for name, p in program.named_parameters() if not is_finite(p.grad)]
    values = [name for name, p in program.named_parameters() if not is_finite(p)]
    with torch.no_grad():
        sites = _sites(program, batch)
    findings = {
        "parameters": values,
        "log-probability of the sites": sites,
        "gradients of the parameters": gradients,
    }
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in findings.items() if names)


def is_finite(tensor: Tensor | nn.Parameter | None) -> bool:
    """Whether all values are finite; of a gradient that is not there, they are."""
    return tensor is None or bool(tensor.isfinite().all())


def _sites(program: Program, batch: Batch) -> list[str]:
    try:
        traces = paired_traces(program.model, program.guide, batch.args, batch.kwargs)
    except (ValueError, RuntimeError) as error:  # a distribution names its invalid parameters
        return [first_lines(error)]
    sites = [(trace, name) for trace in traces for name in sample_sites(trace)]
    return list(dict.fromkeys(name for t, name in sites if not is_finite(log_prob(t.nodes[name]))))
