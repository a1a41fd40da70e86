"""Every likelihood's density against its sum or integral, its samples and its mean."""

import pytest
import torch
from likelihood_table import FAILURE_RATE, binary, every, image_shapes, z_bound
from pyro.distributions.testing.gof import density_goodness_of_fit
from scipy.stats import chisquare

from ppgen.likelihoods import Bernoulli, Density, SoftBernoulli


@every
def test_masses_sum_to_one_and_densities_integrate_to_one(case):
    p = case.likelihood.distribution(case.make_raw(20, image=(3, 1, 1)).double()).base_dist
    values, weights = case.grid()
    mass = p.log_prob(values.view(-1, 1, 1, 1, 1)).exp() * weights.view(-1, 1, 1, 1, 1)
    assert mass.shape == (len(values), 20, 3, 1, 1)
    torch.testing.assert_close(mass.sum(0), torch.ones_like(mass[0]), atol=1e-7, rtol=0)


@binary
def test_probabilities_of_all_images_sum_to_one(case):
    images = (torch.arange(512)[:, None] >> torch.arange(9) & 1).double().view(-1, 1, 3, 3)
    log_probs = case.likelihood.distribution(case.make_raw().double()).log_prob(images)
    assert log_probs.shape == (512,)
    assert log_probs.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_the_soft_bernoulli_is_the_mean_over_binary_images():
    raw, grey = torch.randn(1, 1, 3, 3).double(), torch.rand(1, 3, 3).double()
    images = (torch.arange(512)[:, None] >> torch.arange(9) & 1).double().view(-1, 1, 3, 3)
    weights = torch.where(images == 1, grey, 1 - grey).prod(-1).prod(-1).squeeze(-1)
    expected = (weights * Bernoulli().distribution(raw).log_prob(images)).sum()
    found = SoftBernoulli().distribution(raw).log_prob(grey)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)


def goodness_of_fit(case, raw, pixels):
    """P-value of draws of one pixel: spacings for densities, Pearson's chi-square for masses."""
    p = case.pixel(raw)
    if isinstance(case.likelihood, Density):
        return density_goodness_of_fit(pixels, p.log_prob(pixels.view(-1, 1, 1, 1)).exp().flatten())
    probabilities = p.log_prob(case.grid()[0].view(-1, 1, 1, 1)).double().exp().flatten()
    expected = probabilities / probabilities.sum() * len(pixels)
    counts = pixels.long().bincount(minlength=len(expected)).double()
    rare = expected < 5
    for numbers in (expected, counts):
        numbers[expected.argmax()] += numbers[rare].sum()
    return chisquare(counts[~rare], expected[~rare]).pvalue


@every
def test_samples_follow_the_distribution(case):
    """Four pixels, each by itself."""
    raw = case.make_raw(image=(1, 2, 2))
    samples = case.likelihood.distribution(raw).sample((20_000,))
    for pixels, its_raw in zip(samples.flatten(1).T, raw.flatten(1).T, strict=True):
        assert goodness_of_fit(case, its_raw, pixels) > FAILURE_RATE / 4


@every
def test_draws_of_single_pixels_follow_the_distribution(case):
    raw = case.make_raw(image=(1, 1, 4)).flatten(1).T
    for its_raw in raw:
        pixels = case.likelihood.draw(its_raw.expand(20_000, -1))
        assert pixels.shape == (20_000,)
        assert goodness_of_fit(case, its_raw, pixels) > FAILURE_RATE / 4


@every
@image_shapes
def test_mean_of_samples_follows_mean(case, image):
    """A z-test for each pixel."""
    p = case.likelihood.distribution(case.make_raw(2, image=image))
    samples = case.likelihood.grey(p.sample((20_000,)))
    standard_error = samples.std(0) / len(samples) ** 0.5
    z = (samples.mean(0) - case.likelihood.mean(p)) / standard_error.clamp(min=1e-6)
    assert z.abs().max() < z_bound(z.numel())


@every
def test_mean_is_a_grey_value(case):
    mean = case.likelihood.mean(case.likelihood.distribution(case.make_raw(100) * 20))
    assert mean.min() >= 0
    assert mean.max() <= 1
