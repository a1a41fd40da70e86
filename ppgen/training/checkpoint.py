"""Checkpoints that survive a kill, a full disk and a flipped bit."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ppgen.program import Program, as_program
from ppgen.running import own_random_state

FORMAT = "ppgen checkpoint"
VERSION = 1


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be written, or is damaged or foreign."""


class Checkpoints:
    """The checkpoints of one run: the last one, and the one before it.

    A checkpoint is written to a temporary file, flushed to the disk and renamed, so that there is
    a whole one at every moment.

    Parameters
    ----------
    folder
        Where the files ``checkpoint.pt`` and ``checkpoint.previous.pt`` lie.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.last = self.folder / "checkpoint.pt"
        self.previous = self.folder / "checkpoint.previous.pt"

    def exist(self) -> bool:
        """Whether there is any checkpoint."""
        return self.last.exists() or self.previous.exists()

    def save(self, state: dict[str, Any]) -> None:
        """Make ``state`` the last checkpoint, and the last one the previous.

        Raises
        ------
        CheckpointError
            If it cannot be written; what was saved before stays.
        """
        # Serialised in memory first: torch reports a full disk in terms of its own zip writer.
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "version": VERSION, **state}, buffer)
        temporary = self.folder / "checkpoint.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            if self.last.exists():
                self.last.replace(self.previous)
            temporary.replace(self.last)
        except OSError as error:
            kept = "the checkpoint before it is kept" if self.exist() else "nothing is saved yet"
            raise CheckpointError(
                f"cannot write a checkpoint into {self.folder} ({error.strerror or error}); "
                f"{kept}; name a folder that can be written and has room"
            ) from error
        finally:
            # Not there after a rename, and nowhere where the folder cannot be.
            if temporary.parent.is_dir():
                temporary.unlink(missing_ok=True)

    def load(self) -> dict[str, Any]:
        """Read the last checkpoint, or the previous one if the last is damaged.

        Raises
        ------
        CheckpointError
            If neither can be read.
        """
        problems = []
        for path in (self.last, self.previous):
            if path.exists():
                try:
                    state = read(path)
                except CheckpointError as error:
                    problems.append(str(error))
                else:
                    for problem in problems:
                        warnings.warn(f"{problem}; going on from {path}", stacklevel=2)
                    return state
        raise CheckpointError("; ".join(problems) or f"there is no checkpoint in {self.folder}")


def read(path: str | Path) -> dict[str, Any]:
    """Read one checkpoint file, tensors on the CPU, executing nothing that it holds.

    Raises
    ------
    CheckpointError
        If it is damaged, or no checkpoint of ppgen.
    """
    try:
        # torch does not verify the checksums that it writes.
        with zipfile.ZipFile(path) as file:
            damaged = file.testzip()
        if damaged:
            raise CheckpointError(f"{path} is damaged: {damaged} fails its checksum")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # of zipfile, pickle or torch
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CheckpointError(f"{path} is no readable checkpoint ({reason})") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path} is a file of another kind, not a checkpoint of ppgen")
    if state["version"] != VERSION:
        raise CheckpointError(
            f"{path} has the format version {state['version']}; this ppgen reads {VERSION}"
        )
    return state


def check_same_program(program: Program, weights: dict[str, Tensor]) -> None:
    """Check that weights have the names and shapes of the program.

    Raises
    ------
    CheckpointError
        Naming the first parameter that differs.
    """
    here = {name: tuple(value.shape) for name, value in program.state_dict().items()}
    there = {name: tuple(value.shape) for name, value in weights.items()}
    for name in dict.fromkeys([*here, *there]):
        if here.get(name) != there.get(name):
            raise CheckpointError(
                f"the checkpoint is of another program: parameter {name!r} has the shape "
                f"{there.get(name, 'none, it is missing')} there and "
                f"{here.get(name, 'none, it is missing')} in this {type(program).__name__}"
            )


def load(program: Any, folder: str | Path, *example: Tensor) -> Program:
    """Load into a program the weights that a fit ended with, or had reached when it was stopped.

    Parameters
    ----------
    program
        A program of the kind that was fitted; changed in place.
    folder
        The ``out`` of the fit.
    example
        A batch of data, for programs whose parameters are made when they first run (plain
        functions with ``pyro.param``, autoguides).

    Raises
    ------
    CheckpointError
        If there is no readable checkpoint, or it is of another program.

    Examples
    --------
    >>> import tempfile
    >>> import ppgen
    >>> vae, folder = ppgen.models.VAE.mlp((1, 8, 8), latent=2), tempfile.mkdtemp()
    >>> x = torch.zeros(10, 1, 8, 8)
    >>> history = ppgen.fit(vae, x, epochs=1, out=folder, progress=False)
    >>> again = load(ppgen.models.VAE.mlp((1, 8, 8), latent=2), folder)
    >>> ppgen.elbo(again, x).mean == ppgen.elbo(vae, x).mean
    True
    """
    program = as_program(program)
    if example:
        with torch.no_grad(), own_random_state(0):
            program.guide(*example)
            program.model(*example)
    weights = Checkpoints(folder).load()["result"]
    try:
        check_same_program(program, weights)
    except CheckpointError as error:
        hint = (
            ""
            if example
            else "; if it makes parameters when it first runs, pass a batch as example"
        )
        raise CheckpointError(f"{error}{hint}") from None
    program.load_state_dict(weights)
    return program
