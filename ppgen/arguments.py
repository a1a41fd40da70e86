"""Checks of arguments that a user passes: class, size and shape."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from numbers import Integral

from torch import Tensor


def check_kind(name: str, value: object, kind: type | tuple[type, ...], expected: str) -> None:
    """Raise a TypeError if an argument is not an instance of a class, with what is ``expected``.

    Examples
    --------
    >>> check_kind("levels", 17.0, int, "a whole number")
    Traceback (most recent call last):
    ...
    TypeError: levels is 17.0; expected a whole number
    """
    if not isinstance(value, kind):
        given = f"the class {value.__name__}" if isinstance(value, type) else repr(value)
        raise TypeError(f"{name} is {given}; expected {expected}")


@contextmanager
def named(name: str) -> Iterator[None]:
    """Say of which argument an error is that speaks of data in general."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error


def check_size(name: str, size: int, least: int = 1) -> None:
    """Raise an error if ``size`` is not a whole number (TypeError) or is too small (ValueError).

    Examples
    --------
    >>> check_size("layers", 0)
    Traceback (most recent call last):
    ...
    ValueError: layers is 0; expected 1 or more
    """
    check_kind(name, size, Integral, "a whole number")
    if size < least:
        raise ValueError(f"{name} is {size}; expected {least} or more")


def check_sizes(
    name: str, sizes: Sequence[int], expected: str, dimensions: int | None = None
) -> int:
    """Return the product of a shape's sizes; raise an error if it is no shape, as ``expected``."""
    check_kind(name, sizes, Sequence, expected)
    for place, size in enumerate(sizes):
        check_kind(f"{name}[{place}]", size, Integral, "a whole number")
    if len(sizes) != (dimensions or len(sizes)) or min(sizes, default=0) < 1:
        raise ValueError(f"{name} is {tuple(sizes)}; expected {expected}, each 1 or more")
    return prod(sizes)


def check_choice(name: str, value: object, *choices: object) -> None:
    """Raise a ValueError if an argument is not one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; expected {' or '.join(map(repr, choices))}")


def check_positive(name: str, value: float) -> float:
    """Return a number; raise a ValueError if it is not positive and finite."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value}; expected a positive number")
    return value


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
    >>> import torch
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
