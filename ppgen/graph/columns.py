"""Tables of data as columns."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ppgen.graph.errors import GraphError
from ppgen.graph.independence import Node

LEVELS = 20  # whole numbers of more values than this are taken for Gaussian ones


def read(data: Any, names: Sequence[Node]) -> dict[Node, np.ndarray]:
    """Name the columns of a mapping, a data frame, a structured array or an array with names.

    Examples
    --------
    >>> read(np.eye(2), ["a", "b"])["b"]
    array([0., 1.])
    """
    if hasattr(data, "keys"):
        return {name: np.asarray(data[name]) for name in data.keys()}  # noqa: SIM118, a data frame
    array = np.asarray(data)
    if array.dtype.names:
        return {name: array[name] for name in array.dtype.names}
    if array.ndim != 2 or array.shape[1] != len(names):
        raise GraphError(
            f"data has the shape {array.shape}; expected (observations, {len(names)}) for the "
            f"columns {', '.join(map(str, names))}, a mapping or a structured array"
        )
    return dict(zip(names, array.T, strict=True))


def check(columns: Mapping[Node, np.ndarray], used: Iterable[Node]) -> None:
    """Refuse columns that are missing, differ in length, lack values or are not finite."""
    lengths = {}
    for node in used:
        if node not in columns:
            near = difflib.get_close_matches(str(node), map(str, columns), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise GraphError(f"data has no column {node!r}{hint}")
        column = columns[node]
        if column.ndim != 1:
            raise GraphError(f"column {node!r} has the shape {column.shape}; expected one axis")
        if column.dtype.kind in "fc" and not np.isfinite(column).all():
            raise GraphError(f"column {node!r} holds NaN or infinity; expected finite numbers")
        if column.dtype.kind in "OMm" and any(map(_is_missing, column)):
            raise GraphError(f"column {node!r} lacks values; expected a state in every row")
        lengths[node] = len(column)
    if len(set(lengths.values())) > 1:
        raise GraphError(f"data has columns of different lengths: {lengths}")
    if 0 in lengths.values():
        raise GraphError("data has no observations; expected one or more")


def is_discrete(node: Node, column: np.ndarray, kind: str) -> bool:
    """Whether a column has states rather than numbers.

    Raises
    ------
    GraphError
        Where the column of ``node`` is to be Gaussian, and holds no numbers.
    """
    if kind == "gaussian":
        if column.dtype.kind not in "biuf":
            raise GraphError(
                f"kind is 'gaussian', and column {node!r} holds {column.dtype}; expected numbers"
            )
        return False
    if column.dtype.kind != "f":
        return True
    return bool((column == np.round(column)).all()) and len(np.unique(column)) <= LEVELS


def codes(columns: Sequence[np.ndarray], n: int) -> np.ndarray:
    """Give every joint state of the columns a number from 0 on."""
    code = np.zeros(n, int)
    for column in columns:
        states, state = np.unique(column, return_inverse=True)
        code = np.unique(code * len(states) + state.ravel(), return_inverse=True)[1].ravel()
    return code


def _is_missing(value: object) -> bool:
    try:
        return value is None or bool(value != value)  # NaN and NaT differ from themselves
    except (TypeError, ValueError):  # pandas' NA, which is neither true nor false
        return True
