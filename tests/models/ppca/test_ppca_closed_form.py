"""The closed form of PPCA against scikit-learn, and as the maximum of the likelihood."""

import pytest
import torch
from dense_ppca import dense
from sklearn.decomposition import PCA

from ppgen.models import PPCA


def as_scikit_learn_divides(x):
    """Scale images about their mean so that dividing by n equals dividing by n − 1 before."""
    mean = x.mean(0)
    return mean + (x - mean) * (len(x) / (len(x) - 1)) ** 0.5


@pytest.mark.parametrize("latent", [1, 3, 11])
def test_closed_form_is_that_of_scikit_learn(x, latent):
    """Scikit-learn divides by n − 1: its covariance is n / (n − 1) times maximum likelihood."""
    peer = PCA(latent, svd_solver="full").fit(x.flatten(1).numpy())
    ppca = PPCA.from_images(as_scikit_learn_divides(x), latent)
    w, _, covariance = dense(ppca)
    ours = torch.linalg.qr(w).Q
    theirs = torch.from_numpy(peer.components_.T)
    torch.testing.assert_close(ours @ ours.T, theirs @ theirs.T, rtol=0, atol=1e-6)
    assert ppca.scale.item() ** 2 == pytest.approx(peer.noise_variance_, rel=1e-6)
    torch.testing.assert_close(
        covariance, torch.from_numpy(peer.get_covariance()), rtol=0, atol=1e-6
    )
    score = peer.score(x.flatten(1).numpy())
    assert ppca.log_likelihood(x).mean().item() == pytest.approx(score, abs=1e-6)


def test_closed_form_on_real_digits_is_that_of_scikit_learn(digits):
    train = digits[0]
    peer = PCA(20, svd_solver="full").fit(train.flatten(1).numpy())
    ppca = PPCA.from_images(as_scikit_learn_divides(train), 20)
    for part in digits:
        score = peer.score(part.flatten(1).numpy())
        assert ppca.log_likelihood(part).mean().item() == pytest.approx(score, abs=1e-6)
    own = PPCA.from_images(train, 20)
    assert own.log_likelihood(train).mean() > ppca.log_likelihood(train).mean()


def test_closed_form_has_the_highest_likelihood(x, ppca):
    best = ppca.log_likelihood(x).mean().item()
    for parameter in (ppca.loadings, ppca.mean, ppca.log_scale):
        gradient = torch.autograd.grad(ppca.log_likelihood(x).mean(), parameter)[0]
        assert gradient.abs().max() < 1e-10
        with torch.no_grad():
            step = 1e-2 * torch.randn_like(parameter)
            for direction in (step, -2 * step, step):
                parameter += direction
                assert ppca.log_likelihood(x).mean() <= best + 1e-12


def test_randomised_axes_have_the_likelihood_of_the_exact_ones(digits):
    train, test = digits
    exact = PPCA.from_images(train, 10)
    randomised = PPCA.from_images(train, 10, randomised=True)
    for part in (train, test):
        expected = exact.log_likelihood(part).mean().item()
        assert randomised.log_likelihood(part).mean().item() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_follow_the_images_type(x, dtype):
    ppca = PPCA.from_images(x.to(dtype), 3)
    assert ppca.dtype == ppca.log_likelihood(x.to(dtype)).dtype == dtype
    expected = PPCA.from_images(x, 3).log_likelihood(x)
    found = ppca.log_likelihood(x.to(dtype)).double()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
