"""Log-probabilities of some pixels, and completions by models that have them exactly."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import Gaussian

from ppgen.inference import complete, fit_latents, log_evidence
from ppgen.models import PPCA

LEFT = torch.tensor([True, True, False, False])


@pytest.fixture
def x():
    return torch.randn(12, 1, 1, 4)


def exact(program, x, observed):
    w = program.weights.detach()[observed]
    covariance = torch.outer(w, w) + 0.49 * torch.eye(len(w))
    return dist.MultivariateNormal(torch.zeros(len(w)), covariance).log_prob(x[:, 0, 0, observed])


def wide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(torch.zeros(1), 2.0).to_event(1))


@pytest.mark.parametrize("observed", [LEFT, ~LEFT], ids=["left", "right"])
def test_the_evidence_of_some_pixels_is_that_of_their_marginal(x, observed):
    """Weights of a guide as wide as this have an error below 1 % at 20,000 draws."""
    program = Gaussian()
    found = log_evidence(program, wide, x, observed=observed, particles=20_000)
    torch.testing.assert_close(found, exact(program, x, observed), rtol=0, atol=0.05)


def test_the_posterior_as_guide_needs_one_draw(x):
    program = Gaussian()
    fitted = fit_latents(program, x, observed=LEFT, tolerance=1e-6, halvings=10)
    found = log_evidence(program, fitted.guide, x, observed=LEFT, particles=1)
    torch.testing.assert_close(found, exact(program, x, LEFT), rtol=0, atol=0.05)


def test_without_a_mask_it_is_the_evidence_of_the_image(x):
    program = Gaussian()
    found = log_evidence(program, wide, x, particles=20_000)
    torch.testing.assert_close(found, program.log_likelihood(x), rtol=0, atol=0.05)


def test_particles_in_parts_count_as_at_once(x, monkeypatch):
    monkeypatch.setattr("ppgen.inference.partial.WEIGHTS_IN_MEMORY", 12 * 700)
    found = log_evidence(Gaussian(), wide, x, observed=LEFT, particles=20_000)
    torch.testing.assert_close(found, exact(Gaussian(), x, LEFT), rtol=0, atol=0.05)


def test_no_particles_are_refused(x):
    with pytest.raises(ValueError, match="particles is 0"):
        log_evidence(Gaussian(), wide, x, particles=0)


def test_draws_from_ppca_are_draws_and_not_means():
    """Means and deviations over 2,000 draws of 8 pixels, each at 5 standard errors: below 1e-5."""
    x = torch.randn(200, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    ppca = PPCA.closed_form(x, latent=2)
    left = LEFT.expand(1, 3, 4)
    completed = complete(ppca, x[:1], left, draws=2000)
    posterior = ppca.posterior(x[:1], left)
    w = ppca.loadings.detach().flatten(1)[:, ~left.flatten()]
    variance = (w * (posterior.covariance_matrix[0] @ w)).sum(0) + ppca.scale.detach() ** 2
    drawn = completed.samples[:, 0].flatten(1)[:, ~left.flatten()]
    mean = completed.mean.flatten()[~left.flatten()]
    assert ((drawn.mean(0) - mean).abs() < 5 * (variance / 2000).sqrt()).all()
    assert ((drawn.var(0) / variance - 1).abs() < 5 * (2 / 2000) ** 0.5).all()
