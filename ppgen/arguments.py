"""A check of the kind of an argument, where it comes from outside."""

from __future__ import annotations


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
