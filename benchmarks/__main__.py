"""The command: ``python -m benchmarks [name …] [--only TEXT] [--device …] [--json FILE]``."""

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pyro
import torch
from threadpoolctl import threadpool_limits

from benchmarks import NAMES
from benchmarks.comparison import Settings
from benchmarks.report import machine, table
from ppgen.training.fitting import pick_device

DEVICES = ("auto", "cpu", "cuda")
ROUNDS, QUICK_ROUNDS = 7, 2


def name(text: str) -> str:
    """Parse the name of a benchmark."""
    if text not in NAMES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a benchmark; expected {', '.join(NAMES)}"
        )
    return text


def device(text: str) -> torch.device:
    """Parse a device, and check that it is available."""
    if text not in DEVICES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a device; expected {', '.join(DEVICES)}")
    try:
        return pick_device(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def positive(text: str) -> int:
    """Parse a positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number, 1 or more")
    return int(text)


def writable(text: str) -> Path:
    """Parse a path, and check before measuring that it can be written."""
    path = Path(text)
    try:
        path.open("a").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error.strerror}") from error
    return path


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time ppgen and alternatives in turns within one process. A ratio is the "
        "alternative's median divided by ours: above 1, ours is faster.",
    )
    add = parser.add_argument
    add("names", nargs="*", type=name, metavar="name", help=f"of {', '.join(NAMES)}; default: all")
    add("--only", default="", metavar="TEXT", help="only rows whose names contain this")
    add("--device", default="auto", type=device, help=f"{', '.join(DEVICES)}; default: auto")
    add("--threads", default=2, type=positive, metavar="N", help="on the CPU; default: %(default)s")
    rounds = f"turns; default: {ROUNDS}, with --quick {QUICK_ROUNDS}"
    add("--rounds", type=positive, metavar="N", help=rounds)
    add("--quick", action="store_true", help="tiny sizes, to try it out")
    add("--json", type=writable, metavar="FILE", help="write rows, settings and machine to it")
    figure = "draw what the benchmark shows, if it has a figure"
    add("--figure", type=writable, metavar="FILE", help=figure)
    numpyro = "interpreter that has jax and numpyro; default: this one"
    add("--numpyro", default=sys.executable, metavar="PYTHON", help=numpyro)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the chosen rows, print their table and write the file."""
    command = parser()
    options = command.parse_args(argv)
    names = list(dict.fromkeys(options.names)) or NAMES
    modules = {name: import_module(f"benchmarks.{name}") for name in names}
    rows = {(name, row): build for name in names for row, build in modules[name].ROWS.items()}
    chosen = {key: build for key, build in rows.items() if options.only in key[1]}
    if not chosen:
        known = "\n  ".join(row for _, row in rows)
        command.error(f"argument --only: {options.only!r} is in none of the rows\n  {known}")

    torch.set_num_threads(options.threads)
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    settings = Settings(options.device, options.rounds, options.quick, options.numpyro)
    measured: list[dict[str, Any]] = []
    facts: list[dict[str, Any]] = []
    record = {
        "settings": vars(options) | {"names": list(names)},
        "machine": machine(options.device),
        "rows": measured,
        "facts": facts,
    }
    for (name, row), build in chosen.items():
        print(f"{name}: {row}", file=sys.stderr, flush=True)
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        # No validation, as in fit. threadpool_limits sets the threads of numpy's libraries.
        with pyro.validation_enabled(False), threadpool_limits(options.threads):
            comparison = build(settings)
            found = comparison.measure(settings)
            more = comparison.facts()
        measured += [{"benchmark": name, "row": row, **each} for each in found]
        facts += [{"benchmark": name, "row": row, **more}] if more else []
        if options.json:
            options.json.write_text(json.dumps(record, indent=2, default=str) + "\n")
    print(table(measured))
    for name, module in modules.items():
        of_it = [[r for r in part if r["benchmark"] == name] for part in (measured, facts)]
        if hasattr(module, "summary") and of_it[0]:
            print("", module.summary(*of_it), sep="\n")
        if hasattr(module, "draw") and options.figure:
            module.draw(*of_it, options.figure)


if __name__ == "__main__":
    main()
