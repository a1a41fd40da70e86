"""The training loop."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import nn

from ppgen.data.batch import Batch
from ppgen.data.batches import Batches
from ppgen.objectives.checked_runs import explained
from ppgen.objectives.objective import Objective
from ppgen.program import Program
from ppgen.running import TURN, own_random_state
from ppgen.training.checkpoint import Checkpoints
from ppgen.training.history import Epoch, History
from ppgen.training.processes import Processes
from ppgen.training.progress import Report
from ppgen.training.state import TrainingState
from ppgen.training.step import NotFiniteError, Step

Callback = Callable[[Program, History], bool | None]


@dataclass
class Loop:
    """Steps, epoch by epoch, until the last step, early stopping or the callback's stop.

    What happens between epochs (validation, callback) draws from generators of its own, so that
    the training's random numbers are the same with and without it.
    """

    objective: Objective
    state: TrainingState
    step: Step
    batches: Batches
    held_out: Batches | None
    seed: int
    reports: Sequence[Report] = ()
    callback: Callback | None = None
    checkpoints: Checkpoints | None = None
    constants: dict[str, Any] = field(default_factory=dict)  # that a checkpoint holds as well
    processes: Processes = field(default_factory=Processes)

    def run(self, steps: int, epoch_steps: int, patience: int | None = None) -> None:
        """Train up to ``steps`` steps in all, and leave the program with the weights that count.

        An epoch has ``epoch_steps``, the last one perhaps fewer. After ``patience`` epochs without
        a better validation, training stops.
        """
        program, history = self.state.program, self.state.history
        self.trained = trained(program)
        try:
            if not history.epochs:
                self.end_epoch(steps=0, elbo=None, seconds=0.0)
            while history.steps < steps and not (self.state.stopped or history.stale(patience)):
                started = time.perf_counter()
                taken = min(epoch_steps, steps - history.steps)
                elbo = self.train_epoch(history.last + 1, taken)
                self.end_epoch(history.steps + taken, elbo, time.perf_counter() - started)
            self.processes.wait()  # for the last checkpoint
        except KeyboardInterrupt:
            if not self.state.result:
                raise
            counts = history.best or history.epochs[-1]
            warnings.warn(
                f"Ctrl-C ended the fit after {history.steps:,} of {steps:,} steps; the program has "
                f"the weights of epoch {counts.number}",
                stacklevel=4,
            )
        program.load_state_dict(self.state.result)

    def train_epoch(self, number: int, steps: int) -> float:
        """Take some steps; return the mean ELBO, nats a row."""
        total = seen = 0.0
        everyone = self.processes
        everyone.own_stream(self.seed, number)
        self.state.program.train()
        try:
            for rows, loss in self._steps(steps):
                total -= loss * rows
                seen += rows
                for report in self.reports:
                    report.step(everyone.count * rows, -loss)
        except NotFiniteError as error:
            kept = f"; the last checkpoint is {self.checkpoints.last}" if self.checkpoints else ""
            raise NotFiniteError(f"epoch {number}, {error}{kept}") from error
        return everyone.total(total) / everyone.total(seen)

    def _steps(self, steps: int) -> Iterator[tuple[int, float]]:
        # Rows and loss of each step, as soon as they are known.
        self.step.begin_epoch()
        for batch in islice(self._stream(self.state.history.steps), steps):
            TURN.give_way()
            with explained(batch, but=(NotFiniteError,)):
                known = self.step(batch)
            yield from known
        yield from self.step.read()

    def _stream(self, done: int) -> Iterator[Batch]:
        """Go through the data again and again, from the batch after ``done`` steps."""
        passes, within = divmod(done, len(self.batches))
        rank, count = self.processes.rank, self.processes.count
        while True:
            passes += 1
            yield from islice(self.batches.shuffled(self.seed, passes, rank, count), within, None)
            within = 0

    def end_epoch(self, steps: int, elbo: float | None, seconds: float) -> None:
        """Validate, record, report, call back and save."""
        state = self.state
        number = state.history.last + 1 if steps else 0
        rate = state.learning_rate
        epoch = Epoch(number, elbo, self.validate(), seconds, rate, steps)
        state.record(epoch)
        for report in self.reports:
            report.epoch(epoch)
        if self.callback is not None:
            with state.evaluated(), own_random_state(self.seed):
                with TURN.lent():
                    stopped = bool(self.callback(state.program.eval(), state.history))
                state.stopped = self.processes.total(stopped) > 0
        check_trained(self.trained, state.program)
        if self.checkpoints is not None and self.processes.leads:
            self.checkpoints.save({**state.state_dict(), **self.constants})

    def validate(self) -> float | None:
        """Mean ELBO of the held-out rows, nats a row, with the same draws every time."""
        if self.held_out is None:
            return None
        self.state.program.eval()
        total, seen = 0.0, 0
        self._show_validating(0)
        with self.state.evaluated(), own_random_state(self.seed):  # for the transform
            for number, batch in enumerate(self.held_out):
                if number % self.processes.count == self.processes.rank:
                    # A stream for each batch, whichever process it falls to; seeds have 32 bits.
                    with own_random_state((self.seed + number) % 2**32):
                        total += self.objective.value(batch) * len(batch)
                seen += len(batch)
                self._show_validating(seen / self.held_out.rows)
        return -self.processes.total(total) / self.held_out.rows

    def _show_validating(self, share: float) -> None:
        for report in self.reports:
            report.validating(share)


Kind = tuple[torch.dtype, torch.device]


def trained(program: Program) -> dict[nn.Parameter, Kind]:
    """Return the parameters that want gradients, with type and device of each."""
    return {p: (p.dtype, p.device) for p in program.parameters() if p.requires_grad}


def check_trained(before: dict[nn.Parameter, Kind], program: Program) -> None:
    """Raise an error if parameters are others than those ``before``, which the optimiser knows."""
    now = trained(program)
    changed = [
        f"{name} ({p.dtype} on {p.device})"
        for name, p in program.named_parameters()
        if p in now and before.get(p) != now[p]
    ]
    if changed:
        raise ValueError(
            f"the program's parameters {', '.join(changed)} were added, replaced, unfrozen or "
            "converted after the fit began, and its optimiser does not know them; change values in "
            "place, such as by copy_ or load_state_dict, or stop this fit and call fit again"
        )
