"""Attributes of nodes, in Python and as text."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from ppgen.graph.lexing import shortened
from ppgen.graph.nodes import GraphError

STATUSES = {
    "latent": ("unobserved", "u", "l"),
    "exposure": ("source", "e"),
    "outcome": ("target", "o"),
    "adjusted": ("a",),
    "selected": ("s",),
}
"""Each status of a node, which is the name of its attribute, with its other names in a text."""

NAMES = {name: status for status, others in STATUSES.items() for name in (status, *others)}
BOOLEANS = dict.fromkeys(("true", "yes", "1"), True) | dict.fromkeys(("false", "no", "0"), False)
NUMBER = r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?"
POSITION = re.compile(rf"\s*({NUMBER})\s*,\s*({NUMBER})\s*(!?)\s*")


def is_status(key: str, value: object) -> bool:
    """Whether an attribute is a status; one like ``s="a text"``, of another name, is not."""
    return key in STATUSES or (key.lower() in NAMES and str(value or True).lower() in BOOLEANS)


def decoded(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a node from their texts: statuses, position and plates.

    Positions are ``pos=(x, y)``, with y downwards as in dagitty. In Graphviz it grows upwards; its
    texts have a ``!`` after the position or a ``width`` beside it.
    """
    result: dict[str, Any] = {}
    for key, value in attributes.items():
        status = is_status(key, value)
        name = NAMES[key.lower()] if status else key
        if status or name == "observed":
            if str(value).lower() not in BOOLEANS:
                found = shortened(str(value))
                raise GraphError(f"attribute {key!r} is {found!r}; expected true or false")
            result[name] = BOOLEANS[str(value).lower()]
        elif name == "pos":
            match = POSITION.fullmatch(str(value))
            if not match or not all(map(isfinite, map(float, match.group(1, 2)))):
                found = shortened(str(value))
                raise GraphError(f"attribute 'pos' is {found!r}; expected two numbers, as in '1,2'")
            x, y = float(match[1]), float(match[2])
            result["pos"] = (x, -y if match[3] or "width" in attributes else y)
        elif name == "plates":
            result["plates"] = tuple(str(value).split(","))
        else:
            result[name] = value
    return result


def encoded(attributes: Mapping[str, Any], pinned: bool = False) -> dict[str, str | bool]:
    """Attributes as texts, and True for each status; the reverse of :func:`decoded`.

    ``pinned`` is for positions as Graphviz takes them.
    """
    result: dict[str, str | bool] = {}
    for name, value in attributes.items():
        if name == "pos" and not isinstance(value, str):
            x, y = map(float, value)
            result[name] = f"{x},{-y}!" if pinned else f"{x},{y}"
        elif name == "plates" and not isinstance(value, str):
            if any("," in plate for plate in value):
                raise GraphError(f"plates are {value!r}; expected names without commas")
            if value:
                result[name] = ",".join(value)
        elif name == "observed":
            result[name] = str(bool(value)).lower()
        elif name in STATUSES:
            if value:
                result[name] = True
        elif value is not None:
            result[name] = str(value)
    return result
