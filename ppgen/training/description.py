"""What a program and a fit consist of, in plain values that files hold and that can be compared."""

from __future__ import annotations

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

ABSENT = "absent"


def describe(thing: Any) -> dict[str, Any]:
    """Return the type of an object, and of those of its parts and attributes that make it up.

    These are the modules in it and, of objects of ppgen, Pyro and torch, public attributes that are
    numbers, texts or tuples of them. Of a user's own class, modules alone: its attributes may count
    what has been done.

    Examples
    --------
    >>> describe(nn.Sequential(nn.Linear(3, 1, bias=False), nn.Softplus()))["1.beta"]
    1.0
    >>> from ppgen.objectives import BetaELBO
    >>> describe(BetaELBO(beta=4.0))["beta"]
    4.0
    """
    kind = type(thing)
    ours = kind.__module__.partition(".")[0] in LIBRARIES
    description: dict[str, Any] = {"type": kind.__qualname__}
    attributes = vars(thing).items() if hasattr(thing, "__dict__") else ()
    parts = dict(thing.named_children()) if isinstance(thing, nn.Module) else {}
    for name, value in attributes if ours else ():
        if name.startswith("_") or name in CHANGING:
            continue
        if _is_plain(value):
            description[name] = list(value) if isinstance(value, tuple) else value
        elif type(value).__module__.startswith("ppgen."):
            parts[name] = value
    for name, part in parts.items():
        for key, value in describe(part).items():
            description[name if key == "type" else f"{name}.{key}"] = value
    return description


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """Say which settings differ between a file and now.

    Examples
    --------
    >>> differences({"lr": 0.1, "objective": {"beta": 4.0}}, {"objective": {"beta": 1.0}})
    ["objective's beta was 4.0 and is 1.0", "lr was 0.1 and is 'absent'"]
    """
    before, after = _flat(there), _flat(here)
    return [
        f"{name} was {was} and is {now}"
        for name in dict.fromkeys([*after, *before])
        # As texts, since NaN is unequal to itself.
        if (was := repr(before.get(name, ABSENT))) != (now := repr(after.get(name, ABSENT)))
    ]


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, Number | str)


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    # Settings of settings by names such as "optimizer's lr"
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= {name if key == "type" else f"{name}'s {key}": v for key, v in value.items()}
        else:
            flat[name] = value
    return flat
