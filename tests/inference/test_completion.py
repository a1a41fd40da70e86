"""Log-probabilities of some pixels, and completions by models that have them exactly."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import Convolutional, Gaussian, Positive

import ppgen
from ppgen.inference import complete, fit_latents, log_evidence
from ppgen.models import PPCA, VAE

LEFT = torch.tensor([True, True, False, False])


@pytest.fixture
def x():
    return torch.randn(12, 1, 1, 4)


def exact(program, x, observed):
    observed = observed.expand(x.shape[1:]).flatten()
    w, x = program.weights.detach()[observed], x.flatten(1)[:, observed]
    covariance = torch.outer(w, w) + 0.49 * torch.eye(len(w))
    return dist.MultivariateNormal(torch.zeros(len(w)), covariance).log_prob(x)


def wide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(torch.zeros(1), 2.0).to_event(1))


@pytest.mark.parametrize("observed", [LEFT, ~LEFT], ids=["left", "right"])
def test_the_evidence_of_some_pixels_is_that_of_their_marginal(x, observed):
    """Weights of a guide as wide as this have an error below 1 % at 20,000 draws."""
    program = Gaussian()
    found = log_evidence(program, wide, x, observed=observed, particles=20_000).per_example
    torch.testing.assert_close(found, exact(program, x, observed), rtol=0, atol=0.05)


@pytest.mark.parametrize("norm", [False, True], ids=["plain", "batch norm"])
def test_masks_and_fitted_guides_serve_networks_that_take_batches_alone(norm):
    """Near the posterior all weights are near the evidence; a row of another image would show."""
    program = Convolutional(norm).eval()
    x = torch.randn(3, 1, 4, 4)
    observed = torch.rand(3, 1, 4, 4) < 0.6
    guide = fit_latents(program, x, observed=observed, steps=400).guide
    found = log_evidence(program, guide, x, observed=observed, particles=2000).per_example
    expected = torch.stack([exact(program, x[[row]], observed[row])[0] for row in range(3)])
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    completed = complete(program, x, observed, draws=2, particles=5, steps=50)
    assert torch.equal(completed.samples[:, observed], x[observed].expand(2, -1))


def test_missing_pixels_are_ignored_whatever_stands_there(x):
    """Also where the support is open at 0."""
    program, x = Positive(), x.exp()
    hidden = torch.where(LEFT, x, torch.nan)
    fitted = fit_latents(program, hidden, observed=LEFT, tolerance=1e-6, halvings=10)
    assert not fitted.failed.any()
    other = fit_latents(program, torch.where(LEFT, x, -3), observed=LEFT, steps=25, start="guide")
    same = fit_latents(program, hidden, observed=LEFT, steps=25, start="guide")
    assert torch.equal(other.means["z"], same.means["z"])
    found = log_evidence(program, fitted.guide, hidden, observed=LEFT, particles=5).per_example
    expected = exact(program, x.log(), LEFT) - x.log()[..., LEFT].sum((1, 2, 3))
    torch.testing.assert_close(found, expected, rtol=0, atol=0.05)


def test_given_pixels_that_are_no_numbers_are_refused(x):
    spoiled = torch.where(LEFT, torch.nan, x)
    for call in (fit_latents, lambda *a, **k: log_evidence(a[0], wide, *a[1:], **k)):
        with pytest.raises(ValueError, match="data holds NaN or infinite values, first in row 0"):
            call(Gaussian(), spoiled, observed=LEFT)


def test_given_pixels_outside_the_support_are_refused():
    vae = VAE.mlp((1, 2, 4), latent=1, hidden=(4,))
    x = torch.zeros(5, 1, 2, 4)
    x[3, ..., 3] = 16.0
    message = "row 3 .* has values from 0 to 16, outside the support"
    with pytest.raises(ValueError, match=message):
        log_evidence(vae, wide, x)
    with pytest.raises(ValueError, match=message):
        log_evidence(vae, wide, x, observed=~LEFT)
    seen = log_evidence(vae, wide, x, observed=LEFT).per_example
    assert torch.equal(seen, log_evidence(vae, wide, x.clamp(max=1), observed=LEFT).per_example)


def test_the_posterior_as_guide_needs_one_draw(x):
    program = Gaussian()
    fitted = fit_latents(program, x, observed=LEFT, tolerance=1e-6, halvings=10)
    found = log_evidence(program, fitted.guide, x, observed=LEFT, particles=1).per_example
    torch.testing.assert_close(found, exact(program, x, LEFT), rtol=0, atol=0.05)


def test_without_a_mask_it_is_the_evidence_of_the_image(x):
    program = Gaussian()
    found = log_evidence(program, wide, x, particles=20_000).per_example
    torch.testing.assert_close(found, program.log_likelihood(x), rtol=0, atol=0.05)


def test_particles_in_parts_count_as_at_once(x):
    options = {"observed": LEFT, "particles": 20_000, "chunk": 12 * 700}
    found = log_evidence(Gaussian(), wide, x, **options).per_example
    torch.testing.assert_close(found, exact(Gaussian(), x, LEFT), rtol=0, atol=0.05)


@pytest.mark.parametrize("name", ["particles", "chunk"])
def test_no_particles_are_refused(x, name):
    with pytest.raises(ValueError, match=f"{name} is 0"):
        log_evidence(Gaussian(), wide, x, **{name: 0})


def test_draws_from_ppca_are_draws_and_not_means():
    """Means and deviations over 2,000 draws of 8 pixels, each at 5 standard errors: below 1e-5."""
    x = torch.randn(200, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    ppca = PPCA.from_images(x, latent=2)
    left = LEFT.expand(1, 3, 4)
    completed = complete(ppca, x[:1], left, draws=2000)
    posterior = ppca.posterior(x[:1], left)
    w = ppca.loadings.detach().flatten(1)[:, ~left.flatten()]
    variance = (w * (posterior.covariance_matrix[0] @ w)).sum(0) + ppca.scale.detach() ** 2
    drawn = completed.samples[:, 0].flatten(1)[:, ~left.flatten()]
    mean = completed.mean.flatten()[~left.flatten()]
    assert ((drawn.mean(0) - mean).abs() < 5 * (variance / 2000).sqrt()).all()
    assert ((drawn.var(0) / variance - 1).abs() < 5 * (2 / 2000) ** 0.5).all()


def test_pixels_that_the_program_masks_itself_are_not_scored_as_certain():
    def model(x, mask):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            pixels = dist.Normal(z[..., None, None].expand(-1, 1, 2, 2), 1.0)
            pyro.sample("x", pixels.mask(mask).to_event(3), obs=x)

    program, x = ppgen.as_program((model, lambda x, mask: wide(x))), torch.zeros(3, 1, 2, 2)
    left = torch.tensor([True, False]).expand(3, 1, 2, 2)
    with pytest.raises(ValueError, match=r"masks all missing pixels of image 0.*ones_like"):
        complete(program, x, left, left, steps=5, particles=5)
    found = complete(program, x, left, torch.ones_like(left), steps=200, particles=1000)
    # Of two pixels given two with variance 1 and covariance 1: N(0, [[4/3, 1/3], [1/3, 4/3]]).
    # The posterior is a Gaussian, as is what is fitted: weights of 1,000 draws from one whose scale
    # is 20 % off vary by less than half, so that the error of their mean is below 0.02.
    covariance = torch.tensor([[4 / 3, 1 / 3], [1 / 3, 4 / 3]])
    exact = dist.MultivariateNormal(torch.zeros(2), covariance).log_prob(torch.zeros(2))
    assert found.log_prob == pytest.approx(exact.expand(3).numpy(), abs=0.05)
