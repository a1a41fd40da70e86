"""The examples about small models of images with exact answers, run as a user runs them."""

import json
import subprocess
import sys
from math import log, log10
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name, folder):
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return json.loads((folder / "metrics.json").read_text()), done.stdout


def figures(folder):
    return {path.stem for path in folder.glob("*.png")}


def test_count_images(tmp_path):
    metrics, shown = run("count_images", tmp_path)
    assert metrics["largest_error_of_the_sum"] < 1e-12
    assert "   9      1      0.2000    0.200000" in shown
    assert "   5    126      0.1111    0.000882" in shown
    assert metrics["largest_relative_error_of_a_weight"] < 1e-3
    assert metrics["weight_of_counts_never_seen"] < 1e-6
    assert metrics["svi_log_likelihood"] == pytest.approx(
        metrics["closed_form_log_likelihood"], rel=1e-5
    )
    assert figures(tmp_path) == {"samples_3x3", "samples_28x28", "samples_learned", "counts"}


def test_learned_density(tmp_path):
    metrics, _ = run("learned_density", tmp_path)
    for reading in ("counts", "images"):
        assert metrics[f"{reading}_largest_error_of_a_sum"] < 1e-5
        many = metrics[f"{reading}_kl_of_maximum_likelihood_on_2000_samples"]
        assert 0 < many < 0.7 * metrics[f"{reading}_kl_of_uniform"]
        assert 0 < metrics[f"{reading}_kl_of_regression"] < metrics[f"{reading}_kl_of_uniform"]
        assert 0 <= metrics[f"{reading}_kept_of_held_out"] <= 1
    assert "2^784 ≈ 10^236" in metrics["refusal"]
    assert metrics["log_number_of_images_28x28"] == pytest.approx(784 * log(2))
    # A normaliser of 1: right where the density is nearly flat, far off where it is not.
    assert metrics["images_28x28_normaliser_estimated"] == pytest.approx(1, abs=5e-3)
    assert metrics["images_28x28_effective_samples"] > 0.99 * metrics["samples"]
    assert metrics["counts_28x28_normaliser_estimated"] < 0.5
    assert metrics["counts_28x28_effective_samples"] < 0.1 * metrics["samples"]
    assert metrics["counts_28x28_probabilities_that_underflow"] > 0.8
    assert metrics["images_28x28_probabilities_that_underflow"] == 1
    # An image of 784 black pixels has p = 1 / 2^783; no image has more, and few have less.
    bound = 4 - 783 * log10(2)
    assert metrics["images_28x28_log10_mass_of_the_likeliest"] == pytest.approx(bound, abs=0.01)
    assert metrics["images_28x28_log10_mass_of_uniform_samples"] < bound
    assert figures(tmp_path) == {
        "counts_samples",
        "images_samples",
        "learned_3x3",
        "regression_28x28",
        "normaliser",
    }
