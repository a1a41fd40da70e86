"""Training steps that run Pyro's handlers once, and from then on a graph of tensor operations."""

import math
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import torch
from torch import Tensor

from ppgen.data.batch import Batch
from ppgen.data.batches import Batches
from ppgen.objectives.objective import Objective
from ppgen.running import generator, own_random_state
from ppgen.training.compiler import compiled
from ppgen.training.gradients import Gradients, plain_gradients
from ppgen.training.processes import Processes
from ppgen.training.state import TrainingState
from ppgen.training.tracing import (
    TooManyWritesError,
    Traced,
    TracingError,
    buffers_kept,
    python_numbers,
    trace,
    why,
)
from ppgen.training.update import Separate, Update
from ppgen.training.whole_step import WholeStep

Mode = Literal["auto", "off", "traced", "on"]

MAX_WRITES = 64
"""Parts of tensors that a step may write for a graph of it to pay."""

COMPARE_AFTER = 100
"""Steps before a graph is compared with its program again; from then on twice as many each time."""


class GraphGradients(Gradients):
    """Gradients by a graph of tensor operations, which may be compiled."""

    def __init__(self, graph: Callable[..., Any], traced: Traced, state: TrainingState) -> None:
        self.graph, self.traced = graph, traced
        self.parameters, self.kept = state.parameters, state.kept

    def results(self, batch: Batch) -> list[Tensor]:
        """Return what the graph does."""
        kept = (self.kept[name] for name in self.traced.kept)
        with torch.no_grad():
            return self.graph(*self.parameters, *kept, *batch.tensors)

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss; the gradients are in the parameters' ``grad``."""
        loss, *results = self.results(batch)
        waiting = iter(results)
        for parameter, reached in zip(self.parameters, self.traced.reached, strict=True):
            parameter.grad = next(waiting) if reached else None
        self.kept.update(zip(self.traced.kept, waiting, strict=True))
        return loss


class ByGraph(Separate):
    """A separate update whose gradients come from a graph, perhaps shared among processes."""

    def __init__(
        self,
        graph: GraphGradients,
        plain: Separate,
        share: Callable[[Gradients], Gradients] | None = None,
    ) -> None:
        shared = graph if share is None else share(graph)
        super().__init__(shared, plain.state, plain.clip_norm, plain.skipped)
        self.graph = graph

    def rehearsed(self, batch: Batch) -> Tensor:
        """Return the loss of a batch; nothing is changed."""
        return self.graph.results(batch)[0]


class Graphs(Update):
    """Steps by graphs, one for each shape of batch for which it pays.

    Loss and gradients are traced through Pyro once, as ``mode`` says:

    ``"traced"``
        The graph is run as it is.
    ``"on"``
        It is compiled, and clipping, the optimiser's update and the average with it, so that a step
        is a single call.
    ``"auto"``
        Whichever of these pays within the ``steps`` of the fit, or neither. This follows from
        numbers of steps, sites and operations alone, and not from the clock, so that a fit is a
        function of its arguments. Neither if a step writes more than ``MAX_WRITES`` parts of
        tensors, each of which a graph would copy as a whole.

    A shape that is rarer than others, as of a short last batch, is treated as under ``"auto"``.
    Random numbers come from torch's own generator, in the order of the uncompiled step, so both
    give the same numbers up to rounding.

    Numbers of Python that a program computes with are constants of the graph. So graph and program
    are compared under one seed at first, after 100 steps, and then after twice as many each time;
    and, if ``watched``, when such a number is seen to have changed. If a program cannot be traced,
    or no longer agrees with its graph, a warning says why, and all steps are those of ``plain``.

    Attributes
    ----------
    reason
        Why steps are taken without graphs, or without the compiler; empty while they are not.
    """

    def __init__(
        self,
        plain: Separate,
        objective: Objective,
        batches: Batches,
        mode: Mode,
        steps: int,
        watched: bool = False,
        processes: int = 1,
        share: Callable[[Gradients], Gradients] | None = None,
    ) -> None:
        self.plain, self.state, self.objective = plain, plain.state, objective
        self.mode, self.steps, self.epoch_steps = mode, steps, len(batches)
        self.usual = batches.batch_size // processes  # rows of a batch
        self.share = share  # gradients with other processes
        self.reason, self._usable = "", True
        self.generator = generator(objective.device)
        self.numbers = python_numbers(objective) if watched else None
        self._optimizer_too = share is None
        self._begun = self.state.history.steps > 0
        self._traced: dict[tuple, Traced] = {}
        self._updates: dict[tuple, ByGraph | WholeStep | None] = {}
        self._compared: set[tuple] = set()
        self._since, self._compare_after = 0, COMPARE_AFTER

    def __call__(self, batch: Batch, random_state: Tensor) -> Tensor:
        """Take a step, if it is finite; return the loss and the norm of its gradient."""
        if self._begun and self._usable:
            try:
                update = self._update(batch)
                if update is not None:
                    self._since += 1
                    return update(batch, random_state)
            except Exception as error:  # tracers and compilers raise errors of many kinds
                if isinstance(error, MemoryError | torch.OutOfMemoryError):
                    raise
                self._usable = False
                self._warn(f"uncompiled: {why(error)}")
                self.generator.set_state(random_state)
        self._begun = True  # an optimiser makes its state in its first step
        return self.plain(batch, random_state)

    def begin_epoch(self) -> None:
        """Compare graphs and program again before they are used, if it is time to."""
        if self.numbers is not None:
            before, self.numbers = self.numbers, python_numbers(self.objective)
            if self.numbers != before:
                self._compared.clear()
        if self._since >= self._compare_after:
            self._since, self._compare_after = 0, 2 * self._compare_after
            self._compared.clear()
        try:
            for update in self._updates.values():
                if update is not None:
                    update.begin_epoch()
        except TracingError:  # an optimiser whose settings change
            self._optimizer_too = False
            self._updates.clear()
            self._compared.clear()

    def show_gradients(self, batch: Batch) -> None:
        """Leave the gradients of a batch, whose step was not taken, in the parameters' ``grad``."""
        if self._optimizer_too:
            with suppress(ValueError, RuntimeError):  # a distribution of NaN, say
                plain_gradients(self.objective, dict(self.state.kept))(batch)

    def _update(self, batch: Batch) -> ByGraph | WholeStep | None:
        key = _key(batch)
        if key not in self._updates:
            self._updates[key] = self._made(batch, key)
        update = self._updates[key]
        if update is not None and key not in self._compared:
            self._compare(update, batch, self._traced[key])
            self._compared.add(key)
        return update

    def _made(self, batch: Batch, key: tuple) -> ByGraph | WholeStep | None:
        usual = len(batch) == self.usual or self.epoch_steps == 1
        steps = self.steps if usual else self.steps / self.epoch_steps
        mode = self.mode if usual else "auto"
        if mode == "auto" and steps < steps_to_trace(self.objective.sites):
            return None
        if key not in self._traced:
            parameters, kept = self.state.parameters, self.state.kept
            max_writes = MAX_WRITES if mode == "auto" else math.inf
            try:
                self._traced[key] = trace(self.objective, parameters, kept, batch, max_writes)
            except TooManyWritesError:
                return None
        traced = self._traced[key]
        pays = self.mode != "traced" and steps >= steps_to_compile(len(traced.graph.graph.nodes))
        if mode == "on" or (mode == "auto" and pays):
            try:
                return self._compiled(traced, batch)
            except Exception as error:  # compilers raise errors of many kinds
                self._warn(f"as graphs that are not compiled: {why(error)}")
        return self._separate(traced.graph, traced)

    def _compiled(self, traced: Traced, batch: Batch) -> ByGraph | WholeStep:
        if self._optimizer_too:
            try:
                return WholeStep(traced, self.state, self.plain.clip_norm, batch)
            except TracingError:  # an optimiser of a kind that needs Python
                self._optimizer_too = False
        inputs = [*(p.detach() for p in self.state.parameters), *self.state.kept.values()]
        return self._separate(compiled(traced.graph, [*inputs, *batch.tensors]), traced)

    def _separate(self, graph: Callable[..., Any], traced: Traced) -> ByGraph:
        return ByGraph(GraphGradients(graph, traced, self.state), self.plain, self.share)

    def _compare(self, update: ByGraph | WholeStep, batch: Batch, traced: Traced) -> None:
        """Check that a graph has the loss of the program, and reaches the same parameters."""
        kept = dict(self.state.kept)
        with buffers_kept(self.objective):
            with own_random_state(0):
                loss = update.rehearsed(batch)
            with own_random_state(0):
                expected = plain_gradients(self.objective, kept)(batch)
        names = {p: name for name, p in self.objective.named_parameters()}
        for parameter, has in zip(self.state.parameters, traced.reached, strict=True):
            if (parameter.grad is not None) != has:
                raise TracingError(f"the parameter {names[parameter]} is not reached by tracing")
        tolerance = 1e-2 if self.objective.autocast else 1e-3
        if not torch.allclose(loss.to(expected), expected, rtol=tolerance, equal_nan=True):
            raise TracingError(
                f"the program gives the loss {expected.item():.6g} where its graph gives "
                f"{loss.item():.6g}; it computes with Python numbers that changed"
            )

    def _warn(self, reason: str) -> None:
        self.reason = reason
        warnings.warn(f"steps run {reason}", stacklevel=2)


def make_update(
    objective: Objective,
    state: TrainingState,
    batches: Batches,
    mode: Mode = "off",
    steps: int = 0,
    *,
    clip_norm: float | None = None,
    read_every: int = 1,
    watched: bool = False,
    processes: Processes = Processes(),  # noqa: B008 - it is immutable
) -> Update:
    """Make the way in which a fit of some steps takes them; see :class:`Graphs`."""
    if mode == "auto" and processes.count > 1:
        mode = "off"
    gradients, share = plain_gradients(objective, state.kept), None
    if mode == "off":
        gradients = processes.averaged(gradients, objective, batches)
    else:
        share = processes.sharing(objective)
        gradients = share(gradients) if share else gradients
    skipped = torch.zeros((), device=objective.device) if read_every > 1 else None
    plain = Separate(gradients, state, clip_norm, skipped)
    if mode == "off":
        return plain
    return Graphs(plain, objective, batches, mode, steps, watched, processes.count, share)


def steps_to_trace(sites: int) -> float:
    """Return the steps of a fit from which tracing a program of some sites pays, by measurement.

    A graph saves about 0.5 ms and 0.15 ms a site at each step; tracing costs 1.3 s, the imports
    for it included, and 45 ms a site.
    """
    return (1300 + 45 * sites) / (0.5 + 0.15 * sites)


def steps_to_compile(operations: int) -> float:
    """Return the steps of a fit from which compiling a graph pays, by measurement.

    It saves about 4 µs an operation at each step, and costs 2.5 s, 8 ms an operation, and 4 µs
    times the square of their number.
    """
    return 2000 + 625_000 / operations + operations


def _key(batch: Batch) -> tuple:
    """Return what a graph is made for: shapes and types of the rows, and the settings."""
    rows = tuple((tensor.shape, tensor.dtype) for tensor in batch.tensors)
    named = (*enumerate(batch.args), *batch.kwargs.items())
    settings = [value for name, value in named if name not in batch.rows]
    constants = (bool, int, float, str, type(None))
    return (batch.rows, rows, *(v if isinstance(v, constants) else id(v) for v in settings))
