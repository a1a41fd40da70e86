"""Principal axes against the singular values, and the number of latent dimensions."""

import pytest
import torch
from dense_ppca import PIXELS, images_of

from ppgen.models import PPCA
from ppgen.models.principal_axes import PrincipalAxes


@pytest.mark.parametrize("n", [5, 11, 12, 13])
def test_both_sides_of_the_data_matrix_give_the_same(n):
    """At numbers of images where the covariance replaces the Gram matrix."""
    x = images_of(n)
    found = PrincipalAxes.from_images(x)
    centred = x.flatten(1) - x.flatten(1).mean(0)
    singular, right = torch.linalg.svd(centred, full_matrices=False)[1:]
    rank = min(n - 1, PIXELS)
    assert found.axes.shape == (rank, PIXELS)
    torch.testing.assert_close(found.variances, singular[:rank] ** 2 / n)
    along = (found.axes * right[:rank]).sum(1).abs()
    torch.testing.assert_close(along, torch.ones_like(along))


def test_held_out_likelihood_of_every_dimension_is_that_of_its_closed_form(digits):
    train, test = digits
    by_dimension = PrincipalAxes.from_images(train).log_likelihood(test)
    assert len(by_dimension) == torch.linalg.matrix_rank((train - train.mean(0)).flatten(1))
    for latent in (1, 7, 30, len(by_dimension) - 1):
        ppca = PPCA.from_images(train, latent)
        expected = ppca.log_likelihood(test).mean()
        torch.testing.assert_close(by_dimension[latent], expected.detach())
    isotropic = torch.distributions.Normal(train.mean(0), train.var(0, correction=0).mean().sqrt())
    expected = isotropic.log_prob(test).sum((1, 2, 3)).mean()
    torch.testing.assert_close(by_dimension[0], expected)


def test_held_out_likelihood_finds_the_dimension():
    x = images_of(3000, latent=4, shape=(1, 5, 5))
    by_dimension = PrincipalAxes.from_images(x[:2000]).log_likelihood(x[2000:])
    assert by_dimension[4] > by_dimension[:4].max() + 1
    assert by_dimension[4] > by_dimension.max() - 0.05
