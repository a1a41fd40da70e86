"""The examples on small models with exact answers, run as a user runs them."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name, folder, *options):
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick", "--out", str(folder)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads((folder / "metrics.json").read_text())


def figures(folder):
    return {path.stem for path in folder.glob("*.png")}


def test_maximum_likelihood(tmp_path):
    metrics = run("maximum_likelihood", tmp_path)
    exponential = metrics["exponential"]
    assert exponential["SVI (Adam)"] == pytest.approx(exponential["closed form"], rel=1e-3)
    assert exponential["Newton"] == pytest.approx(exponential["closed form"], rel=1e-8)
    assert exponential["L-BFGS"] == pytest.approx(exponential["closed form"], rel=1e-6)
    assert metrics["gradient_by_autodiff_at_rate_1"] == pytest.approx(
        metrics["gradient_by_formula_at_rate_1"], rel=1e-10
    )
    distance = metrics["regression_largest_distance_in_standard_errors"]
    assert distance["SVI (Adam)"] < 0.01
    assert max(distance["Newton"], distance["numpy's lstsq"]) < 1e-8
    assert metrics["regression_standard_errors_agree_to"] < 1e-8
    errors = metrics["coverage_largest_error_in_monte_carlo_standard_errors"]
    assert max(errors.values()) < 5  # of twelve z-values: a false alarm in 150,000 seeds
    assert figures(tmp_path) == {"exponential", "regression", "coverage"}


def test_map_is_regularised_mle(tmp_path):
    metrics = run("map_is_regularised_mle", tmp_path, "--samples", "20")
    distance = metrics["relative_distance_from_the_mode"]
    half = distance.pop("weight decay λ/n: half the penalty")
    decoupled = distance.pop("decoupled decay 2λ/n of AdamW")
    assert len(distance) == 5
    assert max(distance.values()) < 1e-3
    assert distance["prior, AutoDelta and Newton"] < 1e-8
    assert min(half, decoupled) > 0.05
    assert metrics["separable"]
    assert "its maximum lies at infinity" in metrics["maximum_without_penalty"]
    assert metrics["test_log_likelihood"]["Laplace"] > metrics["test_log_likelihood"]["mode"]
    assert figures(tmp_path) == {"weights", "posteriors"}


def test_a_penalty_of_0_is_refused(monkeypatch, capsys):
    script = str(EXAMPLES / "map_is_regularised_mle.py")
    monkeypatch.setattr(sys, "argv", [script, "--strength", "0"])
    with pytest.raises(SystemExit):
        runpy.run_path(script, run_name="__main__")
    assert "error: strength is 0.0; expected a positive number" in capsys.readouterr().err


def test_latent_graph(tmp_path):
    metrics = run("latent_graph", tmp_path, "--epochs", "300", "--draws", "20", "--nodes", "200")
    assert metrics["newton_iterations"] <= 10
    assert metrics["gradient_norm"] <= 1e-8
    for name in ("slope", "intercept"):
        by_newton = metrics[f"{name}_by_newton"]
        assert metrics[f"{name}_by_svi"] == pytest.approx(by_newton, rel=1e-3)
    assert abs(metrics["slope_by_newton"] - 2) < 5 * metrics["slope_standard_error"]
    for name in ("karate club", "Les Misérables"):
        assert metrics[f"{name}, ELBO"] > metrics[f"{name}, log-likelihood of edges alike"] + 10
    assert metrics["large_graph_correlation_of_similarities"] > 0.7
    assert set(metrics["simulated, p-values"]) == set(metrics["karate club, p-values"])
    assert figures(tmp_path) == {"new_graphs", "positions", "goodness_of_fit"}
