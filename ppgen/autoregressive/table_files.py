"""Pickled lists of arrays, read without running code in them."""

import gzip
import pickle
from pathlib import Path
from typing import Any, Self

import numpy as np


def read_pickle(path: str | Path) -> list[np.ndarray]:
    """Read a pickled list of numpy arrays of numbers, gzipped or not; else raise ValueError.

    Nothing that the pickle names is called: classes of this module replace those of numpy, and
    every other name is an error.
    """
    with Path(path).open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if zipped else Path(path).open("rb") as file:
        try:
            content = _Unpickler(file).load()
            if not isinstance(content, list) or not all(
                isinstance(item, _Array) for item in content
            ):
                raise pickle.UnpicklingError("it is not a list of arrays")
            if file.read(1):  # also makes gzip compare its checksum
                raise pickle.UnpicklingError("it continues after the list")
            return [item.array for item in content]
        except Exception as error:  # damaged bytes make the unpickler raise almost anything
            raise ValueError(
                f"{path} cannot be read as a pickled list of arrays of numbers: {error}"
            ) from error


# Every class below defines __setstate__: without it, a pickle could set attributes of the class.


class _Dtype:
    """Replaces ``numpy.dtype``; numbers only."""

    def __init__(self, name: str, align: bool = False, copy: bool = True) -> None:
        self.dtype = np.dtype(name)
        if self.dtype.kind not in "biuf":
            raise pickle.UnpicklingError(f"an array of {self.dtype}; expected numbers")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Replaces ``numpy.ndarray``, which is made empty before its state is set."""

    def __init__(self, kind: type, shape: tuple[int, ...], typecode: bytes) -> None:
        self.array = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        self.array = _array(data, dtype, shape, "F" if fortran else "C")


class _FromBuffer(_Array):
    """Replaces numpy's ``_frombuffer``, of pickle protocol 5."""

    def __init__(self, data: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> None:
        self.array = _array(data, dtype, shape, order)


class _Latin1(bytes):
    """Replaces ``_codecs.encode``, with which protocols 0 to 2 write bytes."""

    def __new__(cls, text: str, encoding: str) -> Self:
        return super().__new__(cls, text.encode("latin1"))

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("bytes have no state")


def _array(data: Any, dtype: _Dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    if not isinstance(data, bytes | bytearray) or not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError("an array of objects; expected numbers")
    return np.frombuffer(data, dtype.dtype).reshape(shape, order="F" if order == "F" else "C")


_NAMES: dict[str, type] = {
    "numpy.dtype": _Dtype,
    "numpy.ndarray": _Array,
    "numpy._core.multiarray._reconstruct": _Array,
    "numpy._core.numeric._frombuffer": _FromBuffer,
    "_codecs.encode": _Latin1,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        path = f"{module}.{name}".replace("numpy.core.", "numpy._core.")  # numpy 1 has the former
        if path not in _NAMES:
            raise pickle.UnpicklingError(f"it names {path}, which is not allowed")
        return _NAMES[path]
