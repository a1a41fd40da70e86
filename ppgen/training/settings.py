"""Settings of a fit that its numbers depend on, as they are saved and compared at a resume."""

from __future__ import annotations

from typing import Any

from ppgen.training.checkpoint import CheckpointError

MISSING = "absent"


def plain(thing: Any, *without: str) -> dict[str, Any]:
    """Return the type of an object and those of its attributes that are numbers or texts.

    Examples
    --------
    >>> from ppgen.objectives import BetaELBO
    >>> plain(BetaELBO(beta=4.0), "max_plate_nesting")["beta"]
    4.0
    """
    attributes = {
        name: value
        for name, value in getattr(thing, "__dict__", {}).items()
        if isinstance(value, bool | int | float | str)
        and not name.startswith("_")
        and name not in without
    }
    return {"type": type(thing).__name__, **attributes}


def check_settings(there: dict[str, Any], here: dict[str, Any]) -> None:
    """Check that a run is resumed under the settings that its numbers depend on.

    Raises
    ------
    CheckpointError
        Naming the settings that differ.
    """
    before, now = _flat(there), _flat(here)
    differ = [
        f"{name} was {before.get(name, MISSING)!r} and is {now.get(name, MISSING)!r}"
        for name in dict.fromkeys([*now, *before])
        if before.get(name, MISSING) != now.get(name, MISSING)
    ]
    if differ:
        raise CheckpointError(
            f"the run cannot be resumed under other settings: {'; '.join(differ)}"
        )


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    # Settings of settings by names such as "optimizer's lr"
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= {name if key == "type" else f"{name}'s {key}": v for key, v in value.items()}
        else:
            flat[name] = value
    return flat
