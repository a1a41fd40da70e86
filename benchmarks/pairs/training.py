"""Ways to train a program step by step, in this process."""

from abc import ABC, abstractmethod
from contextlib import ExitStack

import pyro
import pyro.optim
import torch
from pyro.infer import SVI, Trace_ELBO

import ppgen
from benchmarks.pairs.by_hand import LOOPS
from benchmarks.pairs.data import Problem
from benchmarks.pairs.in_pyro import BUILDERS
from benchmarks.steps import operations, step_of_fit
from ppgen.data.batches import Batches
from ppgen.running import on_device
from ppgen.training.compiled import Mode


def tensors(arrays, device):
    """Turn arrays into tensors, which nothing else shares."""
    return {key: torch.tensor(array, device=device) for key, array in arrays.items()}


class Training(ABC):
    """Training that can start again, from the problem's first values.

    Parameters
    ----------
    name, problem
        The program and its data.
    device
        Device that everything is computed on.
    """

    def __init__(self, name: str, problem: Problem, device: torch.device) -> None:
        self.name, self.problem, self.device = name, problem, device
        self.args = tuple(tensors(problem.data, device).values())
        self.restart(0)

    @abstractmethod
    def restart(self, seed: int) -> None:
        """Go back to the first values, and draw by this seed from now on."""

    @abstractmethod
    def take(self, steps: int) -> list[float]:
        """Take steps; return their losses in nats, over all rows."""

    def losses(self, seeds: int) -> list[list[float]]:
        """Return the losses of fits by several seeds, ``(seeds, steps)``."""
        found = []
        for seed in range(seeds):
            self.restart(seed)
            found.append(self.take(self.problem.steps))
        return found

    def pair(self):
        """Build a new pair of Pyro programs."""
        return BUILDERS[self.name](tensors(self.problem.start, self.device))


class Ours(Training):
    """Steps of ``ppgen.fit``."""

    def __init__(
        self, name: str, problem: Problem, device: torch.device, mode: Mode = "off"
    ) -> None:
        self.mode, self.step = mode, None
        super().__init__(name, problem, device)

    @staticmethod
    def program_and_data(name, problem, device="cpu"):
        """Return program and data as ``ppgen.fit`` takes them."""
        pair = BUILDERS[name](tensors(problem.start, device))
        # The plain ELBO is left to ppgen, as by a user who names none.
        objective = None if type(pair.elbo) is Trace_ELBO else pair.elbo
        program = ppgen.as_program((pair.model, pair.guide), objective=objective)
        return program, tuple(tensors(problem.data, device).values())

    def restart(self, seed: int) -> None:
        """Go back to the first values; graphs stay, since making them takes long."""
        pyro.set_rng_seed(seed)
        program, data = self.program_and_data(self.name, self.problem, self.device)
        program.to(self.device)
        batches = Batches(data, len(data[0]), device=self.device)
        mode = self.mode if self.step is None else "off"  # by it, parameters are made
        step = step_of_fit(program, batches, mode, lr=self.problem.lr)
        if self.step is None:
            self.step, self.program, self.batches = step, program, batches
        else:
            with torch.no_grad():
                for old, new in zip(self.program.parameters(), program.parameters(), strict=True):
                    old.copy_(new)
                for state in self.step.update.state.optimizer.state.values():
                    for value in state.values():
                        value.zero_()
        pyro.set_rng_seed(seed)

    def take(self, steps: int) -> list[float]:
        """Take steps; return their losses in nats, over all rows."""
        known = [pair for _ in range(steps) for pair in self.step(self.batches.data)]
        return [rows * loss for rows, loss in (*known, *self.step.read())]

    @property
    def reason(self) -> str:
        """Why steps are not as the mode says; empty if they are."""
        return getattr(self.step.update, "reason", "")

    def operations(self) -> int:
        """Return the number of operations in the graph of loss and gradients."""
        return operations(self.program, self.batches)


class ByPyro(Training):
    """Steps of Pyro's ``SVI``, perhaps through ``torch.jit``, in a parameter store of its own."""

    def __init__(
        self, name: str, problem: Problem, device: torch.device, jit: bool = False
    ) -> None:
        self.jit = jit
        super().__init__(name, problem, device)

    def restart(self, seed: int) -> None:
        """Build a new program and optimiser; run them once, which makes the parameters."""
        pyro.set_rng_seed(seed)
        pair, self.store = self.pair(), {"params": {}, "constraints": {}}
        adam, elbo = pyro.optim.Adam({"lr": self.problem.lr}), pair.jit if self.jit else pair.elbo
        self.svi = SVI(pair.model, pair.guide, adam, elbo)
        with self.running():
            pair.elbo.loss(pair.model, pair.guide, *self.args)
        pyro.set_rng_seed(seed)

    def running(self):
        """Let Pyro's store hold these parameters, and programs make tensors on the device."""
        stack = ExitStack()
        stack.enter_context(pyro.get_param_store().scope(self.store))
        stack.enter_context(on_device(self.device))
        return stack

    def take(self, steps: int) -> list[float]:
        """Take steps; return their losses in nats, over all rows."""
        with self.running():
            return [self.svi.step(*self.args) for _ in range(steps)]


class ByHand(Training):
    """Steps of a loop in plain torch, with fused Adam."""

    def restart(self, seed: int) -> None:
        """Make new parameters and a new optimiser."""
        torch.manual_seed(seed)
        parameters, loss = LOOPS[self.name](tensors(self.problem.start, self.device), *self.args)
        for parameter in parameters:
            parameter.requires_grad_()
        self.optimizer = torch.optim.Adam(parameters, lr=self.problem.lr, fused=True)
        self.loss = loss

    def take(self, steps: int) -> list[float]:
        """Take steps; return their losses in nats, over all rows."""
        losses = []
        for _ in range(steps):
            self.optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return losses
