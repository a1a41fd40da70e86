"""``ppgen results``: tables of the results of saved runs."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ppgen.reading import one_line


def add_to(commands: Any) -> None:
    """Add the command to the subparsers of a parser."""
    parser = commands.add_parser(
        "results",
        help="tables of the results of saved runs",
        description="Write Markdown tables of the test nats of saved runs, beside published "
        "figures. Trial runs with --quick are skipped, and so are damaged runs: status 2.",
    )
    parser.add_argument(
        "folders", nargs="*", type=Path, default=[Path("runs")], metavar="FOLDER",
        help="folder of a run or of several runs; default: runs",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write; default: print")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write or print the tables of the runs; return 2 if a folder cannot be read."""
    # Here, so that other commands need not wait for torch.
    from ppgen.experiments.results import ResultsError, markdown, read_runs, write

    runs, errors = read_runs(options.folders)
    shown = [run for run in runs if run.results and not run.quick]
    if not shown and not errors:
        errors = [ResultsError("no folder has results to show")]
    if shown:
        text = markdown(shown)
        if options.out:
            write(text, options.out)
        else:
            print(text, end="")
    for run in runs:
        if run not in shown:
            reason = "a trial with --quick" if run.quick else "no results"
            print(f"ppgen: {one_line(str(run.folder))} is skipped: {reason}", file=sys.stderr)
    for error in errors:
        print(f"ppgen: {one_line(str(error))}", file=sys.stderr)
    return 2 if errors else 0
