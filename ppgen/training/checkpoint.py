"""Files that survive a kill, a full disk and a flipped bit, and that run no code when read."""

import io
import os
import pickle
import warnings
import zipfile
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from ppgen.program import Program
from ppgen.training.description import describe, differences

FORMAT = "ppgen checkpoint"
VERSION = 1

TRUSTED = (
    *("ppgen.autoregressive.", "ppgen.likelihoods.", "ppgen.models.", "ppgen.objectives."),
    *("pyro.distributions.", "pyro.infer.", "pyro.nn.", "torch.distributions.", "torch.nn."),
)
"""Where the classes lie whose objects a file may hold: made, they do no more than take values."""


class CheckpointError(RuntimeError):
    """A file that cannot be written, is damaged or foreign, or is of another program."""


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

    def exist(self) -> bool:
        """Whether there is any checkpoint."""
        return self.last.exists() or self.previous.exists()

    def save(self, state: dict[str, Any]) -> None:
        """Make ``state`` the last checkpoint, and the last one the previous."""
        write(serialised(state), self.last, self.previous)

    def load(self) -> dict[str, Any]:
        """Read the last checkpoint, or the previous one if the last is damaged."""
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


def serialised(content: dict[str, Any]) -> io.BytesIO:
    """Return the bytes of a file, from the start."""
    # In memory first: torch reports a full disk in terms of its own zip writer.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": VERSION, **content}, buffer)
    buffer.seek(0)
    return buffer


def write(buffer: io.BytesIO, path: Path, previous: Path | None = None) -> None:
    """Write a file of which there is a whole one at every moment.

    It is written to a temporary file, flushed to the disk and renamed; what was at ``path`` is
    renamed ``previous``. If it cannot be written, what was saved before stays.
    """
    temporary = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            path.replace(previous)
        temporary.replace(path)
    except OSError as error:
        before = any(file is not None and file.exists() for file in (path, previous))
        raise CheckpointError(
            f"cannot write {path.name} into {path.parent} ({error.strerror or error}); "
            f"{'the file before it is kept' if before else 'nothing is saved yet'}; "
            "name a folder that can be written and has room"
        ) from error
    finally:
        # Not there after a rename, and nowhere where the folder cannot be.
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)


def read(path: str | Path) -> dict[str, Any]:
    """Read one file, tensors on the CPU, executing nothing that it holds."""
    try:
        # torch does not verify the checksums that it writes.
        with zipfile.ZipFile(path) as file:
            damaged = file.testzip()
        if damaged:
            raise CheckpointError(f"{path} is damaged: {damaged} fails its checksum")
        with safe_globals(trusted_classes(get_unsafe_globals_in_checkpoint(path))):
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


def trusted_classes(names: Iterable[str]) -> list[Any]:
    """Return those of the classes with these names whose objects a file may hold."""
    classes: list[Any] = [slice]
    for name in names:
        if name.startswith(TRUSTED):
            module, _, kind = name.rpartition(".")
            found = getattr(import_module(module), kind, None)
            # A function would be called with arguments of the file's choice.
            if isinstance(found, type) and found.__module__ == module:
                classes.append(found)
    return classes


def readable(content: dict[str, Any]) -> io.BytesIO | None:
    """Serialise what :func:`read` would read back; None if it has a user's classes or functions."""
    try:
        buffer = serialised(content)
        names = get_unsafe_globals_in_checkpoint(buffer)
    except (pickle.PicklingError, AttributeError, TypeError, RuntimeError):
        return None
    trusted = {f"{kind.__module__}.{kind.__qualname__}" for kind in trusted_classes(names)}
    return buffer if trusted >= set(names) else None


def identity(program: Program) -> dict[str, Any]:
    """Return what a file says of its program beside the parameters."""
    return {"description": described(program), "observed": program.observed}


def described(program: Program) -> dict[str, Any]:
    """Return what a program is made of, and the constraints of its parameters."""
    constraints = dict(getattr(program, "_site_constraints", {}))
    for owner, module in program.named_modules():
        for name, (constraint, _) in getattr(module, "_pyro_params", {}).items():
            constraints[f"{owner}.{name}"] = constraint
    texts = {f"constraint of {name}": str(c) for name, c in constraints.items()}
    return describe("program", program) | texts


def check_same_program(program: Program, saved: dict[str, Any]) -> None:
    """Raise an error that names what differs if a file's program was made in another way."""
    here = {name: tuple(value.shape) for name, value in program.state_dict().items()}
    there = {name: tuple(value.shape) for name, value in saved["result"].items()}
    problem = "the checkpoint is of another program"
    for name in dict.fromkeys([*here, *there]):
        if here.get(name) != there.get(name):
            raise CheckpointError(
                f"{problem}: parameter {name!r} has the shape "
                f"{there.get(name, 'none, it is missing')} there and "
                f"{here.get(name, 'none, it is missing')} in this {type(program).__name__}; if it "
                "is made when the program first runs, load(path, program, data) runs it"
            )
    if "description" in saved:
        check_same(saved["description"], described(program), problem)


def check_same(there: dict[str, Any], here: dict[str, Any], problem: str) -> None:
    """Raise a CheckpointError with this beginning that names the settings that differ."""
    differ = differences(there, here)
    if differ:
        raise CheckpointError(f"{problem}: {'; '.join(differ)}")
