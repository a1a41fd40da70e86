"""``ppgen results``: tables of what saved runs reached."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ppgen.experiments.results import ResultsError, Run, markdown, run_folders, write


def add_to(commands: Any) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "results",
        help="tables of what saved runs reached",
        description="Write tables in Markdown of the test nats that saved runs reached, beside "
        "published figures. Runs with --quick are trials, and left out.",
    )
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        default=[Path("runs")],
        metavar="FOLDER",
        help="of a run, or of several; default: runs",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: print")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read the runs, and write or print their tables."""
    runs = []
    for folder in run_folders(options.folders):
        read = Run.read(folder)
        if read.quick or not read.results:
            reason = "made with --quick" if read.quick else "has no results"
            print(f"ppgen: {folder} is left out: {reason}", file=sys.stderr)
        else:
            runs.append(read)
    if not runs:
        raise ResultsError("no folder has results to show")
    text = markdown(runs)
    if options.out:
        write(text, options.out)
    else:
        print(text, end="")
