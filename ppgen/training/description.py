"""What a program and a fit consist of, in plain values that files hold and that can be compared."""

from numbers import Number
from typing import Any

from torch import nn

from ppgen.program import Program

LIBRARIES = ("ppgen", "pyro", "torch")
"""Packages whose objects keep what they were made of in their public attributes."""

CHANGING = {
    *Program.__annotations__,
    *("has_run", "kept", "training", "last_epoch", "max_plate_nesting", "keeps_scale"),
}
"""Attributes that say how an object is used, not what it is."""


def describe(name: str, thing: Any) -> dict[str, Any]:
    """Return the type of an object, and of those of its parts and attributes that make it up.

    These are the modules in it and, of objects of ppgen, Pyro and torch, public attributes that are
    numbers, texts or tuples of them. Of a user's own class, modules alone: its attributes may count
    what has been done.

    Examples
    --------
    >>> describe("network", nn.Sequential(nn.Linear(3, 1), nn.Softplus()))["network's 1"]
    'Softplus'
    >>> from ppgen.objectives import BetaELBO
    >>> describe("objective", BetaELBO(beta=4.0))["objective's beta"]
    4.0
    """
    kind = type(thing)
    ours = kind.__module__.partition(".")[0] in LIBRARIES
    description: dict[str, Any] = {name: kind.__qualname__}
    owner = name + ("." if "'s " in name else "'s ")
    parts = dict(thing.named_children()) if isinstance(thing, nn.Module) else {}
    for attribute, value in getattr(thing, "__dict__", {}).items() if ours else ():
        if attribute.startswith("_") or attribute in CHANGING:
            continue
        if _is_plain(value):
            description[owner + attribute] = list(value) if isinstance(value, tuple) else value
        elif type(value).__module__.startswith("ppgen."):
            parts[attribute] = value
    for part, value in parts.items():
        description |= describe(owner + part, value)
    return description


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Say which settings differ between a file and now.

    Examples
    --------
    >>> differences({"lr": 0.1, "objective's beta": 4.0}, {"objective's beta": 1.0})
    ["objective's beta was 4.0 and is 1.0", "lr was 0.1 and is 'absent'"]
    """
    return [
        f"{name} was {was} and is {now}"
        for name in dict.fromkeys([*after, *before])
        # As texts, since NaN is unequal to itself.
        if (was := repr(before.get(name, "absent"))) != (now := repr(after.get(name, "absent")))
    ]


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, Number | str)
