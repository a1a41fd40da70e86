"""The command line: queries on a DAG, pages in the browser, and tables of results."""

import argparse
import os
import sys
from collections.abc import Sequence

from ppgen.cli import dag, explore, results
from ppgen.reading import one_line


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, 2 after an error, or 1 if its output is closed.

    Examples
    --------
    >>> main(["dag", "S -> A; S -> R; AP -> R", "--separated", "A", "AP", "--given", "R"])
    A and AP depend on each other given R
    0
    """
    parser = argparse.ArgumentParser(prog="ppgen", description="Generative models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (dag, explore, results):
        command.add_to(commands)
    options = parser.parse_args(argv)
    try:
        status = options.run(options)
        sys.stdout.flush()
        return status or 0
    except BrokenPipeError:  # the reader has seen enough, as in `ppgen … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, SyntaxError, ImportError) as error:
        print(f"ppgen: {one_line(str(error))}", file=sys.stderr)
        return 2
