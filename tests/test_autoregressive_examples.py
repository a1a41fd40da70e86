"""The examples about autoregressive networks, run in this process to import torch only once."""

import json
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run an example with --quick; give its numbers, its figures and what it prints."""

    def run(name, *options):
        out = tmp_path / "out"
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, "--quick", "--out", str(out), *options])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        metrics = json.loads((out / "metrics.json").read_text())
        return metrics, {path.stem for path in out.glob("*.png")}, capsys.readouterr().out

    return run


def test_made_masks(run):
    metrics, figures, _ = run("made_masks")
    assert metrics["factorisation"] == "p(x2) p(x4 | x2) p(x1 | x2, x4) p(x3 | x2, x4, x1)"
    assert metrics["degrees"] == [[3, 1, 4, 2], [1, 1, 2, 2, 3, 3]]
    assert metrics["masks"][0] == [[0, 1, 0, 0]] * 2 + [[0, 1, 0, 1]] * 2 + [[1, 1, 0, 1]] * 2
    assert metrics["largest_forbidden_entry"] == 0
    assert metrics["smallest_allowed_entry"] > 0.01
    assert figures == {"network", "masks", "jacobian"}


def test_made_masks_of_two_layers_and_another_ordering(run):
    options = ["--ordering", "3", "1", "2", "5", "4", "--hidden", "8", "4"]
    metrics, _, _ = run("made_masks", *options)
    assert [len(mask) for mask in metrics["masks"]] == [8, 4, 5]
    assert metrics["largest_forbidden_entry"] == 0


def test_made_masks_refuses_what_is_no_ordering(run):
    with pytest.raises(SystemExit, match="ordering is"):
        run("made_masks", "--ordering", "1", "2", "2")


def test_independent_pixels(run):
    metrics, figures, _ = run("independent_pixels")
    assert metrics["training_by_svi"] <= metrics["training_optimum"] + 1e-4
    assert metrics["training_by_svi"] == pytest.approx(metrics["training_optimum"], abs=0.1)
    assert metrics["test_by_svi"] == pytest.approx(metrics["test_closed_form"], abs=0.1)
    assert metrics["largest_difference_of_a_probability"] < 0.02
    assert metrics["largest_difference_to_cross_entropy"] < 1e-9
    assert figures == {"pixels"}


def test_nade_vs_made(run):
    metrics, figures, shown = run("nade_vs_made", "--hidden", "50")
    assert metrics["table"].keys() == {"NADE", "MADE"}
    for column in metrics["table"].values():
        assert 15 < column["test nats"] < 30  # independent pixels: 27.4
        assert column["parameters"] > 2 * 64 * 50
        assert column["seconds an epoch"] > 0
        assert column["seconds for 100 samples"] > 0
    assert "test nats" in shown
    assert figures == {"samples"}


def test_nade_vs_made_with_several_orderings_and_dynamic_binarisation(run):
    options = ["--epochs", "2", "--hidden", "20", "--masks", "3", "--random-orderings"]
    metrics, _, _ = run("nade_vs_made", *options, "--binarisation", "dynamic")
    assert metrics["binarisation"] == "dynamic"
