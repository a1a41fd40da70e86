"""What a fit shows while it runs."""

import time
from pathlib import Path
from typing import Any, Literal

import torch
from tqdm.auto import tqdm

from ppgen.training.history import Epoch, History


class Report:
    """Something that shows a fit while it runs; it shows nothing of what it does not define."""

    def step(self, rows: int, elbo: float) -> None:
        """Show one step: its rows and their mean ELBO."""

    def validating(self, share: float) -> None:
        """Show how much of the held-out rows has been gone through."""

    def epoch(self, epoch: Epoch) -> None:
        """Show the end of an epoch."""

    def close(self) -> None:
        """Show no more."""


WIDTH = 79
"""Letters of a line."""

SECONDS_BETWEEN_FIGURES = 1.0

LONG = 1.0
"""Seconds after which a validation is shown."""


class ProgressBar(Report):
    """A bar over the rows of all steps, and in the end a line of what came of them.

    tqdm's bars, also disabled ones, take a lock that forked processes share. One that is killed
    in it leaves the others waiting, so there is a bar only if it is shown.
    """

    def __init__(self, rows: int, done: int, device: torch.device, history: History) -> None:
        self.device, self.history, self.validation = device, history, ""
        self.bar = tqdm(
            total=rows,
            initial=done,
            ncols=WIDTH,
            desc=f"on {device}",
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {remaining} left{postfix}",
        )

    def step(self, rows: int, elbo: float) -> None:
        """Advance by one step's rows."""
        self.bar.set_postfix_str(f"ELBO {elbo:.2f}{self.validation}", refresh=False)
        self.bar.update(rows)

    def validating(self, share: float) -> None:
        """Say so if it takes long, as the first may; that one is shown at once."""
        if self.bar.n == self.bar.initial or time.time() - self.bar.last_print_t > LONG:
            self.bar.set_postfix_str(f"validating {share:.0%}")

    def epoch(self, epoch: Epoch) -> None:
        """Name the epoch that ended, and what it reached."""
        self.bar.set_postfix_str("", refresh=False)
        self.bar.set_description_str(f"epoch {epoch.number} on {self.device}")
        if epoch.validation is not None:
            self.validation = f", validation {epoch.validation:.2f}"

    def close(self) -> None:
        """Let a line of results take the place of the bar."""
        history = self.history
        reached = [f"epoch {history.last}", f"{history.seconds:,.1f} s of steps on {self.device}"]
        if history.last:
            reached.append(f"ELBO {history.epochs[-1].elbo:.2f}")
        if history.best is not None:
            reached.append(f"best validation {history.best.validation:.2f}")
        self.bar.bar_format = "{desc}"
        self.bar.set_description_str(", ".join(reached))
        self.bar.close()


class LiveCurve(Report):
    """The history as a figure of a notebook, which is drawn again as the fit goes on."""

    def __init__(self, history: History) -> None:
        try:
            from IPython import get_ipython
            from IPython.display import display
        except ModuleNotFoundError:
            notebook = None
        else:
            notebook = get_ipython()
        if notebook is None:
            raise ValueError("progress is 'curve'; expected True or False outside a notebook")
        self.history, self.drawn = history, time.monotonic()
        self.figure = display(history.plot(), display_id=True)

    def epoch(self, epoch: Epoch) -> None:
        """Draw it again, if that was not done just now."""
        if time.monotonic() - self.drawn > SECONDS_BETWEEN_FIGURES:
            self._draw()

    def close(self) -> None:
        """Draw the whole history."""
        self._draw()

    def _draw(self) -> None:
        self.figure.update(self.history.plot())
        self.drawn = time.monotonic()


class TensorBoard(Report):
    """The history of a fit as TensorBoard's scalars."""

    def __init__(self, folder: Path, done: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "tensorboard=True needs the package tensorboard: "
                "pip install 'pyro-ppgen[tensorboard]'"
            ) from error
        self.writer: Any = SummaryWriter(str(folder), purge_step=done + 1)

    def epoch(self, epoch: Epoch) -> None:
        """Write one epoch's figures."""
        for name in ("elbo", "validation", "seconds", "learning_rate"):
            value = getattr(epoch, name)
            if value is not None:
                self.writer.add_scalar(name, value, epoch.number)

    def close(self) -> None:
        """Flush everything to the disk."""
        self.writer.close()


def reports_of(
    history: History,
    progress: bool | Literal["curve"],
    rows: int,
    done: int,
    device: torch.device,
    tensorboard: Path | None,
) -> list[Report]:
    """Return the reports of a fit of ``rows`` rows, of which ``done`` came before a resume."""
    reports: list[Report] = []
    if progress == "curve":
        reports.append(LiveCurve(history))
    elif progress:
        reports.append(ProgressBar(rows, done, device, history))
    if tensorboard:
        reports.append(TensorBoard(tensorboard, history.last))
    return reports
