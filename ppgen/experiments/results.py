"""Tables of results of trained models, one for each data set."""

import json
import math
import re
import reprlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from os.path import lexists
from pathlib import Path
from typing import Any, Self

from ppgen.arguments import kind_of
from ppgen.experiments.published import FIGURES
from ppgen.reading import limited, one_line

MARKER = "<!-- Written by `ppgen results`, which overwrites it. -->"
LEAD = """# Results

`ppgen results` made these tables from the folders that the commands in them leave. Nats are minus
the mean log-probability of a test image, or row of a table, ± its standard error over these; lower
is better. An estimate that is not exact is an upper bound on the nats: an ELBO, or the tighter
bound of importance-weighted particles. Bits a dimension, that is a pixel or a character, are the
same in another unit. Seconds are those of the training steps. A published figure is that of the
same kind of model on the same images, often of another size. Other runs are those of the same
command with other seeds.
"""

SEED = re.compile(r" --seed \d+")
LARGEST_FILE = 2**23  # bytes
LONGEST = 10_000  # characters of a text
LARGEST_NUMBER = 1e15


class ResultsError(ValueError):
    """Error of a folder that is no run, a damaged run, or a file that must not be overwritten."""


@dataclass(frozen=True)
class Result:
    """Test result of a trained model."""

    model: str  # name, with the sizes that matter for comparisons
    data: str  # data set and kind of binarisation, or grey levels
    nats: float | None  # minus the mean log-probability of a test image; None if not finite
    standard_error: float | None  # of the nats, over the test images; None for a single image
    estimate: str  # exact, a bound, a number of particles
    bits: float | None  # per pixel; None if the likelihood is not one of the grey levels
    parameters: int  # learned ones, the guide's among them
    epochs: int
    seconds: float  # of the training steps
    device: str  # of the test, and of the training unless it was resumed elsewhere

    @property
    def file(self) -> str:
        """Name of the trained model's file in the folder of the run."""
        words = re.findall(r"[\w.]+", self.model)
        return f"{'-'.join(words)}.pt"


@dataclass(frozen=True)
class Run:
    """Saved run of a script: its folder and results, and the command that reproduces it."""

    folder: Path
    results: tuple[Result, ...]
    command: str = ""
    environment: str = ""  # versions and machine
    quick: bool = False  # whether it is a trial run with --quick

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a folder written by :class:`ppgen.experiments.experiment.Experiment`.

        ``results`` is empty if the run has not ended or its script records none. Raises a
        ResultsError if the folder is not a run's or its files are damaged.
        """
        settings = read_json(folder, "settings.json")
        ended = lexists(folder / "metrics.json")
        rows = ended and read_json(folder, "metrics.json").get("results")
        if not rows:
            return cls(folder, ())
        try:
            versions = ", ".join(
                f"{name} {_of(name, str | None, of)}" for name, of in settings["versions"].items()
            )
            environment = f"{versions} on {_of('machine', str, settings['machine'])}"
            return cls(
                folder,
                tuple(map(_result, rows)),
                _of("command", str, settings["command"]),
                _of("environment", str, environment),
                _of("quick", bool, settings["quick"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ResultsError(f"{folder} holds results that cannot be read: {error}") from error


def _result(row: dict[str, Any]) -> Result:
    return Result(**{f.name: _of(f.name, f.type, row[f.name]) for f in fields(Result)})


def _of(name: str, kind: Any, value: Any) -> Any:
    """Return a value of a JSON file if it is of a kind, and not too large to be shown."""
    known = kind_of(kind).take(reprlib.repr(name), value)
    text = isinstance(known, str)
    if (len(known) > LONGEST) if text else (abs(known or 0) >= LARGEST_NUMBER):
        most = f"{LONGEST:,} characters" if text else f"a number below {LARGEST_NUMBER:g}"
        raise ValueError(f"{reprlib.repr(name)} is {reprlib.repr(value)}; expected at most {most}")
    return known


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON object from a run's folder; raise a ResultsError if it is missing or damaged."""
    path = folder / name
    try:
        text = limited(path, LARGEST_FILE).read_text(encoding="utf-8")
        if path.resolve().parent != folder.resolve():
            raise ValueError("it is a link out of the folder")
        content = json.loads(text, object_pairs_hook=_unique)
        if not isinstance(content, dict):
            raise ValueError("it holds no names and values")
    except (FileNotFoundError, NotADirectoryError) as error:
        missing = f"not the folder of a run: it has no {name}" if folder.exists() else "not there"
        raise ResultsError(f"{folder} is {missing}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{folder} has a damaged {name}: {error!s:.200}") from error
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("it gives a name two values")
    return content


def read_runs(folders: Iterable[Path]) -> tuple[list[Run], list[ResultsError]]:
    """Read the runs in ``folders``, each once, and collect the errors of those that are damaged."""
    runs: dict[Path, Run] = {}
    errors = []
    for folder in chain.from_iterable(map(run_folders, folders)):
        try:
            runs.setdefault(folder.resolve(), Run.read(folder))
        except ResultsError as error:
            errors.append(error)
    return list(runs.values()), errors


def run_folders(folder: Path) -> list[Path]:
    """Return the run folders directly inside a folder, or itself if it is one or has none."""
    inside = () if _is_run(folder) else sorted(filter(_is_run, folder.glob("*/")))
    return [*inside] or [folder]


def _is_run(folder: Path) -> bool:
    return any(lexists(folder / name) for name in ("settings.json", "metrics.json"))


def markdown(runs: Sequence[Run]) -> str:
    """Return a Markdown document of results: a table for each data set, the lowest nats first.

    Runs of one command, or of commands that differ in ``--seed`` alone, share the first's row.

    Examples
    --------
    >>> made = Result("MADE", "binarized_mnist", 88.1, 0.3, "exact", 0.162, 9_000, 30, 143.2, "CPU")
    >>> text = markdown([Run(Path("runs/made"), (made,), "python examples/nade_vs_made.py")])
    >>> print(text.split("##")[1].splitlines()[4])  # doctest: +ELLIPSIS
    | MADE | 88.10 ± 0.30 | exact | 0.162 | 9,000 | 30 | 143 | CPU | 88.40: Germain et al. 2015, ...
    """
    by_setting: dict[tuple[str, ...], list[tuple[Run, Result]]] = {}
    for run in runs:
        for result in run.results:
            setting = (result.data, result.model, SEED.sub("", run.command), run.environment)
            by_setting.setdefault(setting, []).append((run, result))
    rows = [first for first, *_ in by_setting.values()]
    others = {first: [_nats(result) for _, result in rest] for first, *rest in by_setting.values()}
    columns = dict(COLUMNS)
    if any(others.values()):
        columns["other runs"] = lambda run, result: ", ".join(others[run, result])
    environments = list(dict.fromkeys(run.environment for run in runs))
    foot = list(map(_escaped, environments))
    if len(environments) > 1:
        columns["made with"] = lambda run, _: f"({environments.index(run.environment) + 1})"
        foot = [f"({number}) {each}" for number, each in enumerate(foot, 1)]
    sections = []
    for data in sorted({result.data for _, result in rows}):
        of_data = [row for row in rows if row[1].data == data]
        of_data.sort(key=lambda row: math.inf if row[1].nats is None else row[1].nats)
        lines = [list(columns), ["---"] * len(columns)]
        lines += [[cell(*row) for cell in columns.values()] for row in of_data]
        sections.append(f"## {_escaped(data)}\n\n" + "".join(map(_line, lines)))
    return "\n".join([MARKER, LEAD, *sections, f"Made with {'; '.join(foot)}.\n"])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _escaped(text: str) -> str:
    """Write a text of a file so that Markdown finds no markup, table cell or web address in it."""
    markup = r"[\\`*\[\]<>|&~$]|(?<![^\W_])_|_(?![^\W_])|(?<=:)/|(?<=www)\."
    return re.sub(markup, r"\\\g<0>", one_line(text), flags=re.IGNORECASE)


def _code(text: str) -> str:
    # Within a table, code cannot hold every character.
    return _escaped(text) if set("`|\\") & set(text) else f"`{one_line(text)}`"


def _nats(result: Result) -> str:
    if result.nats is None:
        return "not finite"
    error = "" if result.standard_error is None else f" ± {result.standard_error:.2f}"
    return f"{result.nats:.2f}{error}"


COLUMNS: dict[str, Callable[[Run, Result], str]] = {
    "model": lambda _, result: _escaped(result.model),
    "test nats": lambda _, result: _nats(result),
    "estimate": lambda _, result: _escaped(result.estimate),
    "bits a dimension": lambda _, result: "" if result.bits is None else f"{result.bits:.3f}",
    "parameters": lambda _, result: f"{result.parameters:,}",
    "epochs": lambda _, result: f"{result.epochs}",
    "seconds": lambda _, result: f"{result.seconds:,.{0 if result.seconds >= 10 else 1}f}",
    "device": lambda _, result: _escaped(result.device),
    "published": lambda _, result: str(FIGURES.get((result.model, result.data), "")),
    "command": lambda run, _: _code(run.command),
}


def write(text: str, path: Path) -> None:
    """Write a document of :func:`markdown`; raise a ResultsError if it would overwrite another."""
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(MARKER)) != MARKER.encode():
                raise ResultsError(
                    f"{path} was not written by ppgen results, so it stays; name another"
                )
    path.write_text(text, encoding="utf-8")
