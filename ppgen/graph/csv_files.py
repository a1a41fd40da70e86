"""Read columns of data from comma-separated values."""

import csv
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ppgen.graph.lexing import shortened
from ppgen.graph.nodes import GraphError

MISSING = {"", "NA", "<NA>", "N/A", "n/a", "NaN", "nan", "NULL", "null"}  # as other tools write


def read_csv(lines: Iterable[str], source: str) -> dict[str, Any]:
    """Columns of comma-separated values: numbers, dates or texts; None or NaN if missing.

    ``source`` is what errors call the lines.

    Examples
    --------
    >>> read_csv(["a,b", "1,x", "2,"], "data.csv")
    {'a': array([1, 2]), 'b': array(['x', None], dtype=object)}
    """
    import numpy as np  # here, since most questions about graphs need no data

    try:
        head, *rows = list(csv.reader(lines)) or [[]]
    except (csv.Error, ValueError) as error:
        raise GraphError(f"{source} cannot be read as comma-separated values: {error}") from error
    names = [name.strip() for name in head]
    for i, row in enumerate(rows):
        if row and len(row) != len(names):
            raise GraphError(f"{source}, row {i + 2}: {len(row)} values; expected {len(names)}")
    if twice := [shortened(name) for name, count in Counter(names).items() if count > 1]:
        raise GraphError(
            f"{source} has two columns of one name, {twice[0]!r}; expected a name for each column"
        )
    columns: dict[str, Any] = {}
    for name, *values in zip(names, *filter(None, rows), strict=True):
        column = [None if value.strip() in MISSING else value for value in values]
        for kind in (int, float, datetime.fromisoformat):
            try:
                columns[name] = np.array([np.nan if v is None else kind(v) for v in column])
                break
            except ValueError:
                columns[name] = np.array(column, dtype=object)
    return columns
