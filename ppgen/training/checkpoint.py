"""The checkpoints of a run, in a folder that it has for itself."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ppgen.training.archive import CheckpointError, read, serialised, write
from ppgen.training.lock import locked


class Checkpoints:
    """The checkpoints of one run: the last one, and the one before it.

    Parameters
    ----------
    folder
        Where the files ``checkpoint.pt`` and ``checkpoint.previous.pt`` lie.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.last = self.folder / "checkpoint.pt"
        self.previous = self.folder / "checkpoint.previous.pt"
        self.damaged = False  # the last one, so that it may not replace the previous

    def exist(self) -> bool:
        """Whether there is any checkpoint."""
        return self.last.exists() or self.previous.exists()

    @contextmanager
    def held(self, resume: bool) -> Iterator[bool]:
        """Keep other runs out of the folder; return whether there is a checkpoint to go on from.

        Raises a CheckpointError if another run goes on in the folder, or if it has a checkpoint
        and ``resume`` is False.
        """
        with locked(self.folder / "checkpoint.lock") as alone:
            if alone:
                for left in self.folder.glob("checkpoint.pt*.partial"):  # by a run that was killed
                    with suppress(OSError):
                        left.unlink()
            found = self.exist()
            if found and not resume:
                raise CheckpointError(
                    f"{self.folder} holds the checkpoint of another run; "
                    "go on with it by resume=True, or name another folder"
                )
            yield found

    def save(self, state: dict[str, Any]) -> None:
        """Make ``state`` the last checkpoint, and the last one the previous."""
        write(serialised(state), self.last, None if self.damaged else self.previous)
        self.damaged = False

    def load(self) -> dict[str, Any]:
        """Read the last checkpoint, or the previous one if the last is damaged."""
        problems = []
        for path in (self.last, self.previous):
            try:
                state = read(path)
            except CheckpointError as error:
                # Not asked for before: a run that goes on may rename it meanwhile.
                if not isinstance(error.__cause__, FileNotFoundError):
                    problems.append(str(error))
            else:
                self.damaged = bool(problems)
                for problem in problems:
                    warnings.warn(f"{problem}; going on from {path}", stacklevel=2)
                return state
        raise CheckpointError("; ".join(problems) or f"there is no checkpoint in {self.folder}")
