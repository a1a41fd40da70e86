"""Constant pixels, repeated images, equal ones, and fewer images than dimensions."""

import pytest
import torch
from dense_ppca import SHAPE, dense, images_of, random_mask
from torch.distributions import MultivariateNormal

from ppgen.models import PPCA


def test_constant_pixels_get_no_loadings_and_take_part_in_the_noise(x):
    x[:, 0, 0, 0] = 0.25
    ppca = PPCA.from_images(x, 3)
    assert ppca.loadings[:, 0, 0, 0].abs().max() < 1e-8
    assert ppca.mean[0, 0, 0].item() == pytest.approx(0.25)
    _, mean, covariance = dense(ppca)
    expected = MultivariateNormal(mean, covariance).log_prob(x.flatten(1))
    torch.testing.assert_close(ppca.log_likelihood(x), expected)
    program = PPCA(SHAPE, 3).double()
    program.fit_em(x, iterations=2000, tolerance=1e-8, warm_start=True)
    best = ppca.log_likelihood(x).mean()
    torch.testing.assert_close(program.log_likelihood(x).mean(), best, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n", [8, 300])
def test_repeated_images_count_as_often_as_they_occur(n):
    x = images_of(n)
    once, twice = (PPCA.from_images(images, 3) for images in (x, x.repeat(2, 1, 1, 1)))
    torch.testing.assert_close(dense(once)[1:], dense(twice)[1:])


@pytest.mark.parametrize("n", [6, 40])
def test_no_more_dimensions_than_the_rank_of_the_images_less_one(n):
    x = images_of(5).repeat(8, 1, 1, 1)[:n]
    ppca = PPCA.from_images(x, latent=3)
    assert all(parameter.isfinite().all() for parameter in ppca.parameters())
    for randomised in (False, True):
        with pytest.raises(ValueError, match=r"latent is 4, but the .* no more than 4 axes"):
            PPCA.from_images(x, 4, randomised=randomised)


@pytest.mark.parametrize("n", [1, 2, 5, 50])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_images_are_refused(n, dtype):
    x = torch.rand(1, *SHAPE, dtype=dtype).expand(n, *SHAPE)
    with pytest.raises(ValueError, match="no more than 0 axes"):
        PPCA.from_images(x, 1)
    with pytest.raises(ValueError, match="no more than 0 axes"):
        PPCA(SHAPE, 1).to(dtype).fit_em(x)
    with pytest.raises(ValueError, match="the noise variance runs to 0"):
        PPCA(SHAPE, 1).to(dtype).fit_em(x, warm_start=True)


@pytest.mark.parametrize("share", [0.6, 1.0])
def test_em_with_more_dimensions_than_images_says_so(share):
    x = images_of(4)
    observed = random_mask(*x.shape, share=share)
    program = PPCA(SHAPE, 8).double()
    with pytest.raises(ValueError, match="the noise variance runs to 0: 8 latent"):
        program.fit_em(x, observed, iterations=100_000, tolerance=1e-12, warm_start=True)
    assert all(parameter.isfinite().all() for parameter in program.parameters())
    with pytest.raises(ValueError, match="latent is 8, but the images vary along no more than 3"):
        program.fit_em(x, observed)
