"""Read the columns of data as states or as numbers, with their missing values."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np

from ppgen.graph.nodes import GraphError, Node
from ppgen.kinds import suggestion

NAMED = 5  # columns that an error names
LEVELS = 20  # columns of whole numbers with more different values are numbers, not states


@dataclass(frozen=True, eq=False)
class Column:
    """Values of one node.

    Attributes
    ----------
    values
        States as integers from 0, or numbers as floats; ``(rows,)``.
    discrete
        Whether the values are states.
    missing
        Whether the value is missing, for each row.
    """

    node: Node
    values: np.ndarray
    discrete: bool
    missing: np.ndarray

    @property
    def constant(self) -> bool:
        """Whether all values are the same."""
        return bool((self.values == self.values[:1]).all())

    def at(self, rows: np.ndarray) -> "Column":
        """Column of some of the rows."""
        return Column(self.node, self.values[rows], self.discrete, self.missing[rows])


Columns = Sequence[Column]


def joint(columns: Sequence[Column], n: int) -> np.ndarray:
    """Joint state of discrete columns as integers from 0, each of which occurs, ``(n,)``."""
    code = np.zeros(n, int)
    for column in columns:
        code = numbered(code * (column.values.max() + 1) + column.values)[0]
    return code


def numbered(code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank of each code among the different ones, and these in order; codes are at least 0."""
    size = int(code.max(initial=0)) + 1
    if size > 4 * len(code) + 1000:
        values, ranks = np.unique(code, return_inverse=True)
        return ranks.ravel(), values
    seen = np.zeros(size, bool)  # faster than sorting
    seen[code] = True
    return (np.cumsum(seen) - 1)[code], np.flatnonzero(seen)


def read_columns(
    columns: Mapping[Node, Any], used: Collection[Node], reading: str
) -> dict[Node, Column]:
    """Columns ``used`` of a table.

    ``reading`` is ``"states"``, ``"numbers"`` or ``"auto"``: whole numbers with at most 20
    different values, text, categories and booleans are states, other numbers and dates are numbers.
    """
    if absent := [node for node in used if node not in columns]:
        hint = suggestion(absent[0], columns) if len(absent) == 1 else ""
        hint = hint or f"; it has {', '.join(map(repr, islice(columns, NAMED)))}"
        plural = "s" if absent[1:] else ""
        raise GraphError(f"data has no column{plural} {', '.join(map(repr, absent))}{hint}")
    read = {node: _read(node, columns[node], reading) for node in used}
    lengths = {node: len(column.values) for node, column in read.items()}
    if len(set(lengths.values())) > 1:
        raise GraphError(f"data has columns of different lengths: {lengths}; expected one length")
    return read


def by_name(data: Any, names: Sequence[Node]) -> Mapping[Node, Any]:
    """Columns of a mapping, a data frame, a structured array or an array with ``names``."""
    if hasattr(data, "keys"):
        return {name: data[name] for name in data.keys()}  # noqa: SIM118, a data frame
    if len(set(names)) < len(names):
        raise GraphError(f"names is {', '.join(map(str, names))}; expected different names")
    array = _array(data, "data")
    if array.dtype.names:
        return {name: array[name] for name in array.dtype.names}
    if array.ndim != 2 or array.shape[1] != len(names):
        raise GraphError(
            f"data has shape {array.shape}; expected (observations, {len(names)}) for the "
            f"columns {', '.join(map(str, names))}, a mapping or a structured array"
        )
    return dict(zip(names, array.T, strict=True))


def _read(node: Node, raw: Any, reading: str) -> Column:
    values, sort = _values(node, raw)
    if not len(values):
        raise GraphError("data has no observations; expected at least one")
    missing = np.isnan(values)
    present = values[~missing]
    if not len(present):
        raise GraphError(f"column {node!r} has only missing values; expected observations")
    if not np.isfinite(present).all():
        raise GraphError(f"column {node!r} contains infinity; expected finite numbers")
    if reading == "numbers" and sort == "text":
        raise GraphError(f"column {node!r} has text or unordered categories; expected numbers")
    states, state = np.unique(present, return_inverse=True)
    few = len(states) <= LEVELS and bool((states == np.round(states)).all())
    if reading == "numbers" or (reading == "auto" and sort == "numbers" and not few):
        return Column(node, values, False, missing)
    codes = np.zeros(len(values), int)
    codes[~missing] = state.ravel()
    return Column(node, codes, True, missing)


def _values(node: Node, raw: Any) -> tuple[np.ndarray, str]:
    """Values as floats, missing ones as NaN, and whether they are numbers, text or ordered."""
    codes = getattr(getattr(raw, "cat", raw), "codes", None)
    if codes is not None:  # categories of pandas
        values = np.array(codes, float)
        values[values < 0] = np.nan
        return values, "ordered" if raw.dtype.ordered else "text"
    if hasattr(getattr(raw, "dtype", None), "freq"):  # periods of pandas, as their numbers
        raw = np.asarray(raw.astype("int64")).view("m8[D]")  # where a missing one is NaT
    if isinstance(raw, np.ma.MaskedArray):
        masked, raw = np.ma.getmaskarray(raw), raw.data.astype(object)
        raw[masked] = None
    array = _array(raw, f"column {node!r}")
    if array.ndim != 1:
        raise GraphError(f"column {node!r} has shape {array.shape}; expected one axis")
    if array.dtype.kind == "c":
        raise GraphError(f"column {node!r} has complex numbers; expected real ones")
    if array.dtype.kind in "biufmM":
        return _floats(array), "numbers"
    known = np.array([not _is_missing(value) for value in array], bool)
    entries = array[known].tolist()
    values = np.full(len(array), np.nan)
    for kinds, convert in (((date,), _of_dates), ((Real, Decimal), _of_numbers)):
        if entries and all(isinstance(entry, kinds) for entry in entries):
            try:
                values[known] = _floats(convert(entries))
            except OverflowError as error:
                raise GraphError(f"column {node!r} has too large a number: {error}") from None
            return values, "numbers"
    try:
        code = {state: i for i, state in enumerate(sorted(dict.fromkeys(entries), key=str))}
    except TypeError as error:
        raise GraphError(
            f"column {node!r} has an invalid entry: {error}; expected numbers, dates or text"
        ) from None
    values[known] = [code[entry] for entry in entries]
    return values, "text"


def _array(data: Any, name: str) -> np.ndarray:
    """Array of a sequence, or of a tensor, also of one with a gradient."""
    try:
        if hasattr(data, "detach"):
            data = data.detach().cpu().to_dense()
            data = data.double() if data.is_floating_point() else data  # numpy has no bfloat16
        return np.asarray(data)
    except (TypeError, ValueError, RuntimeError) as error:
        raise GraphError(f"{name} cannot be read as an array: {error}") from error


def _floats(array: np.ndarray) -> np.ndarray:
    """Numbers, dates or durations as floats; whole ones minus the largest, to remain exact."""
    if array.dtype.kind not in "iumM" or not len(array):
        return array.astype(float)
    whole = array if array.dtype.kind in "iu" else array.astype(np.int64)
    largest = whole.argmax()
    below = whole.astype(np.uint64)  # differences of which are right whatever the signs
    values = -(below[largest] - below).astype(float)
    return values if whole is array else np.where(np.isnat(array), np.nan, values)


def _of_dates(entries: list[Any]) -> np.ndarray:
    """Dates or times; those with a time zone in UTC."""
    zoned = (getattr(entry, "tzinfo", None) for entry in entries)
    utc = (
        entry.astimezone(UTC).replace(tzinfo=None) if zone else entry
        for entry, zone in zip(entries, zoned, strict=True)
    )
    return np.array(list(utc), "datetime64[us]")


def _of_numbers(entries: list[Any]) -> np.ndarray:
    array = np.array(entries)
    if array.dtype.kind in "biuf":
        return array
    if all(isinstance(entry, int) for entry in entries):
        array = array - max(entries)  # to remain exact
    return array.astype(float)  # fractions


def _is_missing(value: object) -> bool:
    try:
        return value is None or bool(value != value)  # NaN and NaT differ from themselves
    except (TypeError, ValueError):  # pandas' NA is neither true nor false
        return True
