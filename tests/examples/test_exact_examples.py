"""The examples on small models with exact answers."""

import runpy
from math import log, log10
from pathlib import Path

import pytest
import torch
from scipy.stats import multivariate_t
from sklearn.covariance import LedoitWolf

import ppgen

# Relative errors of sums of a thousand numbers or fewer: each is rounded to 6e-8 in float32 and to
# 1e-16 in float64, with a margin of a hundred and more.
FLOAT32, FLOAT64 = 1e-5, 1e-12

# Newton's method stops at a gradient of 1e-8, where curvatures are 1 or more.
NEWTON = 1e-8

# Relative, of what an optimiser of small steps reaches in the epochs that it is given: it is the
# claim of the examples, and rounding is far below it.
BY_SMALL_STEPS = 1e-3


def test_count_images(run):
    ran = run("count_images")
    metrics = ran.metrics
    assert metrics["largest_error_of_the_sum"] < FLOAT64
    assert "   9      1      0.2000    0.200000" in ran.shown
    assert "   5    126      0.1111    0.000882" in ran.shown
    assert metrics["largest_relative_error_of_a_weight"] < BY_SMALL_STEPS
    assert metrics["weight_of_counts_never_seen"] < 1e-6  # all of them 14 nats below the others
    assert metrics["svi_log_likelihood"] == pytest.approx(
        metrics["closed_form_log_likelihood"], rel=FLOAT32
    )
    assert ran.figures == {"samples_3x3", "samples_28x28", "samples_learned", "counts"}


def test_learned_density(run):
    ran = run("learned_density", "--epochs", "20")
    metrics = ran.metrics
    for reading in ("counts", "images"):
        assert metrics[f"{reading}_largest_error_of_a_sum"] < FLOAT32
        many = metrics[f"{reading}_kl_of_maximum_likelihood_on_2000_samples"]
        assert 0 < many < 0.7 * metrics[f"{reading}_kl_of_uniform"]
        assert 0 < metrics[f"{reading}_kl_of_regression"] < metrics[f"{reading}_kl_of_uniform"]
        assert 0 <= metrics[f"{reading}_kept_of_held_out"] <= 1
    assert "2^784 ≈ 10^236" in metrics["refusal"]
    assert metrics["log_number_of_images_28x28"] == pytest.approx(784 * log(2))
    # The normaliser is 1. Its estimate is accurate only if the density is nearly uniform: the count
    # of black pixels of a uniform image is 392 ± 14. Five standard errors: false alarms below 1e-6.
    error = 14 / 392 / metrics["samples"] ** 0.5
    assert metrics["images_28x28_normaliser_estimated"] == pytest.approx(1, abs=5 * error)
    assert metrics["images_28x28_effective_samples"] > 0.99 * metrics["samples"]
    assert metrics["counts_28x28_normaliser_estimated"] < 0.5
    assert metrics["counts_28x28_effective_samples"] < 0.1 * metrics["samples"]
    assert metrics["counts_28x28_probabilities_that_underflow"] > 0.8
    assert metrics["images_28x28_probabilities_that_underflow"] == 1
    # An image of k black pixels has the probability k / 784 / 2^783: the likeliest 10,000 have two
    # white ones at most. Logarithms of 540 nats are rounded to 3e-5, a few times.
    blacks = [784, *[783] * 784, *[782] * (10_000 - 785)]
    bound = log10(sum(blacks) / 784) - 783 * log10(2)
    assert metrics["images_28x28_log10_mass_of_the_likeliest"] == pytest.approx(bound, abs=1e-3)
    assert metrics["images_28x28_log10_mass_of_uniform_samples"] < bound
    assert ran.figures == {
        "counts_samples", "images_samples", "learned_3x3", "regression_28x28", "normaliser"
    }  # fmt: skip


def test_maximum_likelihood(run):
    ran = run("maximum_likelihood")
    metrics = ran.metrics
    assert ran.complaints == ""
    exponential = metrics["exponential"]
    exact = exponential["closed form"]
    assert exponential["SVI (Adam)"] == pytest.approx(exact, rel=BY_SMALL_STEPS)
    assert exponential["Newton"] == pytest.approx(exact, rel=NEWTON)
    # Its line search compares values, whose rounding hides steps below the root of 1e-16.
    assert exponential["L-BFGS"] == pytest.approx(exact, rel=1e-6)
    assert metrics["gradient_by_autodiff_at_rate_1"] == pytest.approx(
        metrics["gradient_by_formula_at_rate_1"], rel=FLOAT64
    )
    distance = metrics["regression_largest_distance_in_standard_errors"]
    assert distance["SVI (Adam)"] < 0.01  # so that no interval differs to two digits
    assert max(distance["Newton"], distance["numpy's lstsq"]) < NEWTON
    assert metrics["regression_standard_errors_agree_to"] < NEWTON
    errors = metrics["coverage_largest_error_in_monte_carlo_standard_errors"]
    assert max(errors.values()) < 5  # the false alarm rate of twelve z-values is 1 in 150,000
    assert ran.figures == {"exponential", "regression", "coverage"}


def test_map_is_regularised_mle(run):
    ran = run("map_is_regularised_mle", "--samples", "20", "--epochs", "400")
    metrics = ran.metrics
    assert ran.complaints == ""
    distance = metrics["relative_distance_from_the_mode"]
    half = distance.pop("weight decay λ/n: half the penalty")
    decoupled = distance.pop("decoupled decay 2λ/n of AdamW")
    assert len(distance) == 5
    assert max(distance.values()) < BY_SMALL_STEPS
    assert distance["prior, AutoDelta and Newton"] < NEWTON
    assert min(half, decoupled) > 0.05
    assert "its maximum lies at infinity" in metrics["maximum_without_penalty"]
    assert metrics["test_log_likelihood"]["Laplace"] > metrics["test_log_likelihood"]["mode"]
    assert ran.figures == {"weights", "posteriors"}


def test_map_is_regularised_mle_refuses_a_penalty_of_0(run, capfd):
    with pytest.raises(SystemExit):
        run("map_is_regularised_mle", "--strength", "0")
    assert "error: strength is 0.0; expected a positive number" in capfd.readouterr().err


def test_map_is_regularised_mle_refuses_one_class_twice(run, capfd):
    with pytest.raises(SystemExit):
        run("map_is_regularised_mle", "--classes", "3", "3")
    assert "error: --classes is 3 3; expected two that differ" in capfd.readouterr().err


@pytest.mark.parametrize("options", [["--classes", "3", "12"], ["--rows", "1"]])
def test_map_is_regularised_mle_refuses_to_learn_from_one_class(run, options):
    with pytest.raises(SystemExit, match="not both among the training images"):
        run("map_is_regularised_mle", *options)


def test_latent_graph_refuses_a_graph_too_small_for_its_degrees(run, capfd):
    with pytest.raises(SystemExit):
        run("latent_graph", "--nodes", "8")
    assert "error: --nodes is 8; expected 21 or more" in capfd.readouterr().err


def test_latent_graph(run):
    ran = run("latent_graph", "--draws", "10", "--nodes", "200")
    metrics = ran.metrics
    assert ran.complaints == ""
    assert metrics["newton_iterations"] <= 10
    assert metrics["gradient_norm"] <= NEWTON
    for name in ("slope", "intercept"):
        by_newton = metrics[f"{name}_by_newton"]
        assert metrics[f"{name}_by_svi"] == pytest.approx(by_newton, rel=BY_SMALL_STEPS)
    assert abs(metrics["slope_by_newton"] - 2) < 5 * metrics["slope_standard_error"]
    for name in ("karate club", "Les Misérables"):
        assert metrics[f"{name}, ELBO"] > metrics[f"{name}, log-likelihood of edges alike"] + 10
    assert metrics["large_graph_correlation_of_similarities"] > 0.7
    assert set(metrics["simulated, p-values"]) == set(metrics["karate club, p-values"])
    assert ran.figures == {"new_graphs", "positions", "goodness_of_fit"}


def test_tables(run):
    ran = run("tables", "--tables", "wine", "--epochs", "20")
    mixture, *others = ran.results.values()
    assert mixture.model == "mixture of t, SVI"
    assert [other.parameters for other in others[1:]] == [13 + 13 * 14 // 2] * 2
    assert all(mixture.nats < other.nats for other in others)
    assert ran.figures == {"wine"}


def test_the_mixture_of_t_has_scipys_density():
    script = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "tables.py"))
    rows = torch.randn(50, 4, dtype=torch.float64)
    program = script["t_mixture"](rows, 2)
    log_p = ppgen.elbo(program, rows).each
    each = [
        multivariate_t(loc, LedoitWolf().fit(rows).covariance_, df=10).pdf(rows)
        for loc in program.state_dict()["site_params.loc"]
    ]
    torch.testing.assert_close(log_p, torch.tensor(sum(each) / 2).log())
