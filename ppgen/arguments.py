"""Checks of the arguments of public calls, declared by the annotations of their signatures."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from math import inf
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from ppgen.kinds import (
    Anything,
    Choice,
    Constrained,
    Either,
    Function,
    Instance,
    Items,
    Kind,
    Number,
    Row,
    Table,
    Truth,
    suggestion,
)


@dataclass(frozen=True, repr=False)
class Range:
    """The numbers from ``least`` to ``most``; without these two if it is ``open``.

    Examples
    --------
    >>> Range(0, 1, open=True).in_words("a number")
    'a number between 0 and 1'
    """

    least: float
    most: float = inf
    open: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number lies within."""
        if self.open:
            return self.least < value < self.most
        return self.least <= value <= self.most

    def __repr__(self) -> str:
        return self.in_words("a number")

    def in_words(self, kind: str) -> str:
        """Return what is expected of numbers of a kind."""
        if self.most < inf:
            between, and_ = ("between", "and") if self.open else ("from", "to")
            return f"{kind} {between} {self.least} {and_} {self.most}"
        if not self.open:
            return f"{kind}, {self.least} or more"
        return f"{kind} above {self.least}" if self.least else kind.replace("a ", "a positive ", 1)


@dataclass(frozen=True, repr=False)
class Such:
    """A condition, and what is expected in words that take the place of the kind's own."""

    holds: Callable[[Any], bool]
    words: str

    def __repr__(self) -> str:
        return self.words

    def in_words(self, kind: str) -> str:
        """Return what is expected."""
        return self.words


Levels = Annotated[int, Range(2)]
Size = Annotated[int, Range(1)]
Count = Annotated[int, Range(0)]
LAST_SEED = 2**32 - 1
Seed = Annotated[int, Range(0, LAST_SEED)]
Positive = Annotated[float, Range(0, open=True)]
NotNegative = Annotated[float, Range(0)]
Between = Annotated[float, Range(0, 1, open=True)]
Share = Annotated[float, Range(0, 1)]

SCALARS: dict[Any, Kind] = {
    Any: Anything(),
    int: Number(int, Integral, "a whole number"),
    float: Number(float, Real, "a number"),
    bool: Truth(),
    str: Instance(str, "a string"),
    Path: Instance(PathLike, "a path"),
    None: Choice(None),
    NoneType: Choice(None),
}

signature_of = cache(inspect.signature)
Public = TypeVar("Public", bound=Callable)


def checked(public: Public) -> Public:
    """Check each argument of a function, or of a class's constructor, by its annotation.

    A TypeError or ValueError names the first argument that its annotation excludes. Numbers of
    numpy's are passed on as Python's, and arrays as tensors. Defaults are trusted.

    Examples
    --------
    >>> from typing import Literal
    >>> @checked
    ... def draw(n: Size, method: Literal["exact", "fast"] = "fast", scale: Positive | None = None):
    ...     return n
    >>> draw(3)
    3
    >>> draw(2.7)
    Traceback (most recent call last):
    ...
    TypeError: n is 2.7; expected a whole number, 1 or more
    >>> draw(3, "slow")
    Traceback (most recent call last):
    ...
    ValueError: method is 'slow'; expected 'exact' or 'fast'
    >>> draw(3, scale=float("nan"))
    Traceback (most recent call last):
    ...
    ValueError: scale is nan; expected a positive number or None
    >>> draw(3, speed="slow")
    Traceback (most recent call last):
    ...
    TypeError: draw() got an unexpected keyword argument 'speed'; expected n, method, scale
    """
    if isinstance(public, type):
        public.__init__ = checked(public.__init__)  # type: ignore[misc]
        return public
    signature = signature_of(public)
    annotated = [name for name in signature.parameters if name in public.__annotations__]

    @cache
    def kinds() -> dict[str, Kind]:
        # Without what is returned, which only the type checker may know.
        own = {name: public.__annotations__[name] for name in annotated}
        namespace = SimpleNamespace(__annotations__=own)
        hints = get_type_hints(namespace, public.__globals__, include_extras=True)
        return {name: kind_of(hint) for name, hint in hints.items()}

    @wraps(public)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = bind(public, *args, **kwargs)
        for name, value in given.arguments.items():
            if kind := kinds().get(name):
                several = signature.parameters[name].kind
                if several is inspect.Parameter.VAR_POSITIONAL:
                    value = tuple(kind.take(name, item) for item in value)
                elif several is inspect.Parameter.VAR_KEYWORD:
                    value = {key: kind.take(key, item) for key, item in value.items()}
                else:
                    value = kind.take(name, value)
                given.arguments[name] = value
        return public(*given.args, **given.kwargs)

    return cast(Public, call)


def bind(public: Callable, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
    """Bind arguments to the names of a callable; a TypeError lists the names that it takes."""
    signature = signature_of(public)
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        own = type(args[0]) if public.__name__ == "__init__" else None
        known = [name for name in signature.parameters if name not in ("self", "cls")]
        name, others = (own.__name__, _constructors(own)) if own else (public.__name__, "")
        near = "".join(suggestion(each, known) for each in kwargs if each not in known)
        what = str(error).replace("too many", "got too many")
        raise TypeError(f"{name}() {what}{near}; expected {', '.join(known)}{others}") from None


def _constructors(of: type) -> str:
    """Return the class methods of a class of ppgen, which make objects in other ways."""
    methods = {name: inspect.getattr_static(of, name) for name in dir(of) if name[0] != "_"}
    ways = [
        f"{of.__name__}.{name}(…)"
        for name, method in methods.items()
        if isinstance(method, classmethod) and method.__func__.__module__.startswith("ppgen.")
    ]
    return f"; or {', '.join(ways)}" if ways else ""


def shown_arguments(thing: Any) -> str:
    """Write what an object was made of as arguments, as far as its attributes keep it.

    For a ``__repr__``, or as the ``extra_repr`` of a module.
    """
    kept = [name for name in inspect.signature(type(thing)).parameters if name in vars(thing)]
    return ", ".join(f"{name}={getattr(thing, name)!r}" for name in kept)


@contextmanager
def named(name: str) -> Iterator[None]:
    """Say of which argument an error is that speaks of data in general."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error


def kind_of(hint: Any) -> Kind:
    """Return what an annotation allows.

    Examples
    --------
    >>> kind_of(list[int] | None).words
    'a sequence (each a whole number) or None'
    """
    origin, parts = get_origin(hint), get_args(hint)
    if hint in SCALARS:
        return SCALARS[hint]
    if origin is Annotated:
        return Constrained(kind_of(parts[0]), *parts[1:])
    if origin in (Union, UnionType):
        return Either(*map(kind_of, parts))
    if origin is Literal:
        return Choice(*parts)
    if origin is Callable:
        listed = isinstance(parts[0], list)
        return Function(len(parts[0])) if listed else Instance(Callable, "a function")
    if origin is tuple and parts[-1] is not Ellipsis:
        return Row(*map(kind_of, parts))
    if origin in (Sequence, list, tuple):
        return Items(origin, kind_of(parts[0]))
    if origin in (Mapping, dict):
        return Table(*map(kind_of, parts))
    if getattr(hint, "__module__", "") == "torch" and hint.__name__ == "Tensor":
        from ppgen.tensors import Dense  # here, since graphs are checked without torch

        return Dense()
    return Instance(origin or hint) if isinstance(origin or hint, type) else Anything()
