"""The programs that are benchmarked: every way to train one computes the same losses."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyro
import pytest
import torch
from scipy import stats

from benchmarks.comparison import Settings
from benchmarks.pairs.by_hand import LOOPS, log_half_cauchy
from benchmarks.pairs.data import DRAWN, draw
from benchmarks.pairs.in_pyro import BUILDERS
from benchmarks.pairs.losses import agreement, curve
from benchmarks.pairs.processes import answer
from benchmarks.pairs.training import ByHand, ByPyro, Ours
from benchmarks.programs import NumPyro

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
RANDOM = "beta-binomial, flow guide"  # the weights of its guide start at random


@pytest.fixture(autouse=True)
def _without_validation():
    pyro.clear_param_store()
    with pyro.validation_enabled(False):
        yield


def test_every_program_has_a_model_and_a_guide():
    assert DRAWN.keys() == BUILDERS.keys()
    assert LOOPS.keys() <= DRAWN.keys()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["off", "traced"])
@pytest.mark.parametrize("name", [name for name in DRAWN if name != RANDOM])
def test_steps_have_the_losses_of_pyros_own(name, mode):
    problem = draw(name, quick=True)
    ours, pyros = Ours(name, problem, CPU, mode), ByPyro(name, problem, CPU)
    losses = []
    for way in (ours, pyros):
        way.restart(3)
        losses.append(way.take(5))
    assert ours.reason == ""
    np.testing.assert_allclose(*losses, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_by_hand_estimates_the_same_bound(name):
    # Losses of steps that change nothing. One test in 10,000 fails by chance.
    problem = draw(name, quick=True)
    by_hand, pyros = ByHand(name, problem, CPU), ByPyro(name, problem, CPU)
    with torch.no_grad():
        found = [by_hand.loss().item() for _ in range(1000)]
    pair = pyros.svi
    with pyros.running():
        expected = [pair.evaluate_loss(*pyros.args) for _ in range(1000)]
    assert stats.ttest_ind(found, expected, equal_var=False).pvalue > 1e-4


@pytest.mark.parametrize("name", LOOPS)
def test_training_starts_again_from_the_same_values(name):
    problem = draw(name, quick=True)
    for way in (Ours(name, problem, CPU), ByPyro(name, problem, CPU), ByHand(name, problem, CPU)):
        first, other = way.losses(2)
        assert first == way.losses(1)[0] != other


def test_a_half_cauchy_variables_logarithm_has_its_density():
    value = torch.tensor([-1.0, 0.3, 2.0])
    expected = stats.halfcauchy(scale=5).logpdf(value.exp()) + value.numpy()
    np.testing.assert_allclose(log_half_cauchy(value, 5.0), expected, rtol=1e-5)


# losses


def test_losses_of_one_distribution_agree_and_others_do_not():
    rng = np.random.default_rng(0)
    a, b = rng.normal(100, 1, (2, 5, 200))
    assert agreement(a, b)["p"] > 1e-4
    off = agreement(a, b + 10)
    assert off["p"] < 1e-4
    assert off["difference"] == pytest.approx(10, abs=1)


def test_losses_without_chance_agree_up_to_rounding():
    a = np.full((3, 10), 1000.0)
    assert agreement(a, a + 0.01)["p"] > 0.5
    assert agreement(a, a + 100)["p"] < 1e-4


def test_agreement_is_welchs_test_of_the_last_steps(monkeypatch):
    monkeypatch.setattr("benchmarks.pairs.losses.ROUNDING", 0.0)
    a, b = np.random.default_rng(1).normal(size=(2, 6, 50))
    last_a, last_b = a[:, 45:].mean(1), b[:, 45:].mean(1)
    expected = stats.ttest_ind(last_a, last_b, equal_var=False).pvalue
    assert agreement(a, b)["p"] == pytest.approx(expected)


def test_a_curve_is_the_mean_over_seeds_and_steps():
    losses = np.stack([np.arange(1.0, 201.0), np.arange(3.0, 203.0)])
    points = curve(losses)
    assert len(points) == 100
    assert points[0] == (1.5, 2.5)
    assert points[-1] == (199.5, 200.5)


# processes


def test_numpyros_process_needs_no_torch():
    script = (
        "import sys; sys.modules['torch'] = None;"
        "from benchmarks.pairs import data, peer, processes; data.draw('eight schools')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


@pytest.mark.parametrize("name", [name for name in DRAWN if name != RANDOM])
def test_numpyro_estimates_the_same_bound(name):
    pytest.importorskip("numpyro")
    pytest.importorskip("funsor")
    import jax
    from numpyro.infer import SVI
    from numpyro.optim import Adam

    from benchmarks.pairs import in_numpyro

    # Losses before the first step. One test in 10,000 fails by chance.
    problem = draw(name, quick=True)
    pair = in_numpyro.BUILDERS[name]({k: jax.numpy.array(v) for k, v in problem.start.items()})
    args = [jax.numpy.array(value) for value in problem.data.values()]
    svi = SVI(pair.model, pair.guide, Adam(0.01), pair.elbo)
    pyros = ByPyro(name, problem, CPU)
    state = svi.init(jax.random.key(0), *args)

    def loss(key):
        return svi.evaluate(state._replace(rng_key=key), *args)

    found = np.asarray(jax.jit(jax.vmap(loss))(jax.random.split(jax.random.key(1), 500)))
    with pyros.running():
        expected = [pyros.svi.evaluate_loss(*pyros.args) for _ in range(500)]
    if np.std(expected) < 1e-3:
        assert found.mean() == pytest.approx(expected[0], rel=1e-4)
    else:
        assert stats.ttest_ind(found, expected, equal_var=False).pvalue > 1e-4


def test_a_process_that_fails_says_why():
    settings = Settings(CPU, rounds=1, quick=True, numpyro="no/such/python")
    numpyro = NumPyro("eight schools", draw("eight schools", quick=True), settings, 1)
    way = numpyro.way("NumPyro", "update")
    assert way.run() == []
    assert "No such file or directory: 'no/such/python'" in way.checks()
    with pytest.raises(subprocess.CalledProcessError) as failed:
        answer("fresh", "no such task", "{}")
    assert "KeyError" in failed.value.stderr


@pytest.mark.slow
def test_answers_of_fresh_processes_are_complete():
    orders = {"name": "eight schools", "quick": True, "device": "cpu", "threads": 1}
    found = answer("fresh", "ready", json.dumps(orders | {"mode": "traced"}))
    assert found["reason"] == ""
    assert found["operations"] > 50
    assert 0 < found["seconds"] < math.inf
