"""What ``ppgen dag`` reads: graphs, tables and names of nodes."""

import argparse
import csv
import io
import os
import re
import runpy
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from ppgen.graph import DAG, GraphError
from ppgen.graph.formats import names_file
from ppgen.graph.lexing import shortened
from ppgen.reading import limited

LARGEST_TABLE = 2**32  # bytes
MISSING = {"", "NA", "<NA>", "N/A", "n/a", "NaN", "nan", "NULL", "null"}  # as other tools write


def source(options: argparse.Namespace) -> DAG:
    """DAG that the options name: a text, a file, standard input or a program."""
    if options.program:
        return _of_program(options.program)
    text = options.graph
    if text == "-":
        return DAG.read(sys.stdin, options.format)
    if names_file(text) or re.fullmatch(r"[^\s<>]*/[^\s<>]*", text) or os.path.isfile(text):
        return DAG.read(text, options.format)
    return DAG.read(io.StringIO(text), options.format)


def _of_program(name: str) -> DAG:
    """DAG of an object in a Python file, which is run; a class is called without arguments."""
    path, colon, attribute = name.rpartition(":")
    if not colon or not path.endswith(".py"):
        raise GraphError(f"--program is {name!r}; expected FILE.py:MODEL")
    if not Path(path).is_file():
        raise GraphError(f"--program names the file {path}, which does not exist")
    try:
        names = runpy.run_path(path, run_name="ppgen_program")
        if attribute not in names:
            raise GraphError(f"--program names {attribute!r}, which is not in {path}")
        named = names[attribute]
        return DAG.from_program(named() if isinstance(named, type) else named)
    except (GraphError, OSError, SyntaxError, ImportError):
        raise
    except Exception as error:  # an error in the user's program
        raise GraphError(f"{name}: {type(error).__name__}: {error}") from error


def table(path: Path) -> dict[str, Any]:
    """Columns of a file of comma-separated values: numbers, dates or texts; None where missing."""
    import numpy as np

    try:
        with limited(path, LARGEST_TABLE, pipes=True).open(
            encoding="utf-8-sig", newline=""
        ) as file:
            head, *rows = list(csv.reader(file)) or [[]]
    except (csv.Error, ValueError) as error:
        raise GraphError(f"{path} cannot be read as comma-separated values: {error}") from error
    names = [name.strip() for name in head]
    for i, row in enumerate(rows):
        if row and len(row) != len(names):
            raise GraphError(f"{path}, row {i + 2}: {len(row)} values; expected {len(names)}")
    if twice := [shortened(name) for name, count in Counter(names).items() if count > 1]:
        raise GraphError(f"{path} has two columns of one name: {twice[0]!r}")
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


def split(text: str) -> list[str]:
    """Names between commas."""
    rows = csv.reader(text.splitlines(), skipinitialspace=True)
    return [name.strip() for row in rows for name in row if name.strip()]


def names(words: Iterable[str]) -> list[str]:
    """Names in several words, each with commas between names."""
    return [name for word in words for name in split(word)]
