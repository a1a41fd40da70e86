"""Pickled lists of arrays, read without running code in them."""

import gzip
import io
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np

from ppgen.reading import limited

MOST_OPCODES = 5_000  # a table has at most 72


def read_pickle(path: str | Path, most: int) -> list[np.ndarray]:
    """Read a pickled list of numpy arrays of numbers, gzipped or not; else raise ValueError.

    The pickle has at most ``most`` bytes when it is unzipped. Nothing that it names is called: a
    record replaces each of numpy's functions, and every other name is an error.
    """
    with limited(path, most).open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            return _arrays(gzip.GzipFile(fileobj=file) if zipped else file, most)
        except Exception as error:  # damaged bytes make the unpickler raise almost anything
            raise ValueError(
                f"{path} cannot be read as a pickled list of arrays of numbers: {error!s:.200}"
            ) from error


def _arrays(file: Any, most: int) -> list[np.ndarray]:
    content = io.BytesIO()
    while (size := content.tell()) <= most and (part := file.read(2**20)):
        content.write(part)
    if size > most:
        raise pickle.UnpicklingError(f"it has more than {most:,} bytes")
    _check_opcodes(content)
    content.seek(0)
    records = _Unpickler(content).load()
    if not isinstance(records, list) or content.tell() < size:
        raise pickle.UnpicklingError("it is not a list of arrays, or continues after it")
    arrays = []
    order: Any
    for record in records:
        match record:
            case _Record(state=(_, shape, dtype, fortran, data)):
                order = "F" if fortran else "C"
            case _Record(arguments=(data, dtype, shape, order)):  # of protocol 5
                pass
            case _:
                raise pickle.UnpicklingError("it is not a list of arrays")
        size -= len(data)  # one text in the file could be the data of many arrays
        if size < 0:
            raise pickle.UnpicklingError("its arrays have more bytes than it has")
        arrays.append(_array(data, dtype).reshape(shape, order=order))
    return arrays


def _array(data: Any, dtype: Any) -> np.ndarray:
    if isinstance(data, _Record):  # in protocols 0 to 2
        data = data.arguments[0].encode("latin1")
    name = dtype.arguments[0]
    if not isinstance(data, bytes | bytearray) or not re.fullmatch(r"[biuf]\d\d?", name):
        raise pickle.UnpicklingError("an array of objects or texts; expected numbers")
    return np.frombuffer(data, np.dtype(name).newbyteorder(dtype.state[1] if dtype.state else "="))


def _check_opcodes(content: io.BytesIO) -> None:
    """Raise an error for a pickle that takes more memory or time than its size says."""
    content.seek(0)
    for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        # The unpickler makes a list as long as the largest index of a PUT.
        index: Any = argument if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") else 0
        if max(number, index) > MOST_OPCODES:
            raise pickle.UnpicklingError(f"it has more than {MOST_OPCODES:,} opcodes or indices")


class _Record:
    """Keeps the arguments of a call, and the state that is set after it, of an array or a dtype."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = ()

    def __setstate__(self, state: Any) -> None:  # without it, a pickle could set any attribute
        self.state = state

    def __len__(self) -> int:
        return len(self.arguments[0])


_NAMES = (
    *("numpy.dtype", "numpy.ndarray", "_codecs.encode"),
    *("numpy._core.multiarray._reconstruct", "numpy._core.numeric._frombuffer"),
)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        path = f"{module}.{name}".replace("numpy.core.", "numpy._core.")  # numpy 1 has the former
        if path not in _NAMES:
            raise pickle.UnpicklingError(f"it names {path}, which is not allowed")
        return _Record
