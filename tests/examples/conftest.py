"""Run examples in this process, since imports take longer than most scripts."""

import json
import runpy
import shlex
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import pyro
import pytest
import torch
from matplotlib.figure import Figure

from ppgen.experiments.results import Run

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Outcome:
    """Output of a script: its folder, numbers, names of figures, and text.

    ``shown`` is stdout; ``complaints`` is stderr, with progress bars, warnings and the log.
    """

    folder: Path
    metrics: dict
    figures: set[str]
    shown: str
    complaints: str

    @property
    def results(self):
        """Recorded results by the name of the model."""
        return {result.model: result for result in Run.read(self.folder).results}


def global_state():
    """Return settings of this process that a script could change."""
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "pyro": pyro.settings.get(),
        "matplotlib": matplotlib.rcParams.copy(),
    }


def check_record(name, options, run):
    """Check the recorded results of a run."""
    for result in run.results:
        assert shlex.split(run.command) == ["python", f"examples/{name}.py", *options]
        assert 0 < result.nats < 1000
        assert 0 < result.standard_error < result.nats
        assert result.bits is None or 0 < result.bits < 20
        assert result.parameters > 0
        assert result.epochs > 0
        assert 0 < result.seconds < 1000
        assert result.device.startswith("CPU, ") or torch.cuda.is_available()


savefig = Figure.savefig


def coarsely(figure, *args, **options):
    """Save a figure in few pixels and unarranged: to draw it takes longer than many a script."""
    figure.set_layout_engine("none")
    savefig(figure, *args, **{**options, "dpi": 30})


@pytest.fixture
def run(tmp_path, monkeypatch, capfd, caplog):
    """Return a function that runs an example in its own folder, by default with ``--quick``."""

    def run(name, *options, quick=True):
        script, out = EXAMPLES / f"{name}.py", tmp_path / "out"
        quickly = ["--quick"] if quick else []
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(EXAMPLES)  # scripts import each other
        monkeypatch.setattr(Figure, "savefig", coarsely)
        monkeypatch.setattr(sys, "argv", [str(script), *quickly, "--out", str(out), *options])
        # else pytest captures the warnings
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("ignore", DeprecationWarning)  # as for users of a script
            runpy.run_path(str(script), run_name="__main__")
        captured = capfd.readouterr()
        check_record(name, [*quickly, *options], Run.read(out))
        return Outcome(
            folder=out,
            metrics=json.loads((out / "metrics.json").read_text()),
            figures={path.stem for path in out.glob("*.png")},
            shown=captured.out,
            complaints=captured.err + "".join(f"{each}\n" for each in warned) + caplog.text,
        )

    before = global_state()
    yield run
    assert global_state() == before, "the script changes what holds for the whole process"
