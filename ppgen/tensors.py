"""Checks of tensors: type, shape and finite values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ppgen.kinds import Kind


class Dense(Kind):
    """A dense tensor of real numbers or truth values; an array is passed on as a tensor."""

    words = "a dense tensor of real numbers"

    def fits(self, value: Any) -> bool:
        """Whether a value is a tensor or an array."""
        return isinstance(value, Tensor | np.ndarray)

    def admits(self, value: Any) -> bool:
        """Whether it is dense and holds real numbers."""
        if isinstance(value, np.ndarray):
            return value.dtype.kind in "biuf" and value.dtype.itemsize <= 8
        return self.fits(value) and value.layout is torch.strided and not value.is_complex()

    def convert(self, value: Any) -> Tensor:
        """Return a tensor, which shares memory with an array if it can."""
        return value if isinstance(value, Tensor) else as_tensor(value)


def as_tensor(array: np.ndarray) -> Tensor:
    """Return an array of numbers as a tensor; of any strides and byte order, or read-only."""
    native = np.asarray(array, array.dtype.newbyteorder("="), order="C")  # torch knows no other
    return torch.as_tensor(native if native.flags.writeable else native.copy())


def check_finite(
    name: str, tensor: Tensor, expected: str = "finite numbers", before: int = 0
) -> None:
    """Raise a ValueError that names the first row with NaN or infinity, counted from ``before``."""
    if not tensor.isfinite().all():
        first = before + int((~tensor.reshape(len(tensor), -1).isfinite().all(1)).nonzero()[0])
        raise ValueError(
            f"{name} holds NaN or infinite values, first in row {first}; expected {expected}"
        )


def check_shape(
    name: str, tensor: Tensor | None, shape: Sequence[int | None], expected: str
) -> Tensor:
    """Return a tensor, or raise a ValueError if it is None or has another shape.

    A size None matches any; ``expected`` is the shape in words.

    Examples
    --------
    >>> check_shape("points", torch.zeros(9, 3), (None, 2), "(points, 2)")
    Traceback (most recent call last):
    ...
    ValueError: points has the shape (9, 3); expected (points, 2)
    """
    found = () if tensor is None else tuple(tensor.shape)
    wanted = tuple(size if want is None else want for size, want in zip(found, shape, strict=False))
    if tensor is not None and len(found) == len(shape) and found == wanted:
        return tensor
    raise ValueError(
        f"{name} has the shape {None if tensor is None else found}; expected {expected}"
    )
