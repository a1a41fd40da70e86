"""Tables of results of trained models, one for each data set."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ppgen.experiments.published import FIGURES

MARKER = "<!-- Written by `ppgen results`, which overwrites it. -->"
LEAD = """# Results

`ppgen results` made these tables from the folders that the commands in them leave. Nats are minus
the mean log-probability of a test image, ± its standard error over the test images; lower is
better. An estimate that is not exact is an upper bound on the nats: an ELBO, or the tighter bound
of importance-weighted particles. Bits per pixel are the same in another unit. Seconds are those of
the training steps. A published figure is that of the same kind of model on the same images, often
of another size.
"""


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
        ended = (folder / "metrics.json").exists()
        rows = ended and read_json(folder, "metrics.json").get("results")
        if not rows:
            return cls(folder, ())
        try:
            results = tuple(Result(**row) for row in rows)
            versions = ", ".join(f"{name} {of}" for name, of in settings["versions"].items())
            environment = f"{versions} on {settings['machine']}"
            return cls(folder, results, settings["command"], environment, settings["quick"])
        except (AttributeError, KeyError, TypeError) as error:
            raise ResultsError(f"{folder} holds results that cannot be read: {error}") from error


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON object from a run's folder; raise a ResultsError if it is missing or damaged."""
    try:
        content = json.loads((folder / name).read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ResultsError(f"{folder} is not the folder of a run: it has no {name}") from error
    except ValueError as error:  # of JSON, or of text
        raise ResultsError(f"{folder} has a damaged {name}: {error}") from error
    if not isinstance(content, dict):
        raise ResultsError(f"{folder} has a damaged {name}: it holds no names and values")
    return content


def run_folders(folders: Iterable[Path]) -> list[Path]:
    """Return the run folders among ``folders``, or directly inside each of them, without repeats.

    Raises a ResultsError for a folder without any.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        inside = [folder] if _is_run(folder) else sorted(filter(_is_run, folder.glob("*/")))
        if not inside:
            missing = "is not the folder of a run and contains none"
            raise ResultsError(f"{folder} {missing if folder.exists() else 'is not there'}")
        for run in inside:
            found.setdefault(run.resolve(), run)
    return list(found.values())


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("settings.json", "metrics.json"))


def markdown(runs: Sequence[Run]) -> str:
    """Return a Markdown document of results: a table for each data set, the lowest nats first.

    Examples
    --------
    >>> made = Result("MADE", "binarized_mnist", 88.1, 0.3, "exact", 0.162, 9_000, 30, 143.2, "CPU")
    >>> text = markdown([Run(Path("runs/made"), (made,), "python examples/nade_vs_made.py")])
    >>> print(text.split("##")[1].splitlines()[4])  # doctest: +ELLIPSIS
    | MADE | 88.10 ± 0.30 | exact | 0.162 | 9,000 | 30 | 143 | CPU | 88.40: Germain et al. 2015, ...
    """
    columns = dict(COLUMNS)
    environments = list(dict.fromkeys(run.environment for run in runs))
    foot = environments
    if len(environments) > 1:
        columns["made with"] = lambda run, _: f"({environments.index(run.environment) + 1})"
        foot = [f"({number}) {each}" for number, each in enumerate(environments, 1)]
    rows = [(run, result) for run in runs for result in run.results]
    sections = []
    for data in sorted({result.data for _, result in rows}):
        of_data = [row for row in rows if row[1].data == data]
        of_data.sort(key=lambda row: math.inf if row[1].nats is None else row[1].nats)
        lines = [list(columns), ["---"] * len(columns)]
        lines += [[cell(*row) for cell in columns.values()] for row in of_data]
        sections.append(f"## {data}\n\n" + "".join(map(_line, lines)))
    return "\n".join([MARKER, LEAD, *sections, f"Made with {'; '.join(foot)}.\n"])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", r"\|").split()) for cell in cells) + " |\n"


def _nats(result: Result) -> str:
    if result.nats is None:
        return "not finite"
    error = "" if result.standard_error is None else f" ± {result.standard_error:.2f}"
    return f"{result.nats:.2f}{error}"


COLUMNS: dict[str, Callable[[Run, Result], str]] = {
    "model": lambda _, result: result.model,
    "test nats": lambda _, result: _nats(result),
    "estimate": lambda _, result: result.estimate,
    "bits per pixel": lambda _, result: "" if result.bits is None else f"{result.bits:.3f}",
    "parameters": lambda _, result: f"{result.parameters:,}",
    "epochs": lambda _, result: f"{result.epochs}",
    "seconds": lambda _, result: f"{result.seconds:,.{0 if result.seconds >= 10 else 1}f}",
    "device": lambda _, result: result.device,
    "published": lambda _, result: str(FIGURES.get((result.model, result.data), "")),
    "command": lambda run, _: f"`{run.command}`",
}


def write(text: str, path: Path) -> None:
    """Write a document of :func:`markdown`; raise a ResultsError if it would overwrite another."""
    if path.exists() and not path.read_bytes().startswith(MARKER.encode()):
        raise ResultsError(f"{path} was not written by ppgen results, so it stays; name another")
    path.write_text(text, encoding="utf-8")
