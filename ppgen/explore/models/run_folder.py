"""The folder of a run, which may be written while it is read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from ppgen.experiments.results import ResultsError, read_json
from ppgen.reading import limited
from ppgen.training.archive import CheckpointError
from ppgen.training.checkpoint import Checkpoints
from ppgen.training.history import History

LARGEST_PICTURE = 2**24  # bytes
LARGEST_CHECKPOINT = 2**31
MOST = 60  # figures, and folders of fits
CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Snapshot:
    """What lies in a run's folder at one time.

    Attributes
    ----------
    command
        What started the run; empty if that is not known.
    numbers
        Metrics that are single numbers or texts.
    histories
        Of the fits, by their folders.
    figures
        PNG files by name, samples in the order of time first.
    models
        Files of trained models.
    problems
        What could not be read.
    gone
        Whether there is no folder.
    """

    command: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    histories: Mapping[str, History] = field(default_factory=dict)
    figures: Mapping[str, bytes] = field(default_factory=dict)
    models: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()
    gone: bool = False


class RunFolder:
    """Reads a folder again and again; a file that is unchanged is read once.

    A file that is damaged or half written is left out until it is whole. Links out of the folder
    are not followed.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> run = RunFolder(folder)
    >>> run.read().histories
    {}
    >>> _ = (folder / "metrics.json").write_text('{"nats": 22.4}')
    >>> run.read().numbers
    {'nats': 22.4}
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[Path, tuple[Any, Any]] = {}

    def read(self) -> Snapshot:
        """Read what is there now; never raises an error."""
        if not self.folder.is_dir():
            return Snapshot(gone=True)
        problems: list[str] = []
        settings = self._json("settings.json", problems)
        metrics = self._json("metrics.json", problems)
        return Snapshot(
            command=str(settings.get("command", "")),
            numbers={k: v for k, v in metrics.items() if isinstance(v, str | int | float)},
            histories=self._histories(metrics, problems),
            figures=self._figures(problems),
            models=tuple(self.models()),
            problems=tuple(problems),
        )

    def models(self) -> list[Path]:
        """Return the files of trained models, without checkpoints of fits."""
        return [
            path for path in self._files("*.pt", "*/*.pt") if not path.name.startswith(CHECKPOINT)
        ]

    def _json(self, name: str, problems: list[str]) -> dict[str, Any]:
        if not self._files(name):
            return {}
        try:
            return read_json(self.folder, name)
        except ResultsError as error:
            problems.append(str(error))
            return {}

    def _histories(self, metrics: dict[str, Any], problems: list[str]) -> dict[str, History]:
        found = {}
        for folder in dict.fromkeys(p.parent for p in self._files("checkpoint*.pt", "*/check*.pt")):
            key = str(folder.relative_to(self.folder))
            last = folder / f"{CHECKPOINT}.pt"
            path = last if last.exists() else folder / f"{CHECKPOINT}.previous.pt"
            try:
                history = self._once(path, _history)
            except (CheckpointError, OSError, ValueError, TypeError, KeyError) as error:
                problems.append(str(error))
                continue
            found["fit" if key == "." else key] = history
        if not found and isinstance(metrics.get("history"), list):
            try:
                history = History.from_list(metrics["history"])
                numbers = [n for row in history.to_list() for n in row.values() if n is not None]
                _ = history.seconds, [float(n + 0) for n in numbers]
                found["fit"] = history
            except (TypeError, ValueError, OverflowError) as error:
                problems.append(f"metrics.json has a damaged history: {error}")
        return found

    def _figures(self, problems: list[str]) -> dict[str, bytes]:
        found = {}
        for path in sorted(self._files("*.png", "*/*.png"), key=_by_time)[:MOST]:
            try:
                found[str(path.relative_to(self.folder))] = self._once(path, _picture)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                problems.append(f"{path.name} is not a whole picture, or is being written")
        return found

    def _files(self, *patterns: str) -> list[Path]:
        """Regular files inside the folder; names of files that a run makes meanwhile may lack."""
        found = []
        try:
            inside = self.folder.resolve()
            for pattern in patterns:
                for path in sorted(self.folder.glob(pattern)):
                    if not str(path).isprintable():  # no text that a page could show
                        continue
                    if path.is_file() and path.resolve().is_relative_to(inside):
                        found.append(path)
        except OSError:  # a folder was removed meanwhile
            pass
        return found

    def _once(self, path: Path, read: Any) -> Any:
        status = path.stat()
        mark = (status.st_mtime_ns, status.st_size, status.st_ino)
        if self._kept.get(path, (None, None))[0] != mark:
            self._kept[path] = mark, read(path)
        return self._kept[path][1]


def _by_time(path: Path) -> tuple[bool, float, str]:
    """Sort pictures of samples first, by the time when they were written."""
    try:
        written = path.stat().st_mtime
    except OSError:
        written = 0.0
    return not path.name.startswith("samples"), written, path.name


def _history(path: Path) -> History:
    limited(path, LARGEST_CHECKPOINT)
    return History.from_list(json.loads(Checkpoints(path.parent).load()["history"]))


def _picture(path: Path) -> bytes:
    content = limited(path, LARGEST_PICTURE).read_bytes()
    with Image.open(BytesIO(content), formats=["PNG"]) as image:
        image.load()  # raises an error if its end is missing
    return content
