"""What happened in a fit, epoch by epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal, Self

from ppgen.arguments import Size, checked


@dataclass(frozen=True)
class Epoch:
    """Figures of one epoch; epoch 0 is the program before training.

    Attributes
    ----------
    number
        Epochs trained so far.
    elbo
        Mean over the epoch's steps, nats a row; None for epoch 0.
    validation
        ELBO of the held-out rows after the epoch, nats a row; None without them.
    seconds
        Time of the epoch's training steps.
    learning_rate
        Of the optimiser's first parameter group.
    steps
        Optimiser steps so far.
    """

    number: int
    elbo: float | None
    validation: float | None
    seconds: float
    learning_rate: float
    steps: int = 0


@dataclass
class History:
    """The epochs of a fit, epoch 0 first.

    ``best`` is the epoch with the highest finite validation ELBO; None without validation.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: Epoch | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Find the best epoch."""
        given, self.epochs = self.epochs, []
        for epoch in given:
            self.append(epoch)

    def append(self, epoch: Epoch) -> None:
        """Enter an epoch."""
        self.epochs.append(epoch)
        most = -inf if self.best is None else self.best.validation
        if epoch.validation is not None and most < epoch.validation < inf:  # type: ignore[operator]
            self.best = epoch

    @property
    def last(self) -> int:
        """Epochs trained so far."""
        return self.epochs[-1].number if self.epochs else 0

    @property
    def steps(self) -> int:
        """Optimiser steps so far."""
        return self.epochs[-1].steps if self.epochs else 0

    @property
    def seconds(self) -> float:
        """Time of all training steps."""
        return sum(epoch.seconds for epoch in self.epochs)

    @property
    def seconds_an_epoch(self) -> float:
        """Mean time of the epochs' training steps; 0 before the first."""
        return self.seconds / max(1, self.last)

    @checked
    def stale(self, patience: Size | None) -> bool:
        """Whether ``patience`` epochs have passed since the best; with None, never."""
        if patience is None:
            return False
        best = self.best
        return best is not None and self.last - best.number >= patience

    @checked
    def column(
        self, name: Literal["elbo", "validation", "seconds", "learning_rate", "steps"]
    ) -> tuple[list[int], list[float]]:
        """Epoch numbers and values of one figure, without the epochs that have none."""
        known = [epoch for epoch in self.epochs if getattr(epoch, name) is not None]
        return [epoch.number for epoch in known], [getattr(epoch, name) for epoch in known]

    def to_list(self) -> list[dict[str, Any]]:
        """Plain dictionaries, for JSON."""
        return [dict(vars(epoch)) for epoch in self.epochs]

    @classmethod
    @checked
    def from_list(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """Read back what :meth:`to_list` gave."""
        return cls([Epoch(**row) for row in rows])
