"""Kinds of values: of a type, choices, numbers, sequences, functions and unions of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from inspect import signature
from math import inf
from numbers import Integral
from reprlib import Repr
from types import FunctionType
from typing import Any


class _Brief(Repr):
    """Objects in short: of arrays shape and type, of classes and functions the name."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80

    def repr_instance(self, x: Any, level: int) -> str:
        if isinstance(x, type):
            return f"the class {x.__name__}"
        if isinstance(x, FunctionType):
            return f"the function {x.__name__}"
        if hasattr(x, "shape") and hasattr(x, "dtype"):
            return f"{type(x).__name__} of shape {tuple(x.shape)} and type {x.dtype}"
        first, *others = super().repr_instance(x, level).split("\n")
        return f"{first}…" if others else first


class Kind(ABC):
    """What an annotation allows, in ``words``."""

    words: str

    @abstractmethod
    def fits(self, value: Any) -> bool:
        """Whether a value is of the type."""

    def admits(self, value: Any) -> bool:
        """Whether a value is of the type and allowed."""
        return self.fits(value)

    def convert(self, value: Any) -> Any:
        """Return an allowed value as it is passed on."""
        return value

    def advice(self, value: Any) -> str:
        """Return what to do about a value that is not allowed, if that can be told."""
        return ""

    def take(self, name: str, value: Any) -> Any:
        """Return an argument as it is passed on; raise an error that names it if not allowed."""
        if not self.admits(value):
            error = ValueError if self.fits(value) else TypeError
            raise error(f"{name} is {shown(value)}; expected {self.words}{self.advice(value)}")
        return self.convert(value)


class Anything(Kind):
    """What only the call itself can check."""

    words = "anything"

    def fits(self, value: Any) -> bool:
        return True


class Instance(Kind):
    """An object of a class."""

    def __init__(self, of: type, words: str | None = None) -> None:
        self.of = of
        self.words = words or f"{'an' if of.__name__[0] in 'AEIOU' else 'a'} {of.__name__}"

    def fits(self, value: Any) -> bool:
        return isinstance(value, self.of)

    def advice(self, value: Any) -> str:
        if isinstance(value, type) and issubclass(value, self.of):
            return f": an object, such as {value.__name__}(…)"
        return ""


class Number(Kind):
    """A finite number of Python's or numpy's, passed on as Python's."""

    def __init__(self, number: type, accepted: type, words: str) -> None:
        self.number, self.accepted, self.words = number, accepted, words

    def fits(self, value: Any) -> bool:
        return isinstance(value, self.accepted) and not isinstance(value, bool)

    def admits(self, value: Any) -> bool:
        return self.fits(value) and abs(value) < (2**63 if isinstance(value, Integral) else inf)

    def convert(self, value: Any) -> Any:
        return value if type(value) is self.number else self.number(value)


class Truth(Kind):
    """True or False of Python's or numpy's, passed on as Python's; numpy need not be there."""

    words = "True or False"

    def fits(self, value: Any) -> bool:
        of_numpy = str(getattr(value, "dtype", "")) == "bool" and value.shape == ()
        return isinstance(value, bool) or of_numpy

    def convert(self, value: Any) -> Any:
        return bool(value)


class Function(Kind):
    """A function that takes a number of positional arguments."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.words = f"a function of {count} argument{'s' * (count != 1)}"

    def fits(self, value: Any) -> bool:
        return callable(value)

    def admits(self, value: Any) -> bool:
        if not self.fits(value):
            return False
        try:
            signature(value).bind(*range(self.count))
        except ValueError:  # some functions in C do not say what they take
            return True
        except TypeError:
            return False
        return True


class Choice(Kind):
    """One of a few values."""

    def __init__(self, *choices: object) -> None:
        self.choices = choices
        self.words = either(map(repr, choices))

    def fits(self, value: Any) -> bool:
        return isinstance(value, tuple(map(type, self.choices)))

    def admits(self, value: Any) -> bool:
        return self.fits(value) and value in self.choices


class Items(Kind):
    """A sequence whose items are of one kind; a string is not a sequence here."""

    def __init__(self, sequence: type, item: Kind) -> None:
        self.sequence, self.item = sequence, item
        self.words = f"a sequence (each {item.words})"

    def fits(self, value: Any) -> bool:
        value = _listed(value)
        sequence = isinstance(value, self.sequence) and not isinstance(value, str | bytes)
        return sequence and all(map(self.item.fits, value))

    def admits(self, value: Any) -> bool:
        return self.fits(value) and all(map(self.item.admits, _listed(value)))

    def convert(self, value: Any) -> Any:
        value = _listed(value)
        items = [self.item.convert(item) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        if same and isinstance(value, list | tuple):
            return value
        return tuple(items) if isinstance(value, tuple) else items


class Row(Kind):
    """A tuple, or another sequence, of given kinds in their order."""

    def __init__(self, *kinds: Kind) -> None:
        self.kinds = kinds
        self.words = f"({', '.join(kind.words for kind in kinds)})"

    def fits(self, value: Any) -> bool:
        sequence = isinstance(value, Sequence) and len(value) == len(self.kinds)
        return sequence and all(k.fits(each) for k, each in zip(self.kinds, value, strict=True))

    def admits(self, value: Any) -> bool:
        return self.fits(value) and all(
            kind.admits(each) for kind, each in zip(self.kinds, value, strict=True)
        )

    def convert(self, value: Any) -> Any:
        return tuple(kind.convert(each) for kind, each in zip(self.kinds, value, strict=True))


class Table(Kind):
    """A mapping from keys of one kind to values of another."""

    def __init__(self, key: Kind, value: Kind) -> None:
        self.key, self.value = key, value
        self.words = f"a mapping from {key.words} to {value.words}"

    def fits(self, value: Any) -> bool:
        return (
            isinstance(value, Mapping)
            and all(map(self.key.fits, value))
            and all(map(self.value.fits, value.values()))
        )

    def admits(self, value: Any) -> bool:
        return self.fits(value) and all(map(self.value.admits, value.values()))

    def convert(self, value: Any) -> Any:
        return {key: self.value.convert(each) for key, each in value.items()}


class Either(Kind):
    """One of several kinds."""

    def __init__(self, *kinds: Kind) -> None:
        self.kinds = kinds
        self.words = either(kind.words for kind in kinds)

    def fits(self, value: Any) -> bool:
        return any(kind.fits(value) for kind in self.kinds)

    def admits(self, value: Any) -> bool:
        return any(kind.admits(value) for kind in self.kinds)

    def convert(self, value: Any) -> Any:
        return next(kind for kind in self.kinds if kind.admits(value)).convert(value)

    def advice(self, value: Any) -> str:
        return next(filter(None, (kind.advice(value) for kind in self.kinds)), "")


class Constrained(Kind):
    """Those of one kind for which conditions hold."""

    def __init__(self, kind: Kind, *conditions: Any) -> None:
        self.kind, self.conditions = kind, conditions
        self.words = conditions[-1].in_words(kind.words)

    def fits(self, value: Any) -> bool:
        return self.kind.fits(value)

    def admits(self, value: Any) -> bool:
        return self.kind.admits(value) and all(each.holds(value) for each in self.conditions)

    def convert(self, value: Any) -> Any:
        return self.kind.convert(value)

    def advice(self, value: Any) -> str:
        return self.kind.advice(value)


def _listed(value: Any) -> Any:
    # Vectors of numpy's and torch's are sequences too.
    return value.tolist() if getattr(value, "ndim", None) == 1 else value


shown = _Brief().repr
"""Returns an argument in short."""


def either(words: Iterable[str]) -> str:
    """Join words by commas and 'or'."""
    *first, last = words = list(words)
    comma = "," if any("," in each for each in words) else ""
    return f"{', '.join(first)}{comma} or {last}" if first else last


def suggestion(name: object, names: Iterable[object]) -> str:
    """``"; did you mean …?"`` with the most similar name, or ``""`` if no name is similar."""
    near = get_close_matches(str(name), map(str, names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
