"""What happened in a fit, epoch by epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, Literal, Self

from ppgen.arguments import Size, checked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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

    Examples
    --------
    >>> Epoch(number=1, elbo=-30.5, validation=None, seconds=0.2, learning_rate=1e-3).elbo
    -30.5
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

    Examples
    --------
    >>> history = History([Epoch(n, -9.0 / (n + 1), -9.5, 0.1, 1e-3) for n in range(3)])
    >>> history.best.number, history.column("elbo")
    (0, ([0, 1, 2], [-9.0, -4.5, -3.0]))
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

    def __repr__(self) -> str:
        """Return a table of some of the epochs, the last and the best among them."""
        chosen = {self.last, *range(0, self.last, max(1, self.last // 10))}
        chosen |= set() if self.best is None else {self.best.number}
        rows = [f"{'epoch':>7}{'elbo':>14}{'validation':>14}{'seconds':>10}"]
        for each in self.epochs:
            if each.number in chosen:
                nats = (
                    f"{'' if n is None else f'{n:.3f}':>14}" for n in (each.elbo, each.validation)
                )
                best = "  best" if each is self.best else ""
                rows.append(f"{each.number:>7}{''.join(nats)}{each.seconds:>10.1f}{best}")
        return "\n".join(rows)

    def plot(self, axes: "Axes | None" = None) -> "Figure":
        """Plot the ELBO of training and of validation, nats a row, after each epoch.

        Epoch 0, before training, is left out if there are others: it would flatten the rest. The
        best epoch is marked.

        Examples
        --------
        >>> history = History([Epoch(n, -9.0 / (n + 1), -9.5, 0.1, 1e-3) for n in range(4)])
        >>> history.plot().savefig("/dev/null", format="png")
        """
        from ppgen.plots import curves  # here, since fits need no matplotlib

        lines = {}
        columns = {"training": self.column("elbo"), "validation": self.column("validation")}
        for label, (numbers, values) in columns.items():
            first = int(numbers[:1] == [0] and len(numbers) > 1)
            if numbers:
                lines[label] = (numbers[first:], values[first:])
        marks = {} if self.best is None else {"best": self.best.number}
        title = "ELBO after each epoch"
        return curves(lines, "ELBO, nats a row", marks=marks, title=title, axes=axes)

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
