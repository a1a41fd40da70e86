"""The test of a batch against closed forms for Gaussian scores, and against permutations.

Gaussian scores of real images are N(0, 1), of others N(−shift, scale²). With m held-out images the
statistic, batch mean less held-out mean, is then Gaussian with the variance 1/n + 1/m.
"""

import math
from functools import partial

import pytest
import torch
from scipy.stats import norm, permutation_test

from ppgen.inference import BatchTest

HELD_OUT = 200


def gaussian(images, seed, shift=0.0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(images, generator=generator, dtype=torch.float64) - shift


def skewed(images, seed):
    """Minus an exponential: a long tail of improbable images, as log-probabilities have."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(images, generator=generator, dtype=torch.float64).log()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a second device")
@pytest.mark.parametrize("devices", [("cpu", "cuda"), ("cuda", "cpu")])
def test_scores_may_be_on_another_device_than_those_held_out(devices):
    test = BatchTest(gaussian(HELD_OUT, 0).to(devices[0]), batch_size=5)
    scores = gaussian(40, 1, shift=2.0)
    there = scores.to(devices[1])
    for found in (test.rejects, test.p_value):
        torch.testing.assert_close(found(there.view(8, 5)).cpu(), found(scores.view(8, 5)).cpu())
    assert test.rejection_rate(there) == test.rejection_rate(scores)


def closed_form(batch_size, alternative="less", shift=0.0, scale=1.0):
    """Share of batches flagged at the rate 0.05."""
    width = math.sqrt(1 / batch_size + 1 / HELD_OUT)
    width_of_others = math.sqrt(scale**2 / batch_size + 1 / HELD_OUT)
    if alternative == "less":
        return norm.cdf((norm.ppf(0.05) * width + shift) / width_of_others)
    edge = norm.ppf(0.975) * width
    below, above = (shift - edge) / width_of_others, (-shift - edge) / width_of_others
    return norm.cdf(below) + norm.cdf(above)


def share_flagged(batch_size, alternative, draw_held_out, draw_tested, repeats=400):
    """Mean over repeats, each with held-out scores and 20 batches of its own; standard error."""
    shares = []
    for seed in range(repeats):
        held_out = draw_held_out(HELD_OUT, 2 * seed)
        test = BatchTest(held_out, batch_size, 0.05, alternative, resamples=1000, seed=seed)
        batches = draw_tested(20 * batch_size, 2 * seed + 1).view(20, batch_size)
        shares.append(test.rejects(batches).double().mean())
    shares = torch.stack(shares)
    return shares.mean().item(), shares.std().item() / math.sqrt(repeats)


@pytest.mark.parametrize("draw", [gaussian, skewed])
@pytest.mark.parametrize("alternative", ["less", "two-sided"])
@pytest.mark.parametrize("batch_size", [1, 10, 100])
def test_false_alarms_come_at_the_stated_rate(batch_size, alternative, draw):
    """Within 4 standard errors, and 0.01 for a null made of 200 held-out images.

    With 100 in a batch, a threshold that took the held-out mean for exact would give 9 %.
    """
    share, error = share_flagged(batch_size, alternative, draw, draw)
    assert error < 0.006
    assert share == pytest.approx(0.05, abs=4 * error + 0.01)


@pytest.mark.parametrize("alternative", ["less", "two-sided"])
@pytest.mark.parametrize(("held_out", "batch_size"), [(2, 1), (3, 5), (10, 5)])
@pytest.mark.slow
def test_few_held_out_scores_give_no_more_false_alarms(held_out, batch_size, alternative):
    """Within 4 standard errors of 1,500 held-out sets, and 0.005 for a null of 400 draws.

    A null without the error of the held-out standard deviation would give 37 % with two.
    """
    shares = []
    for seed in range(1500):
        test = BatchTest(gaussian(held_out, 2 * seed), batch_size, 0.05, alternative, 400, seed)
        batches = gaussian(20 * batch_size, 2 * seed + 1).view(20, batch_size)
        shares.append(test.rejects(batches).double().mean())
    error = torch.stack(shares).std().item() / math.sqrt(1500)
    assert error < 0.005
    assert torch.stack(shares).mean().item() == pytest.approx(0.05, abs=4 * error + 0.005)


@pytest.mark.parametrize(
    ("batch_size", "alternative", "shift", "scale"),
    [
        (1, "less", 1.0, 1.0),
        (10, "less", 0.5, 1.0),
        (10, "less", 0.6, 1.5),
        (40, "less", 0.3, 0.7),
        (10, "less", -0.7, 1.0),
        (10, "two-sided", 0.7, 1.0),
        (10, "two-sided", -0.7, 1.0),
    ],
)
def test_power_is_that_of_the_closed_form(batch_size, alternative, shift, scale):
    """Within 4 standard errors, and 0.01 for a null made of 200 held-out images."""
    tested = partial(gaussian, shift=shift, scale=scale)
    share, error = share_flagged(batch_size, alternative, gaussian, tested, repeats=200)
    assert share == pytest.approx(
        closed_form(batch_size, alternative, shift, scale), abs=4 * error + 0.01
    )


def test_the_threshold_allows_for_the_error_of_the_held_out_mean():
    """Against norm.ppf: 1.645 √(1/n + 1/m) in units of the held-out standard deviation."""
    held_out = gaussian(HELD_OUT, seed=3)
    for batch_size in (20, 400, 2000):
        width = math.sqrt(1 / batch_size + 1 / HELD_OUT)
        expected = norm.ppf(0.95) * held_out.std().item() * width
        threshold = BatchTest(held_out, batch_size, resamples=20_000).threshold.item()
        assert threshold == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("batch_size", "shift"), [(1, 1.0), (10, 0.5), (40, 0.3)])
@pytest.mark.slow
def test_rates_have_no_bias_and_vary_by_their_standard_error_or_less(batch_size, shift):
    """Over 100 held-out sets and sets of images; the first part of the error is an upper bound."""
    rates = []
    for seed in range(100):
        test = BatchTest(gaussian(HELD_OUT, 2 * seed), batch_size, resamples=1000, seed=seed)
        tested = gaussian(HELD_OUT, 2 * seed + 1, shift)
        rates.append(test.rejection_rate(tested, batches=200, seed=seed))
    values = torch.tensor([rate.value for rate in rates], dtype=torch.float64)
    spread = values.std().item()
    expected = closed_form(batch_size, shift=shift)
    assert values.mean().item() == pytest.approx(expected, abs=4 * spread / 10 + 0.01)
    stated = sum(rate.standard_error for rate in rates) / len(rates)
    assert 0.75 * spread < stated < 1.6 * spread  # the spread of 100 is known within 0.07


@pytest.mark.parametrize("alternative", ["less", "two-sided"])
def test_p_values_are_those_of_a_permutation_test(alternative):
    """A second algorithm: labels of held-out and tested scores exchanged, by scipy."""

    def difference(batch, rest, axis):
        return batch.mean(axis) - rest.mean(axis)

    held_out = gaussian(500, seed=1).numpy()
    test = BatchTest(torch.from_numpy(held_out), 20, alternative=alternative)
    for shift in (-0.3, 0.1, 0.4):
        batch = gaussian(20, seed=2, shift=shift).numpy()
        peer = permutation_test(
            (batch, held_out),
            difference,
            alternative=alternative,
            vectorized=True,
            n_resamples=4000,
            rng=0,
        )
        found = test.p_value(torch.from_numpy(batch)).item()
        assert found == pytest.approx(peer.pvalue, abs=0.04)


def test_rejecting_and_p_values_agree():
    test = BatchTest(gaussian(100, 1), 5, false_alarm_rate=0.29, resamples=99)
    batches = gaussian(5000, 2, shift=0.3).view(50, 20, 5)
    p_values = test.p_value(batches)
    assert p_values.shape == (50, 20)
    assert torch.equal(test.rejects(batches), p_values < 0.295)
    assert p_values.min() == pytest.approx(1 / 100)
    assert p_values.max() <= 1


def test_only_two_sided_finds_images_that_are_too_probable():
    held_out, too_probable = skewed(1000, 1), torch.zeros(10)
    assert not BatchTest(held_out, 10).rejects(too_probable)
    assert BatchTest(held_out, 10, alternative="two-sided").rejects(too_probable)


def test_an_impossible_image_is_flagged():
    batch = torch.tensor([0.0, -math.inf, 0.0])
    assert BatchTest(gaussian(100, 1), 3).rejects(batch)


def test_all_batches_of_one_shuffle_share_no_image():
    """One image in eight is impossible, so a shuffle of batches of 4 has one or two flagged."""
    scores = torch.tensor([0.0] * 7 + [-math.inf])
    rate = BatchTest(gaussian(100, 1), 4, 1e-3).rejection_rate(scores, batches=1000)
    assert rate.value == 0.5
    # binomial with two batches, and two flagged and two others added
    assert rate.standard_error == pytest.approx(math.sqrt(0.25 / 6))


def test_the_seed_decides_and_the_callers_generator_is_left_as_it_was():
    before = torch.get_rng_state()
    first, again, other = (BatchTest(gaussian(50, 1), 5, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.null, again.null)
    assert not torch.equal(first.null, other.null)
    assert first.rejection_rate(gaussian(50, 2)) == again.rejection_rate(gaussian(50, 2))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"held_out": torch.zeros(1)}, r"held_out has the shape \(1,\)"),
        ({"held_out": torch.zeros(5, 2)}, r"held_out has the shape \(5, 2\)"),
        ({"held_out": torch.tensor([0.0, math.nan])}, "held_out holds NaN"),
        ({"held_out": torch.tensor([0.0, -math.inf])}, "held_out holds NaN or infinite"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"alternative": "greater"}, "alternative is 'greater'; expected 'less' or 'two-sided'"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate is 0.0"),
        ({"false_alarm_rate": 1.0}, "false_alarm_rate is 1.0"),
        ({"false_alarm_rate": math.nan}, "false_alarm_rate is nan"),
        ({"false_alarm_rate": 0.01, "resamples": 98}, "resamples is 98; expected 99 or more"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        BatchTest(**{"held_out": torch.zeros(10), "batch_size": 2} | options)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (torch.zeros(3), r"scores has the shape \(3,\); expected \(..., 2\)"),
        (torch.tensor(0.0), r"scores has the shape \(\)"),
        (torch.tensor([0.0, math.nan]), "scores holds NaN"),
        (torch.tensor([0.0, math.inf]), "scores holds NaN or infinity"),
    ],
)
def test_bad_batches_are_named(scores, message):
    with pytest.raises(ValueError, match=message):
        BatchTest(gaussian(10, 1), 2).p_value(scores)


@pytest.mark.parametrize(
    ("scores", "batches", "message"),
    [
        (torch.zeros(1), 10, r"scores has the shape \(1,\)"),
        (torch.zeros(4, 2), 10, r"scores has the shape \(4, 2\)"),
        (torch.zeros(4), 0, "batches is 0"),
    ],
)
def test_bad_scores_of_a_rate_are_named(scores, batches, message):
    with pytest.raises(ValueError, match=message):
        BatchTest(gaussian(10, 1), 2).rejection_rate(scores, batches)
