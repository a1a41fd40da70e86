"""``ppgen results``: tables of the results of saved runs."""

import argparse
import sys
from pathlib import Path
from typing import Any


def add_to(commands: Any) -> None:
    """Add the command to the subparsers of a parser."""
    parser = commands.add_parser(
        "results",
        help="tables of the results of saved runs",
        description="Write Markdown tables of the test nats of saved runs, beside published "
        "figures. Trial runs with --quick are skipped.",
    )
    parser.add_argument(
        "folders", nargs="*", type=Path, default=[Path("runs")], metavar="FOLDER",
        help="folder of a run or of several runs; default: runs",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write; default: print")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read the runs, and write or print their tables."""
    # Here, so that other commands need not wait for torch.
    from ppgen.experiments.results import ResultsError, Run, markdown, run_folders, write

    runs = []
    for folder in run_folders(options.folders):
        read = Run.read(folder)
        if read.quick or not read.results:
            reason = "a trial with --quick" if read.quick else "no results"
            print(f"ppgen: {folder} is skipped: {reason}", file=sys.stderr)
        else:
            runs.append(read)
    if not runs:
        raise ResultsError("no folder has results to show")
    text = markdown(runs)
    if options.out:
        write(text, options.out)
    else:
        print(text, end="")
