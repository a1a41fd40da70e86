"""Averaged weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class ExponentialAverage:
    """Exponential moving average of parameters (Polyak and Juditsky 1992, in its modern form).

    ``decay`` is the weight of the past at each step. It is warmed up as (1 + t) / (10 + t), so that
    the random start is soon forgotten.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"average is {decay}; expected a decay between 0 and 1, such as 0.999")
        self.decay = decay
        self.steps = 0
        self.parameters = list(parameters)
        self.averages = [parameter.detach().clone() for parameter in self.parameters]

    def update(self) -> None:
        """Take one step's parameters into the average."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        get_ema_multi_avg_fn(decay)(self.averages, self.parameters, self.steps)

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
