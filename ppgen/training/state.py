"""The state of a training run: all that changes, and all that a checkpoint holds."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Self

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ppgen.program import Program
from ppgen.running import random_state, set_random_state
from ppgen.training.archive import CheckpointError
from ppgen.training.history import Epoch, History


class ExponentialAverage:
    """Exponential moving average of parameters (Polyak and Juditsky 1992, in its modern form).

    ``decay`` is the weight of the past at each step. It is warmed up as (1 + t) / (10 + t), so that
    the random start is soon forgotten.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.parameters = list(parameters)
        self.averages = [parameter.detach().clone() for parameter in self.parameters]

    def next_decay(self) -> float:
        """Count a step; return the decay for it."""
        self.steps += 1
        return min(self.decay, (1 + self.steps) / (10 + self.steps))

    def update(self) -> None:
        """Take one step's parameters into the average."""
        get_ema_multi_avg_fn(self.next_decay())(self.averages, self.parameters, self.steps)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the parameters have their averages, for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for i, parameter in enumerate(self.parameters):
            parameter.data, self.averages[i] = self.averages[i], parameter.data

    def state_dict(self) -> dict[str, int | list[Tensor]]:
        """Everything that a checkpoint must hold."""
        return {"steps": self.steps, "averages": self.averages}

    def load_state_dict(self, state: dict) -> None:
        """Go on from a :meth:`state_dict`."""
        self.steps = state["steps"]
        for average, saved in zip(self.averages, state["averages"], strict=True):
            average.copy_(saved)


@dataclass
class TrainingState:
    """A program in training, with its optimiser, schedule, average and history.

    ``result`` holds the weights that count: those of the best epoch on the validation images, or
    of the last epoch if none has a finite ELBO; averaged, if an average is kept.
    ``stopped`` says that a callback ended the run. ``kept`` holds what an objective keeps between
    steps, such as running means of its baselines.
    """

    program: Program
    optimizer: Optimizer
    scheduler: LRScheduler | None = None
    average: ExponentialAverage | None = None
    history: History = field(default_factory=History)
    result: dict[str, Tensor] = field(default_factory=dict)
    stopped: bool = False
    kept: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def start(
        cls,
        program: Program,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], Any] | None = None,
        average: float | None = None,
    ) -> Self:
        """Make optimiser, schedule and average for the parameters of a program."""
        parameters = [p for p in program.parameters() if p.requires_grad]
        if not parameters:
            raise ValueError(
                "the program has no parameters to train; a network must be an attribute of the "
                "program, or be named by pyro.module in the model or guide"
            )
        made = optimizer(parameters) if callable(optimizer) else None
        if not isinstance(made, Optimizer):
            raise TypeError(
                f"optimizer is {optimizer!r}; expected a maker of torch optimisers, such as "
                "partial(torch.optim.Adam, lr=1e-3)"
            )
        return cls(
            program,
            made,
            None if scheduler is None else scheduler(made),
            None if average is None else ExponentialAverage(parameters, average),
        )

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Those that are trained."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    @property
    def learning_rate(self) -> float:
        """Of the first parameter group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def evaluated(self) -> AbstractContextManager:
        """Let the program use the weights that count, the averaged ones if there are any."""
        return self.average.applied() if self.average else nullcontext()

    def record(self, epoch: Epoch) -> None:
        """Enter an epoch into the history, keep weights that count, and step the schedule."""
        self.history.append(epoch)
        if epoch.validation is None or self.history.best in (None, epoch):
            with self.evaluated():
                self.result = {
                    name: value.clone() if isinstance(value, Tensor) else deepcopy(value)
                    for name, value in self.program.state_dict().items()
                }
        if self.scheduler is not None and epoch.number > 0:
            if isinstance(self.scheduler, ReduceLROnPlateau):
                judged = epoch.elbo if epoch.validation is None else epoch.validation
                self.scheduler.step(0.0 if judged is None else -judged)
            else:
                self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything that a checkpoint must hold to go on to the same numbers."""
        return {
            "program": self.program.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "average": self.average.state_dict() if self.average else None,
            "history": json.dumps(self.history.to_list()),  # one object: pickle visits each
            "result": self.result,
            "stopped": self.stopped,
            "kept": self.kept,
            "random": random_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a :meth:`state_dict` of the same program."""
        try:
            self.program.load_state_dict(state["program"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.scheduler:
                self.scheduler.load_state_dict(state["scheduler"])
            if self.average:
                self.average.load_state_dict(state["average"])
            self.history = History.from_list(json.loads(state["history"]))
            self.result = state["result"]
            self.stopped = state["stopped"]
            self.kept.update(state["kept"])
            set_random_state(state["random"])
        except Exception as error:  # an optimiser may raise errors of any kind
            why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise CheckpointError(f"the checkpoint is not of such a fit: {why}") from error
