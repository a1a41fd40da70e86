"""What a program and a fit consist of, in plain values that files hold and that can be compared."""

from numbers import Number
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ppgen.program import Program
from ppgen.training.archive import CheckpointError, plain

LIBRARIES = ("ppgen", "pyro", "torch")
"""Packages whose objects keep what they were made of in their public attributes."""

CHANGING = {
    *Program.__annotations__,
    *("has_run", "kept", "training", "last_epoch", "max_plate_nesting"),
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
        if (was := repr(before.get(name, "absent")))
        != (now := repr(plain(after.get(name, "absent"))))
    ]


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, Number | str)


def identity(program: Program) -> dict[str, Any]:
    """Return what a file says of its program beside the parameters."""
    return {"description": described(program), "observed": program.observed}


def described(program: Program) -> dict[str, Any]:
    """Return what a program is made of, and the constraints of its parameters."""
    constraints = dict(getattr(program, "_site_constraints", {}))
    for owner, module in program.named_modules():
        for name, (constraint, _) in getattr(module, "_pyro_params", {}).items():
            constraints[f"{owner}.{name}"] = constraint
    texts = {f"constraint of {name}": str(c) for name, c in constraints.items()}
    return describe("program", program) | texts


def check_same_program(program: Program, saved: dict[str, Any]) -> None:
    """Raise an error that names what differs if a file's program was made in another way."""
    problem = "the checkpoint is of another program"
    here, there = program.state_dict(keep_vars=True), saved["result"]
    first: dict[int, str] = {}
    for name in dict.fromkeys([*here, *there]):
        forms = [_form(state.get(name)) for state in (there, here)]
        if forms[0] != forms[1]:
            raise CheckpointError(
                f"{problem}: parameter {name!r} is {forms[0]} there and {forms[1]} in this "
                f"{type(program).__name__}; load(path, program, data) makes those that a first run "
                "makes, program.to(dtype) changes their type"
            )
        value = here.get(name)
        shared = first.setdefault(id(value), name) if isinstance(value, Tensor) else name
        if not (shared == name or torch.equal(there[name], there[shared])):
            raise CheckpointError(
                f"{problem}: {shared!r} and {name!r} are one parameter here, and differ there"
            )
    if "description" in saved:
        check_same(saved["description"], described(program), problem)


def _form(value: Any) -> str:
    """Say what of an entry of a program's state must be the same in a file."""
    if value is None or is_lazy(value):
        return "missing"
    if not isinstance(value, Tensor):
        return "no tensor"
    return f"of the shape {tuple(value.shape)} and of {value.dtype}"


def check_same(there: dict[str, Any], here: dict[str, Any], problem: str) -> None:
    """Raise a CheckpointError with this beginning that names the settings that differ."""
    differ = differences(there, here)
    if differ:
        raise CheckpointError(f"{problem}: {'; '.join(differ)}")
