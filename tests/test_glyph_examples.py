"""The examples about glyphs, run as scripts."""

import json
import math
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

# Cross-entropy of 26 letters that are all known by heart, nats a pixel.
BEST = math.log(26) / 25


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a script in this process; give the numbers it leaves."""

    def run(name, *options):
        monkeypatch.setattr(sys, "argv", [name, "--out", str(tmp_path), *options])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return json.loads((tmp_path / "metrics.json").read_text())

    return run


def figures(folder):
    return {path.stem for path in folder.glob("*.png")}


def test_tables(run, tmp_path):
    metrics = run("glyph_tables", "--quick")
    assert metrics["counted_train_nats_a_pixel"] == pytest.approx(BEST, rel=1e-6)
    assert metrics["counted_samples_among_training_images"] == 1
    assert BEST < metrics["smoothed_train_nats_a_pixel"] < 0.2
    assert 0.4 < metrics["smoothed_samples_among_training_images"] < 1
    assert metrics["tree_file_bytes"] < 4096 < 2**29 - 16 == metrics["dense_bytes_in_memory"]
    assert metrics["tree_read_back_draws_the_same"]
    assert figures(tmp_path) == {"samples_counted", "samples_smoothed"}


def test_tables_of_digits_know_no_test_image(run):
    metrics = run("glyph_tables", "--quick", "--data", "digits")
    assert metrics["counted_samples_among_training_images"] == 1
    assert metrics["test_images_among_training_images"] == 0
    assert math.log(2) * 2 > metrics["smoothed_test_nats_a_pixel"] > 0.4
    assert metrics["tree_read_back_draws_the_same"]


@pytest.mark.slow
def test_dense_tables_are_written_and_read(run, tmp_path):
    metrics = run("glyph_tables")
    assert metrics["dense_read_back_draws_the_same"]
    assert (tmp_path / "tables.pkl.gz").stat().st_size == metrics["dense_file_bytes"]


def test_lstm(run, tmp_path):
    metrics = run("glyph_lstm", "--quick", "--hidden", "64", "--device", "cpu")
    assert metrics["best_train_nats_a_pixel"] == pytest.approx(BEST, rel=1e-6)
    assert BEST < metrics["training_nats_a_pixel"] < 0.4
    assert metrics["history"][0]["validation"] < -0.6 * 25
    assert figures(tmp_path) == {"loss", "samples", "images"}


def test_lstm_on_grey_images(run):
    options = ("--quick", "--epochs", "1", "--hidden", "16", "--data", "digits")
    metrics = run("glyph_lstm", *options, "--device", "cpu")
    assert metrics["test_nats_a_pixel"] < math.log(2) + 0.1
    assert "best_train_nats_a_pixel" not in metrics


@pytest.mark.slow
def test_the_lstm_learns_the_glyphs_by_heart(run):
    metrics = run("glyph_lstm", "--device", "cpu")
    assert metrics["epochs"] == 400
    assert BEST < metrics["training_nats_a_pixel"] < BEST + 0.001
    assert metrics["samples_among_training_images"] > 0.95
