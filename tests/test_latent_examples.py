"""The examples of models with latent variables, run as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name, folder, *options):
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick", "--out", str(folder)]
    done = subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads((folder / "metrics.json").read_text()), done.stdout


def figures(folder):
    return {path.stem for path in folder.glob("*.png")}


def test_bernoulli_mixture(tmp_path):
    metrics, _ = run("bernoulli_mixture", tmp_path)
    assert metrics["untrained_log_likelihood"] == pytest.approx(-44.36, abs=0.5)  # 64 bits
    assert metrics["log_likelihood_after_epoch_1"] > metrics["untrained_log_likelihood"] + 3
    for way in ("em", "svi"):
        assert metrics[f"{way}_test_log_likelihood"] > -27.3  # independent pixels
    assert metrics["right_half_given_left"] > metrics["right_half_log_likelihood"]
    assert figures(tmp_path) == {"curves", "classes", "samples", "completions"}


def test_log_probabilities(tmp_path):
    metrics, shown = run("log_probabilities", tmp_path)
    sums, products = metrics["sums_of_logs"], metrics["logs_of_products"]
    assert metrics["counts"][0] == 10
    assert products["float64"][0] == pytest.approx(sums[0])
    assert metrics["counts"][-1] == 1000
    assert products["float64"][-1] is None  # minus infinity, which JSON has not
    assert sums[-1] == pytest.approx(-1000, abs=100)
    assert metrics["first_underflow"] == {"float32": 200, "float64": 1000}
    assert "-inf" in shown
    assert figures(tmp_path) == {"underflow"}
