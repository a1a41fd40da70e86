"""What a fit shows while it runs."""

from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ppgen.training.history import Epoch


class Report:
    """Something that shows a fit while it runs; it shows nothing of what it does not define."""

    def step(self, rows: int, elbo: float) -> None:
        """Show one step: its rows and their mean ELBO."""

    def epoch(self, epoch: Epoch) -> None:
        """Show the end of an epoch."""

    def close(self) -> None:
        """Show no more."""


class ProgressBar(Report):
    """A bar over the rows of all steps, with the ELBO of the last step and rows a second.

    tqdm's bars, also disabled ones, take a lock that forked processes share. One that is killed
    in it leaves the others waiting, so there is a bar only if it is shown.
    """

    def __init__(self, rows: int, done: int) -> None:
        self.bar = tqdm(total=rows, initial=done, unit=" rows", unit_scale=True)

    def step(self, rows: int, elbo: float) -> None:
        """Advance by one step's rows."""
        self.bar.set_postfix_str(f"ELBO {elbo:.2f}", refresh=False)
        self.bar.update(rows)

    def epoch(self, epoch: Epoch) -> None:
        """Name the epoch that ended."""
        validated = "" if epoch.validation is None else f", validation {epoch.validation:.2f}"
        self.bar.set_description(f"epoch {epoch.number}{validated}")

    def close(self) -> None:
        """Leave the bar as it stands."""
        self.bar.close()


class TensorBoard(Report):
    """The history of a fit as TensorBoard's scalars."""

    def __init__(self, folder: Path, done: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "tensorboard=True needs the package tensorboard: pip install 'ppgen[tensorboard]'"
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
