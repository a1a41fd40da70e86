"""Files that survive a kill, a full disk and a flipped bit, and that run no code when read."""

import io
import pickle
import zipfile
from collections.abc import Iterable
from copy import copy
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from ppgen.whole_files import write_whole

FORMAT = "ppgen checkpoint"
VERSION = 2  # from 2 on, a seal ends the file

SEAL = b"ppgen sha256 "
"""What the digest of all bytes before it follows, at the end of a file."""

TRUSTED = (
    *("ppgen.autoregressive.", "ppgen.likelihoods.", "ppgen.models.", "ppgen.objectives."),
    *("pyro.distributions.", "pyro.infer.", "pyro.nn.", "torch.distributions.", "torch.nn."),
)
"""Where the classes lie whose objects a file may hold: made, they do no more than take values."""


class CheckpointError(RuntimeError):
    """A file that cannot be written, is damaged or foreign, or is of another program.

    Examples
    --------
    >>> import ppgen
    >>> ppgen.load("/dev/null")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ppgen.training.archive.CheckpointError: …
    """


def plain(value: Any) -> Any:
    """Turn numbers of numpy into Python's, also those in lists, tuples and dicts.

    Examples
    --------
    >>> plain({"lr": np.float64(0.5), "milestones": (np.int64(3), np.array(4))})
    {'lr': 0.5, 'milestones': (3, 4)}
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    if isinstance(value, dict):
        made = copy(value)  # of its own class, with its attributes
        made.clear()
        for key, part in value.items():
            made[plain(key)] = plain(part)
        return made
    return value


def serialised(content: dict[str, Any]) -> io.BytesIO:
    """Return the bytes of a file, from the start; name the entry that could not be read back."""
    made = readable(content)
    if made is None:
        raise CheckpointError(
            f"{_unreadable(content)} cannot be saved: a file that held it would run code when "
            "read; expected numbers, texts, tensors, and lists and dicts of them"
        )
    return made


def readable(content: dict[str, Any]) -> io.BytesIO | None:
    """Serialise what :func:`opened` would read back; None if it has other classes or functions."""
    # In memory first: torch reports a full disk in terms of its own zip writer.
    buffer = io.BytesIO()
    try:
        torch.save({"format": FORMAT, "version": VERSION, **plain(content)}, buffer)
        buffer.seek(0)
        foreign = untrusted(get_unsafe_globals_in_checkpoint(buffer))
    except (pickle.PicklingError, AttributeError, TypeError, RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or isinstance(error.__context__, MemoryError):
            raise CheckpointError(
                "there is not enough memory to save: it needs that of all weights once more; what "
                "was saved before is kept"
            ) from error
        return None
    if foreign:
        return None
    # The comment of the zip archive, whose length its last two bytes are: torch reads it as before.
    buffer.seek(-2, io.SEEK_END)
    buffer.write((len(SEAL) + sha256().digest_size).to_bytes(2, "little") + SEAL)
    buffer.write(sha256(buffer.getbuffer()).digest())
    buffer.seek(0)
    return buffer


def _unreadable(content: Any, name: str = "the state") -> str:
    """Say where in it the first value lies that could not be read back, and what it is."""
    several = content if isinstance(content, dict) else {}
    if type(content) in (list, tuple):
        several = dict(enumerate(content))
    for key, value in several.items():
        if readable({"value": value}) is None:
            return _unreadable(value, f"{name}[{key!r}]")
    return f"{name}, a {type(content).__module__}.{type(content).__qualname__},"


def write(buffer: io.BytesIO, path: Path, previous: Path | None = None) -> None:
    """Write a file as :func:`~ppgen.whole_files.write_whole`, in a folder that is made if needed.

    Raises a CheckpointError if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, buffer.getbuffer(), previous)
    except OSError as error:
        before = any(file is not None and file.exists() for file in (path, previous))
        raise CheckpointError(
            f"cannot write {path.name} into {path.parent} ({error.strerror or error}); "
            f"{'the file before it is kept' if before else 'nothing is saved yet'}; "
            "name a folder that can be written and has room"
        ) from error


def read(path: str | Path) -> dict[str, Any]:
    """Read one file, tensors on the CPU, executing nothing that it holds."""
    try:
        with open(path, "rb") as file:  # once: a run may replace it meanwhile
            return opened(file, path)
    except CheckpointError:
        raise
    except Exception as error:  # of the system, zipfile, pickle or torch
        # Not torch's texts, which advise to run what a file holds.
        told = str(error) if isinstance(error, zipfile.BadZipFile) else ""
        reason = getattr(error, "strerror", None) or told or type(error).__name__
        raise CheckpointError(f"{path} is no readable checkpoint ({reason})") from error


def opened(file: BinaryIO, name: str | Path = "the state") -> dict[str, Any]:
    """Read the content of an open file."""
    sealed = has_seal(file, name)
    file = file if sealed else copied(file)
    names = get_unsafe_globals_in_checkpoint(file)
    if foreign := untrusted(names):
        raise CheckpointError(
            f"{name} is no readable checkpoint: it holds {', '.join(foreign)}, which might run "
            "code; a file may only hold numbers, tensors, and objects of the classes of ppgen, "
            "torch.nn and Pyro"
        )
    file.seek(0)
    with safe_globals(trusted_classes(names)):
        state = torch.load(file, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{name} is a file of another kind, not a checkpoint of ppgen")
    version = state.get("version")
    if version not in (1, VERSION):
        raise CheckpointError(
            f"{name} has the format version {version}; this ppgen reads 1 and {VERSION}"
        )
    if version == VERSION and not sealed:
        raise CheckpointError(f"{name} is damaged: the digest at its end is missing")
    if not isinstance(state.get("result"), dict):
        raise CheckpointError(f"{name} holds no weights; expected a dict as its entry 'result'")
    return state


def has_seal(file: BinaryIO, name: str | Path) -> bool:
    """Whether a file ends by the digest of its bytes; raise an error if by that of others."""
    end = file.seek(0, io.SEEK_END) - sha256().digest_size
    file.seek(max(0, end - len(SEAL)))
    if file.read(len(SEAL)) != SEAL:
        return False
    file.seek(0)
    digest = sha256()
    for part in iter(lambda: file.read(min(2**20, end - file.tell())), b""):
        digest.update(part)
    if file.read() != digest.digest():
        raise CheckpointError(f"{name} is damaged: it fails its checksum")
    file.seek(0)
    return True


def copied(file: BinaryIO) -> io.BytesIO:
    """Write a zip archive without a seal again, from entries that pass their checksums.

    torch verifies none, and takes memory as it is for an entry that a damaged directory calls
    empty.
    """
    made = io.BytesIO()
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(made, "w") as new:
        if sum(entry.file_size for entry in old.infolist()) > size:
            raise zipfile.BadZipFile("its entries are larger than the file")
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    made.seek(0)
    return made


def untrusted(names: Iterable[str]) -> list[str]:
    """Return those of the names of classes and functions that a file may not hold."""
    trusted = {f"{kind.__module__}.{kind.__qualname__}" for kind in trusted_classes(names)}
    return sorted(set(names) - trusted)


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
