"""Inference without an encoder, and completion from it, on programs whose posterior is known."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import BeliefNet, Gaussian, Pixels, Rate, function_guide, function_model
from torch import nn
from torch.distributions import kl_divergence

import ppgen
from ppgen import Program
from ppgen.inference import ais, complete, fit_latents
from ppgen.inference.fitted_latents import ascend
from ppgen.models import VAE, BernoulliMixture, HierarchicalVAE

# Nats, of float32: log-probabilities are sums of a few dozen terms of 100 or less, each rounded to
# 6e-8 of it, with a margin of ten.
ROUNDING = 1e-4

# Nats that a fit loses to a Gaussian posterior: a twentieth of those by which an ELBO must rise for
# a row to go on. Near the posterior gradients have no noise, so that less is lost in most fits.
LOST = 1e-3

# How far a mean is then off, and the logarithm of a scale, in scales of the posterior: the
# divergence is half the square of the one, and the square of the other.
SHIFT, STRETCH = (2 * LOST) ** 0.5, LOST**0.5


def sampling_error(particles, divergence=LOST):
    """Standard error of the mean of log p − log q, or of importance weights.

    Their variance is twice the divergence, if that is small.
    """
    return (2 * divergence / particles) ** 0.5


@pytest.fixture
def x():
    return torch.randn(12, 1, 1, 4)


def posterior(program, x, observed):
    """Mean and variance of z given some pixels, densely, and the log-likelihood of those."""
    w, seen = program.weights.detach(), observed.flatten()
    w, x = w[seen], x.flatten(1)[:, seen]
    precision = 1 + w @ w / 0.49
    covariance = torch.outer(w, w) + 0.49 * torch.eye(len(w))
    evidence = dist.MultivariateNormal(torch.zeros(len(w)), covariance).log_prob(x)
    return x @ w / 0.49 / precision, 1 / precision, evidence


# the ascent


def test_rows_reach_their_own_maxima_and_stop_by_themselves():
    peaks = torch.tensor([[0.1, 0.2], [30.0, -40.0], [-1.0, 5.0]])
    seen = []

    def objective(parameters, rows):
        seen.append(len(rows))
        return -((parameters[0] - peaks[rows]) ** 2).sum(1)

    found = ascend(objective, [torch.zeros(3, 2)], 20_000, 0.05, 0.0, 10)
    # Twenty of the last steps, which are 0.05 / 2¹⁰.
    torch.testing.assert_close(found.parameters[0], peaks, rtol=0, atol=1e-3)
    assert found.converged.all()
    assert found.steps[0] < found.steps[1]
    assert seen[-1] == 1


def test_a_row_goes_the_same_way_alone():
    peaks = torch.tensor([0.3, 7.0, -2.0])

    def go(which):
        some = peaks[which]
        return ascend(
            lambda p, rows: -((p[0] - some[rows]) ** 2),
            [torch.zeros(len(some))],
            500,
            0.05,
            1e-6,
            6,
        )

    together = go([0, 1, 2])
    for row in range(3):
        alone = go([row])
        torch.testing.assert_close(together.parameters[0][row], alone.parameters[0][0])
        assert together.steps[row] == alone.steps[0]


def test_steps_are_at_most_as_many_as_asked_for():
    found = ascend(lambda p, rows: p[0], [torch.zeros(2)], 60, 0.05, 1e-6, 6)
    assert found.steps.tolist() == [60, 60]
    assert not found.converged.any()


def test_a_row_that_fails_leaves_the_others_alone():
    def objective(parameters, rows):
        value = -((parameters[0] - 1) ** 2)
        return torch.where(rows == 1, value.new_tensor(torch.nan), value)

    found = ascend(objective, [torch.zeros(3)], 5000, 0.05, 1e-6, 8)
    assert found.failed.tolist() == [False, True, False]
    # A row goes on while steps raise its objective, a square, by 1e-6.
    torch.testing.assert_close(
        found.parameters[0], torch.tensor([1.0, 0.0, 1.0]), rtol=0, atol=1e-3
    )


# latents of each image


@pytest.mark.parametrize("start", ["prior", "guide"])
def test_a_gaussian_posterior_is_reached(x, start):
    program = Gaussian()
    fitted = fit_latents(program, x, start=start, tolerance=1e-6, halvings=10, particles=1000)
    mean, variance, evidence = posterior(program, x, torch.ones(4, dtype=torch.bool))
    found = dist.Normal(fitted.means["z"][:, 0], fitted.scales["z"][:, 0])
    divergence = kl_divergence(found, dist.Normal(mean, variance.sqrt()))
    assert divergence.max() < LOST
    # Twelve rows at 5 standard errors: false alarms below 1e-5.
    error = 5 * sampling_error(1000, divergence.clamp(min=0)) + ROUNDING
    assert ((fitted.elbo - (evidence - divergence)).abs() < error).all()


def test_the_fit_is_never_worse_than_the_encoder(x):
    program = VAE.mlp((1, 3, 3), latent=2, hidden=(8,))
    x = torch.bernoulli(torch.full((30, 1, 3, 3), 0.4))
    for steps in (1, 200):
        fitted = fit_latents(program, x, start="guide", steps=steps)
        assert (fitted.gap >= 0).all()
    assert fitted.gap.mean() > 0.05
    draws = torch.stack([ppgen.elbo(program, x, 1, seed=seed).each for seed in range(100)])
    # Means over 64 and over 100 draws at 5 standard errors: false alarms below 1e-6.
    error = (draws.var(0).mean() / 30 * (1 / 64 + 1 / 100)).sqrt()
    assert (fitted.start_elbo.mean() - draws.mean()).abs() < 5 * error


def test_all_layers_of_a_hierarchy_are_fitted():
    program = HierarchicalVAE.mlp((1, 3, 3), latent=3, hidden=(8,), above=(2,))
    x = torch.bernoulli(torch.full((30, 1, 3, 3), 0.4))
    fitted = fit_latents(program, x, start="guide", steps=200)
    assert {name: tuple(mean.shape) for name, mean in fitted.means.items()} == {
        "z2": (30, 2),
        "z": (30, 3),
    }
    assert fitted.gap.mean() > 0


def test_latents_with_another_support_are_fitted():
    """The posterior is Gamma(3, 1 + x), and log z of the best log-normal has the variance 1/3.

    The divergence of the two is then log 2 + 7/2 − log(486 π e) / 2 whatever x is, and
    log p − log q is 3 s e − 3 exp(s e − s² / 2) + e² / 2 and a constant, of variance 0.0605.
    """
    x = torch.tensor([0.1, 1.0, 4.0]).view(3, 1, 1, 1)
    fitted = fit_latents(Rate(), x, tolerance=1e-3, halvings=10, particles=2000)
    divergence = math.log(2) + 3.5 - math.log(486 * math.pi * math.e) / 2
    bound = Rate().log_likelihood(x) - divergence
    # Three rows at 5 standard errors: false alarms below 1e-5.
    error = 5 * (0.0605 / 2000) ** 0.5
    assert (fitted.elbo < bound + error).all()
    assert (fitted.elbo > bound - error - LOST).all()
    assert (pyro.poutine.trace(fitted.guide).get_trace(x).nodes["z"]["value"] > 0).all()


def test_an_image_that_fails_is_marked_and_the_others_finish(x):
    class Breaks(Gaussian):
        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
                mean = (z * self.weights).unflatten(-1, (1, 1, -1))
                if x is not None:
                    mean = torch.where(x > 50, torch.nan, mean)
                return pyro.sample("x", dist.Normal(mean, 0.7).to_event(3), obs=x)

    program = Breaks()
    x[3] = 100.0
    fitted = fit_latents(program, x, steps=400)
    others = torch.arange(12) != 3
    assert fitted.failed.tolist() == [row == 3 for row in range(12)]
    evidence = posterior(program, x, torch.ones(4, dtype=torch.bool))[2]
    # Eleven rows of 64 draws at 5 standard errors: false alarms below 1e-5.
    error = 5 * sampling_error(64) + LOST
    torch.testing.assert_close(fitted.elbo[others], evidence[others], rtol=0, atol=error)
    assert fitted.means["z"].isfinite().all()


def test_a_fit_leaves_program_and_generators_as_they_were(x):
    program = Gaussian()
    before = {name: value.clone() for name, value in program.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = fit_latents(program, x, steps=50)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(value, before[name]) for name, value in program.state_dict().items())
    assert all(parameter.grad is None for parameter in program.parameters())
    assert torch.equal(first.means["z"], fit_latents(program, x, steps=50).means["z"])


def test_plain_functions_are_fitted_too(x):
    program = ppgen.as_program((function_model, function_guide))
    assert fit_latents(program, x, steps=50).means["z"].shape == (12, 1)


# bad input


@pytest.mark.parametrize("program", [Pixels(), BeliefNet()], ids=["nothing latent", "discrete"])
def test_programs_without_continuous_latents_are_refused(program):
    with pytest.raises(ValueError, match=r"no latent site|'z' is discrete"):
        fit_latents(program, torch.zeros(5, 1, 3, 3))


@pytest.mark.parametrize("estimate", [fit_latents, ais])
def test_terms_that_images_share_are_refused(x, estimate):
    class Weighted(Gaussian):
        def model(self, x=None, *, n=1):
            pyro.factor("penalty", -self.weights.square().sum())
            return super().model(x, n=n)

    with pytest.raises(ValueError, match="site 'penalty' lies in no plate over the rows"):
        estimate(Weighted(), x)


def test_latents_that_images_share_are_refused(x):
    def model(x=None, *, n=1):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", dist.Normal(z.expand(1, 1, 4), 1.0).to_event(3), obs=x)

    with pytest.raises(ValueError, match="'z' has the batch shape"):
        fit_latents(model, x)


@pytest.mark.parametrize(
    "options",
    [{"steps": 0}, {"halvings": 0}, {"particles": 0}, {"learning_rate": 0.0}, {"start": "zero"}],
    ids=str,
)
def test_numbers_out_of_range_are_refused(x, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} is"):
        fit_latents(Gaussian(), x, **options)


# completion


LEFT = torch.tensor([True, True, False, False])


def of_ratio(particles):
    """Return 5 standard errors of a ratio of two evidences, each by a fit of its own."""
    return 5 * 2**0.5 * sampling_error(particles) + 2 * ROUNDING


def test_a_completion_follows_the_dense_conditional(x):
    """Means over 2,000 draws at 5 standard errors, false alarms below 2e-5 over all."""
    program = Gaussian()
    completed = complete(program, x, LEFT, draws=2000, particles=5000, tolerance=1e-3, halvings=10)
    mean, variance, evidence = posterior(program, x, LEFT)
    w = program.weights.detach()[~LEFT]
    expected = mean[:, None] * w
    deviation = (variance * w**2 + 0.49).sqrt()
    drawn = completed.samples[:, :, 0, 0, ~LEFT]
    assert torch.equal(completed.samples[..., LEFT], x[..., LEFT].expand(2000, -1, -1, -1, -1))
    shift = SHIFT * variance.sqrt() * w.abs()
    bound = 5 * deviation / 2000**0.5 + shift
    assert ((drawn.mean(0) - expected).abs() < bound).all()
    rtol = 5 / (2 * 2000) ** 0.5 + STRETCH
    torch.testing.assert_close(drawn.std(0), deviation.expand(12, 2), rtol=rtol, atol=0)
    # Over 100 draws, with the variance that the latent alone leaves.
    error = 5 * variance.sqrt() / 10 * w.abs() + shift
    assert ((completed.mean[:, 0, 0, ~LEFT] - expected).abs() < error).all()
    exact = program.log_likelihood(x) - evidence
    torch.testing.assert_close(completed.log_prob, exact, rtol=0, atol=of_ratio(5000))


def test_missing_pixels_may_hold_anything_and_are_then_not_scored(x):
    program = Gaussian()
    hidden = torch.where(LEFT, x, torch.nan)
    completed = complete(program, hidden, LEFT, steps=100)
    assert completed.log_prob.isnan().all()
    assert completed.samples.isfinite().all()
    assert torch.equal(completed.samples, complete(program, x, LEFT, steps=100).samples)


def test_an_image_that_is_not_known_leaves_the_others_scored(x):
    program = Gaussian()
    hidden = x.clone()
    hidden[3, ..., 3] = torch.nan
    options = {"particles": 5000, "tolerance": 1e-3, "halvings": 10}
    found = complete(program, hidden, LEFT, **options).log_prob
    exact = program.log_likelihood(x) - posterior(program, x, LEFT)[2]
    others = torch.arange(12) != 3
    assert found[3].isnan()
    torch.testing.assert_close(found[others], exact[others], rtol=0, atol=of_ratio(5000))


@pytest.mark.parametrize("value", [torch.nan, 0.5, -1.0])
def test_an_image_outside_the_support_leaves_the_others_scored_exactly(value, binary_images):
    program = BernoulliMixture((1, 3, 3), 2)
    left = torch.tensor([True, False, False])
    spoiled = binary_images.clone()
    spoiled[3, ..., 2] = value
    found, expected = (complete(program, x, left).log_prob for x in (spoiled, binary_images))
    others = torch.arange(len(binary_images)) != 3
    assert found[3].isnan()
    assert torch.equal(found[others], expected[others])


def test_unknown_options_are_refused_also_where_they_are_not_needed(binary_images):
    left = torch.tensor([True, False, False])
    for program in (BernoulliMixture((1, 3, 3), 2), VAE.mlp((1, 3, 3), latent=2)):
        with pytest.raises(TypeError, match="'stepss'"):
            complete(program, binary_images, left, stepss=3)
    completed = complete(BernoulliMixture((1, 3, 3), 2), binary_images, left, steps=3)
    assert completed.log_prob.isfinite().all()


def test_the_mean_is_the_same_however_many_are_drawn_and_no_draw_alone(x):
    """Errors of 100 latents: 5 standard errors, over 24 pixels false alarms below 2e-5."""
    program = Gaussian()
    completed = complete(program, torch.where(LEFT, x, torch.nan), LEFT, draws=1)
    mean, variance, _ = posterior(program, x, LEFT)
    w = program.weights.detach()[~LEFT]
    error = (5 / 10 + SHIFT) * variance.sqrt() * w.abs()
    assert ((completed.mean[:, 0, 0, ~LEFT] - mean[:, None] * w).abs() < error).all()


def test_given_pixels_that_are_no_numbers_are_refused(x):
    with pytest.raises(ValueError, match="data holds NaN or infinite values, first in row 0"):
        complete(Gaussian(), torch.where(LEFT, torch.nan, x), LEFT)


@pytest.mark.parametrize("exact", [False, True])
def test_missing_pixels_outside_the_support_are_not_scored(exact, binary_images):
    program = BernoulliMixture((1, 3, 3), 2) if exact else VAE.mlp((1, 3, 3), latent=2)
    left = torch.tensor([True, False, False])
    marked = torch.where(left, binary_images, -1)
    options = {} if exact else {"steps": 25}
    completed = complete(program, marked, left, **options)
    assert completed.log_prob.isnan().all()
    assert completed.samples.min() == 0
    with pytest.raises(ValueError, match=r"from -1 to -1, outside|has the value -1"):
        complete(program, marked, ~left, **options)


def test_where_nothing_is_observed_images_come_from_the_model(x):
    program = Gaussian()
    none = torch.zeros(4, dtype=torch.bool)
    completed = complete(program, x, none, draws=500, particles=20_000)
    pixels = completed.samples.flatten(0, 1).flatten(1)
    w = program.weights.detach()
    # 6,000 draws of 4 pixels at 5 standard errors: false alarms below 1e-5. The fit starts at its
    # optimum, the prior.
    rtol = 5 * (2 / 6000) ** 0.5
    torch.testing.assert_close(pixels.var(0), w**2 + 0.49, rtol=rtol, atol=0)
    exact = program.log_likelihood(x)
    torch.testing.assert_close(completed.log_prob, exact, rtol=0, atol=of_ratio(20_000))


def test_where_everything_is_observed_nothing_is_left_to_draw(x):
    completed = complete(Gaussian(), x, torch.ones(4, dtype=torch.bool), draws=2, steps=50)
    assert torch.equal(completed.samples, x.expand(2, -1, -1, -1, -1))
    assert torch.equal(completed.mean, x)
    assert not completed.log_prob.any()


def test_masks_that_do_not_fit_are_refused(x):
    with pytest.raises(ValueError, match=r"observed has the shape \(3,\)"):
        complete(Gaussian(), x, torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"observed is of type torch\.float32"):
        complete(Gaussian(), x, torch.ones(4))
    with pytest.raises(ValueError, match="draws is 0"):
        complete(Gaussian(), x, LEFT, draws=0)


def test_pixels_that_depend_on_each_other_given_the_latents_are_refused(x):
    class Correlated(Program):
        def __init__(self):
            super().__init__()
            self.scale_tril = nn.Parameter(torch.eye(4))

        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(4), 1.0).to_event(1))
                p = dist.MultivariateNormal(z.unflatten(-1, (1, 1, 4)), scale_tril=self.scale_tril)
                return pyro.sample("x", p.to_event(2), obs=x)

    with pytest.raises(ValueError, match="not independent given the latents"):
        complete(Correlated(), x, LEFT)


def test_a_guide_that_leaves_a_latent_out_is_no_start():
    program = ppgen.as_program(Gaussian().model)
    with pytest.raises(ValueError, match="latent site 'z' is missing from the guide"):
        fit_latents(program, torch.randn(3, 1, 1, 4), start="guide", steps=1)
