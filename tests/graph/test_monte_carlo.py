"""Sequential Monte Carlo p-values of statistics whose distribution is known."""

import numpy as np
import pytest
from scipy import stats

from ppgen.graph.monte_carlo import ENOUGH, MonteCarlo


def drawing(draw, asked):
    def recorded(count):
        asked.append(count)
        return draw(count)

    return recorded


@pytest.mark.parametrize("most", [None, 99])
def test_p_values_of_a_continuous_statistic_are_uniform(most):
    rng = np.random.default_rng(0)
    p = [MonteCarlo(most=most).p_value(rng.random(), rng.random)[0] for _ in range(2000)]
    for level in (0.05, 0.2, 0.5):
        # Within four standard errors: 1 of 5,000 seeds fails.
        error = 4 * np.sqrt(level * (1 - level) / 2000)
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=error)


@pytest.mark.parametrize("observed", range(4))
def test_ties_count_half(observed):
    rng = np.random.default_rng(0)
    law = stats.binom(3, 0.4)
    found = [
        MonteCarlo().p_value(observed, lambda count: rng.binomial(3, 0.4, count).astype(float))[0]
        for _ in range(200)
    ]
    expected = law.sf(observed) + law.pmf(observed) / 2
    # The mean of 200, each with an error of at most 1 / √20 of it: four standard errors.
    assert np.mean(found) == pytest.approx(expected, rel=4 / np.sqrt(20 * 200) + 0.05)


def test_a_large_p_value_takes_few_draws():
    asked = []
    p, count = MonteCarlo(1e-9).p_value(-1.0, drawing(np.zeros, asked))
    assert (p, count) == (1, ENOUGH)
    assert sum(asked) < 100


def test_a_small_p_value_takes_as_many_draws_as_the_threshold_needs():
    rng = np.random.default_rng(0)
    asked = []
    observed = stats.chi2.isf(1e-4, 5)
    draws = MonteCarlo(1e-4)
    p, count = draws.p_value(observed, drawing(lambda n: rng.chisquare(5, n), asked), batch=5000)
    assert count == sum(asked) > 10_000
    assert max(asked) <= 5000
    assert 2e-5 < p < 3e-4


def test_a_statistic_far_above_all_draws_needs_a_thousand():
    rng = np.random.default_rng(0)
    draws = MonteCarlo(1e-5)
    p, count = draws.p_value(200.0, lambda n: rng.chisquare(5, n))
    assert p == 1 / (1 + draws.limit) == pytest.approx(1e-6)
    assert 1000 <= count < 3000


def test_rare_large_values_are_not_taken_for_impossible():
    # One draw of 2,000 exceeds the statistic, and the others are zero.
    rng = np.random.default_rng(0)
    law = drawing(lambda n: 14.0 * (rng.random(n) < 1 / 2000), [])
    p = [MonteCarlo(1e-4).p_value(13.0, law)[0] for _ in range(20)]
    assert np.mean(p) == pytest.approx(1 / 2000, rel=0.3)


@pytest.mark.parametrize("most", [1, 49, 500])
def test_no_more_draws_than_allowed(most):
    p, count = MonteCarlo(1e-9, most).p_value(1.0, np.zeros)
    assert (p, count) == (1 / (1 + most), most)
