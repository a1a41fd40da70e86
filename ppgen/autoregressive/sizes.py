"""A check of the sizes that networks are made with."""

from __future__ import annotations

from numbers import Integral

from ppgen.arguments import check_kind


def check_size(name: str, size: int, least: int = 1) -> None:
    """Refuse what is no whole number, or one below the least.

    Raises
    ------
    TypeError
        Where it is no whole number.
    ValueError
        Where it is below ``least``.

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
