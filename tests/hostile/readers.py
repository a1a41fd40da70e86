"""The table of all that reads files: one line a reader."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ppgen import data
from ppgen.autoregressive import ConditionalTables
from ppgen.cli.sources import table
from ppgen.experiments.results import Run
from ppgen.graph import DAG


@dataclass(frozen=True)
class Reader:
    """A way to read a file ``place`` of a folder.

    Attributes
    ----------
    beside
        Texts of other files that the folder has.
    pipes
        Whether pipes are read: only files that a user names in a shell.
    """

    place: str
    read: Callable[[Path], object]
    beside: dict[str, str]
    pipes: bool = False

    def file(self, folder: Path) -> Path:
        """Return where the hostile file is to lie, with the other files in their places."""
        for name, text in self.beside.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        (folder / self.place).parent.mkdir(parents=True, exist_ok=True)
        return folder / self.place


def _graph(name, format=None):  # noqa: A002
    return Reader(name, lambda folder: DAG.read(folder / name, format), {}, pipes=True)


RESULT = {
    "model": "NADE", "data": "mnist", "nats": 88.1, "standard_error": 0.2, "estimate": "exact",
    "bits": 0.16, "parameters": 784, "epochs": 30, "seconds": 95.4, "device": "GPU",
}  # fmt: skip
METRICS = {"results": [RESULT]}
SETTINGS = {"command": "python a.py", "quick": False, "versions": {"torch": "2"}, "machine": "m"}
RAW = "MNIST/raw/"
OTHERS = ("train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

READERS = {
    "tables": Reader("t.npz", lambda folder: ConditionalTables.load(folder / "t.npz"), {}),
    "pickle": Reader(
        "t.pkl", lambda folder: ConditionalTables.from_pickle(folder / "t.pkl", (1, 2, 7)), {}
    ),
    "mnist": Reader(
        f"{RAW}train-images-idx3-ubyte",
        lambda folder: data.load("mnist", folder),
        {RAW + name: "" for name in OTHERS},
    ),
    "amat": Reader(
        "binarized_mnist_train.amat",
        lambda folder: data.load("binarized_mnist", folder),
        {f"binarized_mnist_{part}.amat": "" for part in ("valid", "test")},
    ),
    "binarized": Reader(
        "binarized_mnist.npz", lambda folder: data.load("binarized_mnist", folder), {}
    ),
    "olivetti": Reader("olivetti_faces.npz", lambda folder: data.load("olivetti", folder), {}),
    "frey": Reader("frey_faces.npz", lambda folder: data.load("frey", folder), {}),
    "text": _graph("a.txt"),
    "dagitty": _graph("a.dagitty"),
    "dot": _graph("a.dot"),
    "graphml": _graph("a.graphml"),
    "bif": _graph("a.bif"),
    "lists": _graph("a.lists", "lists"),
    "csv": Reader("a.csv", lambda folder: table(folder / "a.csv"), {}, pipes=True),
    "metrics": Reader("metrics.json", Run.read, {"settings.json": json.dumps(SETTINGS)}),
    "settings": Reader("settings.json", Run.read, {"metrics.json": json.dumps(METRICS)}),
}
