"""The examples pixelcnn.py and pixelvae.py, run as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SMALL = ["--channels", "8", "--layers", "1", "--epochs", "2"]


def run(name, folder, *options):
    out = folder / "out"
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick", "--out", str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    assert "Traceback" not in done.stderr
    metrics = json.loads((out / "metrics.json").read_text())
    return metrics, {path.stem for path in out.glob("*.png")}, done.stdout


def test_pixelcnn(tmp_path):
    metrics, figures, _ = run("pixelcnn", tmp_path, *SMALL, "--epochs", "6")
    assert metrics["levels"] == 2
    assert 15 < metrics["test_nats"] < 40  # a fair coin for each pixel: 44.4
    assert metrics["test_bits_per_pixel"] == pytest.approx(metrics["test_nats"] / 44.361, rel=1e-4)
    assert figures == {"likelihood", "samples", "completions"}


def test_pixelcnn_gated_with_labels_and_all_levels(tmp_path):
    options = [*SMALL, "--conditional", "--gated", "--levels", "256", "--judged", "10"]
    metrics, figures, _ = run("pixelcnn", tmp_path, *options)
    assert metrics["levels"] == 17  # the data has no more
    assert 1 < metrics["test_bits_per_pixel"] < 4.1  # all levels alike: log2 17
    assert metrics["real_test_images_read_right"] > 0.95
    assert 0 <= metrics["samples_read_as_wished"] <= 1
    assert metrics["samples_judged"] == 100
    assert figures == {"likelihood", "samples", "completions"}


def test_pixelvae(tmp_path):
    metrics, figures, shown = run("pixelvae", tmp_path, *SMALL)
    assert metrics["table"].keys() == {"independent", "FVSBN", "PixelCNN"}
    for row in metrics["table"].values():
        assert row["bound"] == pytest.approx(row["reconstruction"] - row["KL"])
        assert row["KL"] >= 0
        assert row["collapsed"] == (row["KL"] < 1)
    assert "reconstruction − KL" in shown
    assert figures == {"samples", "reconstructions"}
