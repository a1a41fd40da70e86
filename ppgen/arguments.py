"""Checks of the kind and the size of an argument, where it comes from outside."""

from __future__ import annotations

from numbers import Integral


def check_kind(name: str, value: object, kind: type | tuple[type, ...], expected: str) -> None:
    """Refuse an argument that is of another kind.

    Parameters
    ----------
    name, value
        Of the argument.
    kind
        The class, or classes, of which it has to be an instance.
    expected
        What to give instead, in words.

    Raises
    ------
    TypeError
        Naming the argument, its value and what was expected.

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
