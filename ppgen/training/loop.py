"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ppgen.data.batches import Batches
from ppgen.program import Program
from ppgen.random_state import own_random_state
from ppgen.training.checkpoint import Checkpoints
from ppgen.training.gradients import Objective
from ppgen.training.history import Epoch, History
from ppgen.training.not_finite import NotFiniteError
from ppgen.training.processes import Processes
from ppgen.training.state import TrainingState
from ppgen.training.step import Step

Callback = Callable[[Program, History], bool | None]


class Report(Protocol):
    """Something that shows a fit while it runs."""

    def step(self, images: int, elbo: float) -> None:
        """Hear of one step: its images and their mean ELBO."""

    def epoch(self, epoch: Epoch) -> None:
        """Hear of the end of an epoch."""


@dataclass
class Loop:
    """Steps, epoch by epoch, until the last epoch, the end of patience or the callback's word.

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
    settings: dict[str, Any] | None = None
    processes: Processes = field(default_factory=Processes)

    def run(self, epochs: int, patience: int | None = None) -> None:
        """Train up to ``epochs``; leave the program with the weights that count."""
        program, history = self.state.program, self.state.history
        training = program.training
        if not history.epochs:
            self.end_epoch(0, elbo=None, seconds=0.0)
        while history.last < epochs and not (self.state.stopped or history.stale(patience)):
            started = time.perf_counter()
            elbo = self.train_epoch(history.last + 1)
            self.end_epoch(history.last + 1, elbo, time.perf_counter() - started)
        self.processes.wait()  # for the last checkpoint
        program.load_state_dict(self.state.result)
        program.train(training)

    def train_epoch(self, number: int) -> float:
        """Take one step a batch; return the mean ELBO, nats an image."""
        total = seen = 0.0
        everyone = self.processes
        everyone.own_stream(self.seed, number)
        self.state.program.train()
        try:
            for images, loss in self._steps(number):
                total -= loss * images
                seen += images
                for report in self.reports:
                    report.step(everyone.count * images, -loss)
        except NotFiniteError as error:
            kept = f"; the last checkpoint is {self.checkpoints.last}" if self.checkpoints else ""
            raise NotFiniteError(
                f"epoch {number}, {error}{kept}; try a smaller learning rate, or clip_norm"
            ) from error
        return everyone.total(total) / everyone.total(seen)

    def _steps(self, number: int) -> Iterator[tuple[int, float]]:
        # Images and loss of each step of an epoch, as soon as they are known.
        self.step.begin_epoch()
        rank, count = self.processes.rank, self.processes.count
        for batch in self.batches.shuffled(self.seed, number, rank, count):
            yield from self.step(batch)
        yield from self.step.look()

    def end_epoch(self, number: int, elbo: float | None, seconds: float) -> None:
        """Validate, record, report, call back and save."""
        state = self.state
        epoch = Epoch(number, elbo, self.validate(), seconds, state.learning_rate)
        state.record(epoch)
        for report in self.reports:
            report.epoch(epoch)
        if self.callback is not None:
            with state.evaluated(), own_random_state(self.seed):
                stopped = bool(self.callback(state.program.eval(), state.history))
                state.stopped = self.processes.total(stopped) > 0
        if self.checkpoints is not None and self.processes.leads:
            self.checkpoints.save({**state.state_dict(), "settings": self.settings})

    def validate(self) -> float | None:
        """Mean ELBO of the validation images, nats an image, with the same draws every time."""
        if self.held_out is None:
            return None
        self.state.program.eval()
        total = 0.0
        with self.state.evaluated(), own_random_state(self.seed):  # for the transform
            for number, batch in enumerate(self.held_out):
                if number % self.processes.count == self.processes.rank:
                    # A stream for each batch, whichever process it falls to.
                    with own_random_state(self.seed + number):
                        total += self.objective.value(*batch) * len(batch[0])
        return -self.processes.total(total) / self.held_out.images
