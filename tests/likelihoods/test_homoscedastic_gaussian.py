"""The variance that all pixels share is a parameter of the likelihood."""

import pytest
import torch
from torch import nn

from ppgen.likelihoods import HomoscedasticGaussian


def test_the_one_variance_is_part_of_the_model():
    model = nn.Module()
    model.likelihood = HomoscedasticGaussian(variance=0.3)
    assert [name for name, _ in model.named_parameters()] == ["likelihood.log_variance"]
    other = nn.Module()
    other.likelihood = HomoscedasticGaussian(variance=0.01)
    other.load_state_dict(model.state_dict())
    raw = torch.randn(1, 1, 3, 3)
    assert other.likelihood.distribution(raw).variance.unique().item() == pytest.approx(0.3)
    assert model.double().likelihood.distribution(raw.double()).variance.dtype == torch.float64
    assert model.bfloat16().likelihood.distribution(raw).variance.dtype == torch.float32


def test_the_one_variance_reaches_the_mean_square_of_the_residuals():
    likelihood = HomoscedasticGaussian(variance=1.0)
    x = 0.2 * torch.randn(500, 1, 3, 3)
    optimizer = torch.optim.LBFGS(
        likelihood.parameters(), max_iter=50, line_search_fn="strong_wolfe"
    )

    def loss():
        optimizer.zero_grad()
        loss = -likelihood.distribution(torch.zeros(1, 1, 3, 3)).log_prob(x).mean()
        loss.backward()
        return loss

    optimizer.step(loss)
    found = likelihood.distribution(torch.zeros(1, 1, 3, 3)).variance
    assert found.unique().item() == pytest.approx(x.square().mean().item(), rel=1e-4)
