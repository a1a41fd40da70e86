"""The example about spliced digits, run in this process to import torch only once."""

import json
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "examples/frankenstein.py"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the example with --quick; give its numbers and its figures."""

    def run(*options):
        out = tmp_path / "out"
        monkeypatch.setattr(sys, "argv", [EXAMPLE.name, "--quick", "--out", str(out), *options])
        runpy.run_path(str(EXAMPLE), run_name="__main__")
        metrics = json.loads((out / "metrics.json").read_text())
        return metrics, {path.stem for path in out.glob("*.png")}

    return run


def test_frankenstein(run, capsys):
    metrics, figures = run("--epochs", "20", "--largest-batch", "12", "--particles", "20")
    assert figures == {"images", "histograms", "power"}
    assert metrics["table"].keys() == metrics["rates"].keys() == {"mixture", "VAE", "MADE"}
    for name, rates in metrics["rates"].items():
        row, power, false_alarms = metrics["table"][name], rates["spliced"], rates["real"]
        assert row["real, nats"] > row["spliced, nats"]
        assert len(power) == len(false_alarms) == 12
        assert power[-1]["value"] > power[0]["value"] + 0.2
        for rate in false_alarms:
            assert rate["value"] == pytest.approx(0.05, abs=4 * rate["standard_error"])
    assert "batch size for 95 % power" in capsys.readouterr().out


def test_frankenstein_with_a_test_of_typicality(run):
    options = ["--epochs", "1", "--particles", "2", "--largest-batch", "2"]
    metrics, _ = run(*options, "--alternative", "two-sided")
    assert metrics["table"]["mixture"]["batch size for 95 % power"] is None


def test_faces_have_no_classes_to_splice(run):
    pytest.importorskip("skimage")
    with pytest.raises(SystemExit, match="--data faces cannot be spliced: labels is None"):
        run("--data", "faces")
