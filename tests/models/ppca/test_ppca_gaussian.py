"""PPCA's likelihood, posterior, completions and samples against the dense Gaussian."""

from functools import partial

import pytest
import torch
from dense_ppca import PIXELS, SHAPE, dense, images_of, random_mask
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, kstest
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal

import ppgen
from ppgen.models import PPCA


def test_likelihood_is_that_of_the_dense_gaussian(x, ppca):
    _, mean, covariance = dense(ppca)
    expected = MultivariateNormal(mean, covariance).log_prob(x.flatten(1))
    torch.testing.assert_close(ppca.log_likelihood(x), expected)


def test_float32_likelihood_keeps_its_digits_where_there_is_little_noise():
    x = images_of(300, noise=1e-3)
    ppca = PPCA.from_images(x, 3)
    expected = ppca.log_likelihood(x)
    ppca.float()
    error = ppca.log_likelihood(x.float()).double() - expected
    w, mean, _ = dense(ppca)
    variance = ppca.scale.detach().square().expand(PIXELS)
    woodbury = LowRankMultivariateNormal(mean, w, variance).log_prob(x.float().flatten(1))
    assert error.abs().mean() < 0.1 * (woodbury.double() - expected).abs().mean()


def test_noise_too_small_for_float32_is_an_error_and_right_in_float64(x):
    ppca = PPCA(SHAPE, 2)
    with torch.no_grad():
        ppca.loadings.fill_(1)
        ppca.log_scale.fill_(-12)
    with pytest.raises(ValueError, match=r"too small beside the loadings for torch.float32"):
        ppca.posterior(x.float())
    ppca.double()
    _, mean, covariance = dense(ppca)
    expected = MultivariateNormal(mean, covariance).log_prob(x.flatten(1))
    torch.testing.assert_close(ppca.log_likelihood(x), expected, rtol=1e-4, atol=0)


def test_posterior_is_the_dense_gaussian_conditional(x, ppca):
    w, mean, covariance = dense(ppca)
    gain = torch.linalg.solve(covariance, w).T
    posterior = ppca.posterior(x)
    torch.testing.assert_close(posterior.mean, (x.flatten(1) - mean) @ gain.T)
    expected = torch.eye(3, dtype=w.dtype) - gain @ w
    torch.testing.assert_close(posterior.covariance_matrix[0], expected)
    torch.testing.assert_close(posterior.covariance_matrix[-1], expected)


@given(share=st.sampled_from([0.1, 0.5, 0.9]), seed=st.integers(0, 1000))
def test_missing_pixels_are_marginalised_and_completed_exactly(share, seed):
    torch.manual_seed(seed)
    x = images_of(4)
    ppca = PPCA(SHAPE, 3).double()
    observed = random_mask(4, *SHAPE, share=share)
    spoiled = x.where(observed, torch.nan)
    w, mean, covariance = dense(ppca)
    likelihood = ppca.log_likelihood(spoiled, observed)
    posterior = ppca.posterior(spoiled, observed)
    completed = ppca.complete(spoiled, observed, mean=True)
    assert torch.equal(completed[observed], x[observed])
    for i, (image, seen) in enumerate(zip(x.flatten(1), observed.flatten(1), strict=True)):
        within, centred = covariance[seen][:, seen], image[seen] - mean[seen]
        inverse = torch.linalg.inv(within)
        expected = torch.zeros((), dtype=w.dtype)
        if seen.any():
            expected = MultivariateNormal(mean[seen], within).log_prob(image[seen])
        torch.testing.assert_close(likelihood[i], expected)
        torch.testing.assert_close(posterior.mean[i], w[seen].T @ inverse @ centred)
        torch.testing.assert_close(
            posterior.covariance_matrix[i],
            torch.eye(3, dtype=w.dtype) - w[seen].T @ inverse @ w[seen],
        )
        missing = mean[~seen] + covariance[~seen][:, seen] @ inverse @ centred
        torch.testing.assert_close(completed[i].flatten()[~seen], missing)


def test_one_mask_for_all_images_is_the_same_mask_for_each(x, ppca):
    observed = random_mask(*SHAPE)
    for answer in (ppca.log_likelihood, partial(ppca.complete, mean=True)):
        torch.testing.assert_close(answer(x, observed), answer(x, observed.expand(x.shape)))
    every = torch.ones(SHAPE, dtype=torch.bool)
    torch.testing.assert_close(ppca.log_likelihood(x, every), ppca.log_likelihood(x))


def test_gradients_stay_finite_where_missing_pixels_hold_nan(x, ppca):
    observed = random_mask(*x.shape)
    ppca.log_likelihood(x.where(observed, torch.nan), observed).mean().backward()
    assert all(p.grad.isfinite().all() for p in (ppca.loadings, ppca.mean, ppca.log_scale))


def test_completions_carry_no_gradient(x, ppca):
    left = torch.tensor([True, True, False, False])
    for mean in (False, True):
        assert not ppca.complete(x, left, mean=mean).requires_grad


def test_drawn_completions_follow_the_dense_conditional(x, ppca):
    """Kolmogorov–Smirnov test of squared Mahalanobis distances against chi-square; level 1e-4."""
    observed = random_mask(*SHAPE, share=0.5)
    seen = observed.flatten()
    drawn = ppca.complete(x[:1].expand(2000, *SHAPE), observed)
    assert torch.equal(drawn[:, observed], x[:1].expand(2000, *SHAPE)[:, observed])
    _, mean, covariance = dense(ppca)
    gain = covariance[~seen][:, seen] @ torch.linalg.inv(covariance[seen][:, seen])
    centre = mean[~seen] + gain @ (x[0].flatten()[seen] - mean[seen])
    spread = covariance[~seen][:, ~seen] - gain @ covariance[seen][:, ~seen]
    off = drawn.flatten(1)[:, ~seen] - centre
    distance = (off @ torch.linalg.inv(spread) * off).sum(1)
    assert kstest(distance.detach(), chi2(int((~seen).sum())).cdf).pvalue > 1e-4


def test_samples_follow_the_likelihood(ppca):
    """The same test of new images; level 1e-4."""
    _, mean, covariance = dense(ppca)
    off = ppgen.sample(ppca, 5000).flatten(1) - mean
    distance = (off @ torch.linalg.inv(covariance) * off).sum(1)
    assert kstest(distance, chi2(PIXELS).cdf).pvalue > 1e-4


def test_walk_moves_one_dimension_at_a_time(x, ppca):
    z, offsets = ppca.posterior(x[:1]).mean[0], torch.tensor([-2.0, 0.0, 2.0]).double()
    images = ppca.walk(z, offsets)
    assert images.shape == (3, 3, *SHAPE)
    torch.testing.assert_close(images[:, 1], ppca.decode(z).expand(3, *SHAPE))
    torch.testing.assert_close(images[2, 2] - images[2, 1], 2 * ppca.loadings[2])
