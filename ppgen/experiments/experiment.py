"""The folder of a run with its figures, numbers and settings."""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

import pyro
from matplotlib.figure import Figure

from ppgen import data
from ppgen.arguments import checked
from ppgen.data import Dataset
from ppgen.experiments.environment import command_line, device_name, machine, versions
from ppgen.experiments.results import Result, read_json
from ppgen.inference import Estimate
from ppgen.likelihoods import AnyLikelihood, as_likelihood
from ppgen.program import Program
from ppgen.training import History
from ppgen.training.processes import Processes
from ppgen.training.saving import save
from ppgen.whole_files import write_whole


@checked
@dataclass
class Experiment:
    """Run of a script: a folder that collects its figures, numbers and settings.

    If ``torchrun`` started several processes, only the leading one prints and writes.

    Parameters
    ----------
    name
        Name of the script, and of the folder if the options name no other.
    options
        Parsed options; raises SystemExit with a reason if one, the data or the folder is invalid.

    Attributes
    ----------
    data
        Data set that the options name; None if the script has no such option.
    folder
        Folder of all output.
    metrics, settings
        Numbers so far, and options, versions and machine; :meth:`report` writes both.

    Examples
    --------
    >>> import tempfile
    >>> from ppgen.experiments import arguments
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Experiment("mine", arguments("Of mine.").parse_args(["--out", folder]))
    ...     run.report(nats=22.4)
    ...     run.report("It takes {nats:.2f} nats an image.")
    nats: 22.4
    It takes 22.40 nats an image.
    """

    name: str
    options: argparse.Namespace
    metrics: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        options = self.options
        for size, (full, quick) in vars(options).pop("sizes", {}).items():
            if getattr(options, size) is None:
                setattr(options, size, quick if options.quick else full)
        if getattr(options, "resume", False) and not options.out:
            raise SystemExit("--resume needs the folder of the run: --out FOLDER")
        try:
            pyro.set_rng_seed(options.seed)
            self.data = self._load_data()
        except ValueError as error:
            raise SystemExit(str(error)) from error
        self.processes = Processes.launched()
        if not self.processes.leads:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the script ends
        self.folder = self.processes.of_leader(self._make_folder)
        self.settings = {
            "script": script_name(),
            "command": command_line(sys.argv, self.processes.count),
            **vars(options),
            "versions": versions(),
            "machine": machine(),
        }
        if not (self.folder / "metrics.json").exists():  # else they belong to its numbers
            self._write("settings.json", self.settings)

    def _make_folder(self) -> Path:
        out = self.options.out
        folder = Path(out) if out else new_folder(Path("runs"), self.name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SystemExit(f"--out {out} cannot be made: {error.strerror}") from error
        if not os.path.lexists(folder / "settings.json"):
            return folder
        try:
            script = read_json(folder, "settings.json")["script"]
        except (ValueError, KeyError) as error:
            raise SystemExit(f"--out {folder} has a damaged settings.json; name another") from error
        if script != script_name():
            raise SystemExit(f"--out {folder} holds a run of {script}; name another")
        if not getattr(self.options, "resume", True):  # scripts that do not train lack the option
            raise SystemExit(f"--out {folder} holds another run; name another, or --resume it")
        return folder

    def _load_data(self) -> Dataset | None:
        o = self.options
        return data.load(o.data, o.data_root, download=o.download) if "data" in o else None

    @property
    def fit_options(self) -> dict[str, Any]:
        """Options that are arguments of :func:`ppgen.fit`."""
        names = ("epochs", "resume", "device", "compile", "seed")
        chosen = {"out": self.folder, **{name: getattr(self.options, name) for name in names}}
        size = getattr(self.options, "batch_size", None)
        if size is not None and self.data is not None:
            size = min(size, len(self.data.train))
        return chosen if size is None else {**chosen, "batch_size": size}

    @checked
    def save_figure(self, name: str, figure: Figure) -> None:
        """Write a figure to ``name.png`` in the folder."""
        if self.processes.leads:
            path = self.folder / f"{name}.png"
            path.unlink(missing_ok=True)  # a link is not followed
            figure.savefig(path, dpi=150)

    def report(self, sentences: str | None = None, /, **numbers: Any) -> None:
        """Write numbers to ``metrics.json``, and print them.

        ``sentences`` name those reported so far in braces, such as ``{nats:.2f}``. With None each
        new number has a line; an empty text prints nothing.
        """
        self.metrics.update(numbers)
        if sentences:
            print(sentences.format_map(self.metrics))
        elif sentences is None:
            for name, value in numbers.items():
                shown = f"{value:.4g}" if isinstance(value, float) else value
                if not isinstance(value, list | dict):
                    print(f"{name.replace('_', ' ')}: {shown}")
        self._write("settings.json", self.settings)
        self._write("metrics.json", self.metrics)

    @checked
    def result(
        self,
        model: str,
        program: Program,
        history: History | Sequence[History],
        estimate: Estimate,
        data: Dataset,
        *,
        how: str,
        likelihood: AnyLikelihood = None,
        called: str | None = None,
    ) -> Result:
        """Record the test result of a trained model, for ``ppgen results``, and save the model.

        ``model`` is its name in the tables; its parts may have been fitted one after the other,
        each with its ``history``. The ``estimate`` is of log-probabilities of
        ``data.test.images``, encoded by the likelihood, by default Bernoulli; ``how`` is its kind:
        ``"exact"``, ``"ELBO"``, ``"1000 particles"``. The recorded nats are those of the data set's
        grey levels, so that all likelihoods can be compared; with Bernoulli they are those of
        binary images drawn from grey ones. The tables call the data as it is ``called``, by
        default by its name, with the number of its grey levels if these are more than two.
        """
        likelihood = as_likelihood(likelihood)
        histories = [history] if isinstance(history, History) else history
        try:
            volume = likelihood.log_volume(data.test.images, data.levels).sum((-3, -2, -1))
        except ValueError:  # the likelihood is one of binary images
            images, of_images, bits = f"{data.name}, dynamic binarisation", estimate, None
        else:
            images = data.name if data.levels == 2 else f"{data.name}, {data.levels} grey levels"
            of_images = Estimate(estimate.each + volume)
            bits = -of_images.mean / (math.prod(data.image_shape) * math.log(2))
        result = Result(
            model=model,
            data=called or images,
            nats=-of_images.mean,
            standard_error=of_images.standard_error,
            estimate=how,
            bits=bits,
            parameters=sum(parameter.numel() for parameter in program.parameters()),
            epochs=sum(fit.last for fit in histories),
            seconds=sum(fit.seconds for fit in histories),
            device=device_name(program.device),
        )
        if self.processes.leads:
            save(program, self.folder / result.file)
        self.record(result)
        return result

    @checked
    def record(self, result: Result) -> None:
        """Record a result of any kind, for ``ppgen results``."""
        self.metrics.setdefault("results", []).append(asdict(result))
        self.report()

    def finish(self) -> None:
        """Print the folder."""
        print(f"figures, numbers and checkpoints: {self.folder}")

    def _write(self, name: str, content: dict[str, Any]) -> None:
        # JSON has no NaN and no infinity; None takes their place.
        finite = json.loads(json.dumps(content), parse_constant=lambda _: None)
        text = json.dumps(finite, indent=2)
        if self.processes.leads:
            write_whole(self.folder / name, f"{text}\n".encode())


def script_name() -> str:
    """Return the file name of the running script."""
    return Path(sys.argv[0]).name


def new_folder(parent: Path, name: str) -> Path:
    """Return a folder that does not exist yet: ``name``, else ``name-2``, and so on."""
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(parent / each for each in names if not (parent / each).exists())
