"""Bad values of each parameter: those that no kind of its annotation takes."""

import inspect
import io
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import torch
from matplotlib.axes import Axes

from ppgen.autoregressive import AutoregressiveNetwork
from ppgen.data import Dataset, Part

from . import containers, documented, kinds, nonsense
from .kinds import Kind

LATER = {
    "AutoregressiveNetwork": AutoregressiveNetwork,
    "Axes": Axes,
    "Figure": object,
    "Dataset": Dataset,
    "Part": Part,
}
"""Names in annotations that their files import for a type checker alone."""


@dataclass(frozen=True)
class Bad:
    """A bad value of a parameter; if it is not ``nonsense``, it may be taken or be refused."""

    parameter: str
    label: str
    value: Any
    nonsense: bool = True


def bad_values(target: str, function: Callable[..., Any], arguments: Any) -> Iterator[Bad]:
    """Yield the bad values of every parameter of a function, one at a time."""
    owner = inspect.unwrap(function.__init__ if isinstance(function, type) else function)
    hints = get_type_hints(getattr(owner, "func", owner), localns=LATER, include_extras=True)
    parameters = inspect.signature(function).parameters
    keywords = [name for name, p in parameters.items() if p.kind is p.VAR_KEYWORD]
    if keywords in ([], ["options"]):
        yield Bad("unknown_name", "given", 3)
    for name, parameter in parameters.items():
        valid = arguments.get(name, parameter.default)
        hint = hints.get(name, Any)
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            valid = (arguments.get(name) or (None,))[0]
            for bad in of_parameter(target, name, hint, valid):
                yield Bad(name, bad.label, (bad.value,), bad.nonsense)
        elif parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            yield from of_parameter(target, name, hint, valid)


def of_parameter(target: str, name: str, hint: Any, valid: Any) -> Iterator[Bad]:
    """Yield the bad values of one parameter."""
    values = found(nonsense.NONSENSE, target, name)
    if values and (any_at_all(hint) or f"{target}:{name}" in nonsense.NONSENSE):
        optional = {f"{target}:{name}", name} & nonsense.OPTIONAL
        for label, value in values(valid).items():
            if value is not None or not optional:
                yield Bad(name, label, value)
        more = found(nonsense.DOUBTFUL, target, name)
        for label, value in more(valid).items() if more else ():
            yield Bad(name, label, value, nonsense=False)
        return
    allowed = kinds_of(hint, target, name)
    seen = set()
    for kind in allowed:
        for label, value in kind.values(valid):
            if label not in seen and not any(each.takes(value) for each in allowed):
                seen.add(label)
                yield Bad(name, label, value)
        for label, value in kind.doubtful(valid):
            if label not in seen:
                seen.add(label)
                yield Bad(name, label, value, nonsense=False)


def any_at_all(hint: Any) -> bool:
    """Whether an annotation says Any, or anything that can be a node, or None."""
    return hint in (Any, typing.Hashable) or Any in get_args(hint)


def found(table: Mapping[str, Any], target: str, name: str) -> Any:
    """Look a parameter up: that of the target, or else any of the name."""
    return table.get(f"{target}:{name}", table.get(name))


def kinds_of(hint: Any, target: str, name: str) -> tuple[Kind, ...]:
    """Return the kinds that an annotation allows."""
    choices = documented.CHOICES.get(f"{target}:{name}")
    if hint is str and choices:
        return (kinds.Choice(*choices),)
    origin, parts = get_origin(hint), get_args(hint)

    def of(*hints: Any) -> tuple[Kind, ...]:
        return tuple(kind for each in hints for kind in kinds_of(each, target, name))

    if origin is Annotated:
        ranges = [each for each in parts[1:] if hasattr(each, "least")]
        inner = of(parts[0])
        return tuple(
            kinds.Number(k.number, *k.ranges, *ranges) if isinstance(k, kinds.Number) else k
            for k in inner
        )
    if origin in (typing.Union, types.UnionType):
        return of(*parts)
    if origin is Literal:
        return (kinds.Choice(*parts),)
    if hint in (int, float):
        range_ = found(documented.RANGES, target, name) or documented.ANY
        return (kinds.Number(Integral if hint is int else Real, range_),)
    if origin is tuple and Ellipsis not in parts:
        return (containers.Pairs(*(of(part) for part in parts)),)
    if hint is torch.Size:
        return (containers.Items(Sequence, (kinds.Number(Integral, documented.COUNT),)),)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return (containers.Table(of(parts[0]), of(parts[1])),)
    if isinstance(origin, type) and origin is not Callable and parts:
        return (containers.Items(origin, of(*(part for part in parts if part is not Ellipsis))),)
    if origin is Callable:
        return (kinds.Function(),)
    plain = {
        bool: kinds.Truth(),
        str: kinds.Text(),
        type(None): kinds.Choice(None),
        Path: kinds.File(),
        torch.Tensor: kinds.Tensors(),
    }
    if hint in plain:
        return (plain[hint],)
    if origin is typing.IO:
        return (kinds.Instance(io.TextIOBase),)
    limited = isinstance(hint, type) and hint is not Any
    return (kinds.Instance(hint),) if limited else (kinds.Anything(),)
