"""Read files that anybody may have made: sizes are limited before memory is taken."""

import stat
import zipfile
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LARGEST_ARCHIVE = 2**30  # bytes, compressed


def limited(path: str | Path, most: int, pipes: bool = False) -> Path:
    """Return the path of a file of at most ``most`` bytes; raise ValueError for any other.

    A device has no end. A pipe is waited for, and meant only if it is named in a shell.
    """
    path = Path(path)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) and not (pipes and stat.S_ISFIFO(status.st_mode)):
        raise ValueError(f"{path} is a folder, a pipe or a device; expected a file")
    if status.st_size > most:
        raise ValueError(f"{path} has {status.st_size:,} bytes; expected at most {most:,}")
    return path


def read_arrays(path: str | Path, names: Iterable[str], most: int) -> "list[np.ndarray]":
    """Return arrays of an ``.npz`` file, which together take at most ``most`` bytes.

    Raises ValueError for larger ones, KeyError for a missing one, and for a damaged file any error
    of zipfile or numpy.
    """
    from numpy.lib import format as npy  # here, since graphs are read without numpy

    headers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    arrays = []
    with zipfile.ZipFile(limited(path, LARGEST_ARCHIVE)) as archive:
        entries = [archive.getinfo(f"{name}.npy") for name in names]
        total = sum(entry.file_size for entry in entries)  # zipfile unpacks no more than it
        if total > most:
            raise ValueError(f"{path} unpacks to {total:,} bytes; expected at most {most:,}")
        for entry in entries:
            with archive.open(entry) as file:
                shape, _, dtype = headers[npy.read_magic(file)](file)
            if prod(shape) * dtype.itemsize > entry.file_size:
                raise ValueError(f"{path} has an array larger than its {entry.file_size:,} bytes")
            with archive.open(entry) as file:
                arrays.append(npy.read_array(file, allow_pickle=False))
    return arrays


def one_line(text: str) -> str:
    """Write a text in one line, with blanks for all characters that cannot be seen."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
