"""Options of a script."""

import argparse
from typing import get_args

from ppgen import data
from ppgen.arguments import Count, Size, checked
from ppgen.training.compiled import Mode


@checked
def arguments(description: str, *, datasets: bool = True) -> argparse.ArgumentParser:
    """Make a parser with the options of every script, with ``datasets`` also those of the data.

    Examples
    --------
    >>> arguments("What the script does.").parse_args(["--quick"]).data
    'digits'
    """
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # the command is saved, and must mean the same in a later version
    )
    if datasets:
        names = sorted(data.LOADERS)
        parser.add_argument("--data", default="digits", choices=names, help="default: %(default)s")
        parser.add_argument("--data-root", help="data folder; default: PPGEN_DATA, ~/.cache/ppgen")
        parser.add_argument("--download", action="store_true", help="fetch missing data")
    parser.add_argument("--out", help="folder for the results; default: a new one in runs/")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a minute or less, to try it out")
    return parser


@checked
def training_arguments(
    parser: argparse.ArgumentParser, epochs: Count, quick: Count, batch_size: Size | None = None
) -> None:
    """Add ``--epochs`` (see :func:`sized_argument`), ``--resume``, ``--device``, ``--compile``.

    With a ``batch_size``, its default, also ``--batch-size``.

    Examples
    --------
    >>> parser = arguments("What the script does.")
    >>> training_arguments(parser, epochs=50, quick=3)
    >>> parser.parse_args(["--epochs", "7"]).epochs
    7
    """
    sized_argument(parser, "--epochs", epochs, quick)
    if batch_size is not None:
        parser.add_argument(
            "--batch-size", type=int, default=batch_size, help="rows; default: %(default)s"
        )
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda; default: %(default)s")
    parser.add_argument(
        "--compile",
        default="auto",
        choices=get_args(Mode),
        help="whether to trace or compile the steps; auto: if it pays; default: %(default)s",
    )


@checked
def sized_argument(
    parser: argparse.ArgumentParser, name: str, full: Count, quick: Count, what: str = ""
) -> None:
    """Add an integer option whose default is ``full``, or ``quick`` with ``--quick``.

    :class:`Experiment` sets the default, since it depends on another option.

    Examples
    --------
    >>> parser = arguments("What the script does.")
    >>> sized_argument(parser, "--particles", full=1000, quick=10, what="of the estimate")
    >>> parser.parse_args(["--particles", "100"]).particles
    100
    """
    about = f"{what}; " if what else ""
    parser.add_argument(name, type=int, help=f"{about}default: {full}; with --quick {quick}")
    sizes = parser.get_default("sizes") or {}
    parser.set_defaults(sizes={**sizes, name.strip("-").replace("-", "_"): (full, quick)})
