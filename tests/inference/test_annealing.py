"""Bounds that need no guide, on a program whose likelihood is known."""

import pyro.distributions as dist
import pytest
import torch
from programs import BeliefNet, Gaussian, Rate

import ppgen
from ppgen.inference import ais


@pytest.fixture
def program():
    return Gaussian(pixels=10)


@pytest.fixture
def x(program):
    return ppgen.sample(program, 20, seed=1)


def test_annealing_reaches_the_exact_likelihood(program, x):
    """Estimates are off by 0.04 nats, root mean square over four seeds: 5 times that."""
    estimate = ais(program, x, chains=256, temperatures=50)
    gap = estimate.per_example - program.log_likelihood(x)
    assert gap.abs().max() < 0.2
    assert gap.mean().abs() < 0.05


@pytest.mark.slow
def test_more_temperatures_come_closer(program, x):
    exact = program.log_likelihood(x)
    errors = [
        (ais(program, x, chains=8, temperatures=number).per_example - exact).abs().mean()
        for number in (2, 15, 100)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_latents_with_another_support_are_annealed():
    x = torch.tensor([0.1, 1.0, 4.0]).view(3, 1, 1, 1)
    found = ais(Rate(), x, chains=256, temperatures=50).per_example
    exact = Rate().log_likelihood(x)
    torch.testing.assert_close(found, exact, rtol=0, atol=0.05)


def test_images_and_chains_in_parts_give_the_same_as_at_once(program, x):
    whole = ais(program, x, chains=8, temperatures=50)
    parts = ais(program, x, chains=8, temperatures=50, chunk=80)
    assert whole.per_example.shape == parts.per_example.shape == (20,)
    assert (whole.per_example - parts.per_example).mean().abs() < 0.2


def test_the_prior_as_proposal_is_plain_monte_carlo(program, x):
    """Against the integral over one latent; 5 standard errors of the mean weight."""
    particles = 20_000
    found = ppgen.iwae(program, x, particles, proposal="prior").per_example
    exact = program.log_likelihood(x)
    z = torch.randn(particles, 1, 1)
    mean = (z * program.weights.detach()).unflatten(-1, (1, 1, 10))
    weights = dist.Normal(mean, 0.7).to_event(3).log_prob(x)
    relative_error = (weights - exact).exp().std(0) / particles**0.5
    assert ((found - exact).abs() < 5 * relative_error + 1e-3).all()


def test_the_prior_needs_no_guide_and_takes_discrete_latents(binary_images):
    program = BeliefNet()
    found = ppgen.iwae(program, binary_images, 20_000, proposal="prior").per_example
    z = torch.cartesian_prod(*2 * [torch.tensor([0.0, 1.0])])
    logits = (z @ program.weights).view(4, 1, 1, 3, 3)
    each = dist.Bernoulli(logits=logits).to_event(3).log_prob(binary_images)
    exact = (each.logsumexp(0) - torch.tensor(4.0).log()).detach()
    torch.testing.assert_close(found, exact, rtol=0, atol=0.1)


@pytest.mark.parametrize(
    "options",
    [{"chains": 0}, {"temperatures": 0}, {"leapfrogs": 0}, {"chunk": 0}, {"step_size": -1.0}],
    ids=str,
)
def test_numbers_out_of_range_are_refused(program, x, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} is"):
        ais(program, x, **options)


def test_discrete_latents_are_refused(binary_images):
    with pytest.raises(ValueError, match="'z' is discrete"):
        ais(BeliefNet(), binary_images)


def test_a_proposal_that_is_unknown_is_refused(program, x):
    with pytest.raises(ValueError, match="proposal is 'posterior'"):
        ppgen.iwae(program, x, 2, proposal="posterior")
