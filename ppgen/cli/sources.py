"""What ``ppgen dag`` reads: graphs, tables and names of nodes."""

import argparse
import csv
import io
import os
import re
import runpy
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ppgen.graph import DAG, GraphError
from ppgen.graph.csv_files import read_csv
from ppgen.graph.formats import names_file
from ppgen.reading import limited

LARGEST_TABLE = 2**32  # bytes


def source(options: argparse.Namespace) -> DAG:
    """DAG that the options name: a text, a file, standard input or a program."""
    if options.program:
        return of_program(options.program)
    return graph_of(options.graph, options.format)


def graph_of(text: str, format: str | None = None) -> DAG:  # noqa: A002
    """DAG of a text, of a file that it names or, for ``-``, of standard input."""
    if text == "-":
        return DAG.read(sys.stdin, format)
    if names_file(text) or re.fullmatch(r"[^\s<>]*/[^\s<>]*", text) or os.path.isfile(text):
        return DAG.read(text, format)
    return DAG.read(io.StringIO(text), format)


def of_program(name: str) -> DAG:
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
    """Columns of a file of comma-separated values."""
    with limited(path, LARGEST_TABLE, pipes=True).open(encoding="utf-8-sig", newline="") as file:
        return read_csv(file, str(path))


def split(text: str) -> list[str]:
    """Names between commas."""
    rows = csv.reader(text.splitlines(), skipinitialspace=True)
    return [name.strip() for row in rows for name in row if name.strip()]


def names(words: Iterable[str]) -> list[str]:
    """Names in several words, each with commas between names."""
    return [name for word in words for name in split(word)]
