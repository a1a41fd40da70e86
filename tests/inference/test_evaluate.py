"""Bounds, samples and reconstructions against likelihoods and posteriors that are known."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import BeliefNet, Gaussian, Mixture, Pixels, function_guide, function_model

import ppgen
from ppgen.program import as_program


@pytest.fixture
def x():
    return torch.randn(10, 1, 1, 4)


def test_the_bounds_are_the_likelihood_where_the_guide_is_the_posterior(x):
    program = Gaussian()
    program.use_exact_posterior()
    exact = program.log_likelihood(x)
    torch.testing.assert_close(ppgen.iwae(program, x, 7).per_image, exact, rtol=1e-4, atol=1e-4)
    estimate = ppgen.elbo(program, x, 2000).per_image
    torch.testing.assert_close(estimate, exact, rtol=0, atol=0.1)


def test_more_particles_close_the_gap_from_below():
    """Bounds of 1,000 images that lie further apart than their standard errors."""
    x = torch.randn(1000, 1, 1, 4)
    program = Gaussian()
    program.use_exact_posterior()
    with torch.no_grad():
        program.encoder.bias += torch.tensor([0.2, 0.3])
    exact = program.log_likelihood(x)
    gaps = [exact - ppgen.elbo(program, x, 5).per_image]
    gaps += [exact - ppgen.iwae(program, x, k).per_image for k in (3, 10, 1000)]
    means = [gap.mean().item() for gap in gaps]
    assert means == sorted(means, reverse=True)
    assert means[-2] > 0.01 > abs(means[-1])


def test_discrete_latents_are_weighted_too(binary_images):
    program = BeliefNet()
    z = torch.cartesian_prod(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]))
    logits = (z @ program.weights).view(4, 1, 1, 3, 3)
    each = dist.Bernoulli(logits=logits).to_event(3).log_prob(binary_images)
    exact = each.logsumexp(0) - math.log(4)
    found = ppgen.iwae(program, binary_images, 20_000).per_image
    torch.testing.assert_close(found, exact.detach(), rtol=0, atol=0.05)


@pytest.mark.parametrize("chunk", [1, 3, 64, 10_000])
def test_the_size_of_a_chunk_changes_memory_only(x, chunk):
    program = Gaussian()
    program.use_exact_posterior()
    with torch.no_grad():
        program.encoder.bias[0] += 0.3  # so that the weights vary
    found = ppgen.iwae(program, x, 64, chunk=chunk).per_image
    reference = ppgen.iwae(program, x, 20_000).per_image
    assert found.shape == (10,)
    assert (found - reference).abs().max() < 0.5


def test_a_model_without_latents_is_evaluated_exactly(binary_images):
    program = Pixels()
    for estimate in (ppgen.elbo(program, binary_images), ppgen.iwae(program, binary_images, 5)):
        torch.testing.assert_close(estimate.per_image, torch.full((40,), 9 * math.log(0.5)))


def test_the_standard_error_is_that_of_the_mean():
    estimate = ppgen.inference.Estimate(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    assert estimate.mean == 3.0
    assert estimate.standard_error == pytest.approx(torch.tensor([1.0, 2, 3, 6]).std().item() / 2)
    assert str(estimate) == "3.00 ± 1.08 nats"
    assert math.isnan(ppgen.inference.Estimate(torch.ones(1)).standard_error)


def test_a_transform_and_plain_functions_are_taken(x):
    pair = (function_model, function_guide)
    estimate = ppgen.elbo(pair, x.double(), transform=lambda images: images.float())
    assert estimate.per_image.isfinite().all()


def test_evaluation_leaves_mode_and_generators_alone(x):
    program = Gaussian().train()
    state = torch.get_rng_state()
    ppgen.elbo(program, x), ppgen.iwae(program, x, 3)
    ppgen.sample(program, 2), ppgen.reconstruct(program, x)
    assert program.training
    assert torch.equal(state, torch.get_rng_state())


def test_samples_follow_the_model():
    program = Mixture()
    images = ppgen.sample(program, 20_000)
    expected = program.logits.sigmoid().mean(0).view(1, 3, 3)
    error = (expected * (1 - expected) / 20_000).sqrt()
    # Nine pixels at 5 standard errors: false alarms below 1e-5.
    assert ((images.mean(0) - expected).abs() < 5 * error).all()
    assert torch.equal(images, ppgen.sample(program, 20_000))
    assert not torch.equal(images, ppgen.sample(program, 20_000, seed=1))


def test_the_mean_of_samples_is_grey():
    images = ppgen.sample(Mixture(), 10, mean=True)
    assert ((images > 0) & (images < 1)).all()


def test_reconstructions_come_from_the_guides_latents(x):
    program = Gaussian()
    program.use_exact_posterior()
    with torch.no_grad():
        program.encoder.bias[1] = -20.0  # the guide gives its mean
    z = program.encoder(x.flatten(1))[:, :1]
    expected = (z * program.weights).view(10, 1, 1, 4)
    torch.testing.assert_close(ppgen.reconstruct(program, x), expected.detach())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, x: ppgen.elbo(p, x, 0), "particles is 0; expected 1 or more"),
        (lambda p, x: ppgen.iwae(p, x, -1), "particles is -1; expected 1 or more"),
        (lambda p, x: ppgen.iwae(p, x, 5, chunk=0), "chunk is 0; expected 1 or more"),
        (lambda p, x: ppgen.sample(p, 0), "n is 0; expected 1 or more"),
        (lambda p, x: ppgen.elbo(p, x[:0]), r"data has \[0\] images"),
        (lambda p, x: ppgen.iwae(p, x[:0], 3), r"data has \[0\] images"),
        (lambda p, x: ppgen.elbo(p, x * torch.nan), "NaN or infinite"),
    ],
)
def test_what_cannot_be_meant(call, message, x):
    with pytest.raises(ValueError, match=message):
        call(Gaussian(), x)


def test_a_program_that_does_not_broadcast_says_what_to_do(x):
    class Flat(Gaussian):
        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
                mean = (z.view(len(z), 1) * self.weights).unflatten(-1, (1, 1, -1))
                return pyro.sample("x", dist.Normal(mean, 0.7).to_event(3), obs=x)

    with pytest.raises(ValueError, match=r"inside a plate of 5 particles .* \(particles, batch"):
        ppgen.iwae(Flat(), x, 5)


def test_a_model_without_the_site_x_says_so():
    with pytest.raises(ValueError, match="no site 'x' for its images; its sites: y"):
        ppgen.sample(lambda x=None, *, n=1: pyro.sample("y", dist.Normal(0.0, 1.0)), 3)


def test_as_program_of_a_pair_is_evaluated_like_the_subclass(x):
    program = Gaussian()
    pair = as_program((program.model, program.guide))
    first = ppgen.iwae(program, x, 5).per_image
    assert torch.equal(first, ppgen.iwae(pair, x, 5).per_image)
