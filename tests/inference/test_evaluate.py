"""Bounds, samples and reconstructions against likelihoods and posteriors that are known."""

import math
import statistics
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import (
    BeliefNet,
    Convolutional,
    Gaussian,
    Mixture,
    Pixels,
    function_guide,
    function_model,
)

import ppgen
from ppgen.objectives import ImportanceWeightedELBO, TensorELBO
from ppgen.program import as_program

# Nats, of float32: log p(x) is made of a few dozen terms that add up to 100 or less, each rounded
# to 6e-8 of it, with a margin of ten.
ROUNDING = 1e-4


@pytest.fixture
def x():
    return torch.randn(10, 1, 1, 4)


def assert_within_errors(found, exact, error):
    """Ten rows at 5 standard errors: false alarms below 1e-5."""
    assert found.shape == exact.shape
    assert ((found - exact).abs() < 5 * error + ROUNDING).all()


def test_the_bounds_are_the_likelihood_where_the_guide_is_the_posterior(x):
    """A draw m + √v e of the guide has the log-likelihood m √v e − (1 − v) e² / 2 and a constant.

    The divergence is exact, so that m² v + (1 − v)² / 2 is the variance of the whole.
    """
    program = Gaussian()
    program.use_exact_posterior()
    exact = program.log_likelihood(x)
    found = ppgen.iwae(program, x, 7).per_example
    torch.testing.assert_close(found, exact, rtol=0, atol=ROUNDING)
    mean, log_scale = program.encoder(x.flatten(1)).detach().T
    variance = (2 * log_scale).exp()
    error = ((mean**2 * variance + (1 - variance) ** 2 / 2) / 2000).sqrt()
    assert_within_errors(ppgen.elbo(program, x, 2000).per_example, exact, error)


def test_more_particles_close_the_gap_from_below():
    """Bounds of 1,000 images that lie further apart than their standard errors."""
    x = torch.randn(1000, 1, 1, 4)
    program = Gaussian()
    program.use_exact_posterior()
    with torch.no_grad():
        program.encoder.bias += torch.tensor([0.2, 0.3])
    exact = program.log_likelihood(x)
    gaps = [exact - ppgen.elbo(program, x, 5).per_example]
    gaps += [exact - ppgen.iwae(program, x, k).per_example for k in (3, 10, 1000)]
    means = [gap.mean().item() for gap in gaps]
    assert means == sorted(means, reverse=True)
    assert means[-2] > 0.01 > abs(means[-1])


def test_discrete_latents_are_weighted_too(binary_images):
    program = BeliefNet()
    z = torch.cartesian_prod(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]))
    logits = (z @ program.weights).view(4, 1, 1, 3, 3)
    each = dist.Bernoulli(logits=logits).to_event(3).log_prob(binary_images)
    exact = each.logsumexp(0) - math.log(4)
    q = dist.Bernoulli(logits=program.encoder(binary_images.flatten(1))).to_event(1)
    log_q = q.log_prob(z[:, None])
    # E[w²] / E[w]², for the weight w = p(x, z) / q(z | x) of a draw.
    square = (2 * (each - math.log(4)) - log_q).logsumexp(0) - 2 * exact
    error = (square.exp() - 1).clamp(min=0).div(20_000).sqrt()
    found = ppgen.iwae(program, binary_images, 20_000).per_example
    assert_within_errors(found, exact.detach(), error.detach())


@pytest.mark.parametrize("chunk", [1, 3, 64, 10_000])
def test_chunks_of_any_size_lose_no_particle(x, chunk):
    """All weights are p(x) if the guide is the posterior; one of 64 too few is 0.016 nats."""
    program = Gaussian()
    program.use_exact_posterior()
    found = ppgen.iwae(program, x, 64, chunk=chunk).per_example
    torch.testing.assert_close(found, program.log_likelihood(x), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_chunks_of_any_size_have_one_mean_of_all_weights(chunk):
    """The bound by 4 particles is not that by fewer, which a mean over chunks would have.

    A guide 0.8 off loses 2.8 nats with one particle, 2.1 with two and 1.4 with four: a mean over
    chunks is 7 standard errors off, or more.
    """
    x = torch.randn(800, 1, 1, 4)
    program = Gaussian()
    program.use_exact_posterior()
    with torch.no_grad():
        program.encoder.bias[0] += 0.8
    exact = program.log_likelihood(x)
    lost, lost_at_once = (
        exact - ppgen.iwae(program, x, 4, chunk=size, seed=size).per_example
        for size in (chunk, 3200)
    )
    error = ((lost.var() + lost_at_once.var()) / 800).sqrt()
    # At 5 standard errors: false alarms below 1e-6.
    assert (lost.mean() - lost_at_once.mean()).abs() < 5 * error


def test_a_model_without_latents_is_evaluated_exactly(binary_images):
    program = Pixels()
    for estimate in (ppgen.elbo(program, binary_images), ppgen.iwae(program, binary_images, 5)):
        torch.testing.assert_close(estimate.per_example, torch.full((40,), 9 * math.log(0.5)))


def test_the_standard_error_is_that_of_the_mean():
    estimate = ppgen.inference.Estimate(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    assert estimate.mean == 3.0
    assert estimate.standard_error == pytest.approx(torch.tensor([1.0, 2, 3, 6]).std().item() / 2)
    assert str(estimate) == "3.00 ± 1.08 nats"
    assert math.isnan(ppgen.inference.Estimate(torch.ones(1)).standard_error)


def test_a_transform_and_plain_functions_are_taken(x):
    pair = as_program((function_model, function_guide))
    halved = ppgen.elbo(pair, x.double(), transform=lambda images: images.float() / 2)
    assert torch.equal(halved.per_example, ppgen.elbo(pair, x / 2).per_example)


def test_evaluation_leaves_mode_and_generators_alone(x):
    program = Gaussian().train()
    state = torch.get_rng_state()
    ppgen.elbo(program, x), ppgen.iwae(program, x, 3)
    ppgen.sample(program, 2, seed=0), ppgen.reconstruct(program, x, seed=0)
    assert program.training
    assert torch.equal(state, torch.get_rng_state())


def test_samples_follow_the_model():
    program = Mixture()
    images = ppgen.sample(program, 20_000, seed=0)
    expected = program.logits.sigmoid().mean(0).view(1, 3, 3)
    error = (expected * (1 - expected) / 20_000).sqrt()
    # Nine pixels at 5 standard errors: false alarms below 1e-5.
    assert ((images.mean(0) - expected).abs() < 5 * error).all()
    assert torch.equal(images, ppgen.sample(program, 20_000, seed=0))
    torch.manual_seed(3)
    first, second = ppgen.sample(program, 20), ppgen.sample(program, 20)
    torch.manual_seed(3)
    assert torch.equal(first, ppgen.sample(program, 20))
    assert not torch.equal(first, second)
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
    torch.testing.assert_close(ppgen.reconstruct(program, x, mean=True), expected.detach())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, x: ppgen.elbo(p, x, 0), "particles is 0; expected a whole number, 1 or more"),
        (lambda p, x: ppgen.iwae(p, x, -1), "particles is -1; expected a whole number, 1 or more"),
        (
            lambda p, x: ppgen.iwae(p, x, 5, chunk=0),
            "chunk is 0; expected a whole number, 1 or more",
        ),
        (lambda p, x: ppgen.sample(p, 0), "n is 0; expected a whole number, 1 or more"),
        (lambda p, x: ppgen.elbo(p, x[:0]), r"data has tensors of the lengths \{0: 0\}"),
        (lambda p, x: ppgen.iwae(p, x[:0], 3), r"data has tensors of the lengths \{0: 0\}"),
        (lambda p, x: ppgen.elbo(p, x * torch.nan), "NaN or infinite"),
    ],
)
def test_what_cannot_be_meant(call, message, x):
    with pytest.raises(ValueError, match=message):
        call(Gaussian(), x)


class Flat(Gaussian):
    """Its networks take a batch of latents and nothing more."""

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            mean = (z.view(len(z), 1) * self.weights).unflatten(-1, (1, 1, -1))
            return pyro.sample("x", dist.Normal(mean, 0.7).to_event(3), obs=x)


class Labelled(Gaussian):
    """Joins labels of the batch to its latents."""

    def model(self, x=None, y=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            z = torch.cat([z, y.unsqueeze(-1)], -1).sum(-1, keepdim=True)
            mean = (z * self.weights).unflatten(-1, (1, 1, -1))
            return pyro.sample("x", dist.Normal(mean, 0.7).to_event(3), obs=x)

    def guide(self, x, y):
        return super().guide(x)


@pytest.mark.parametrize(
    "make",
    [Flat, Labelled, Convolutional, partial(Convolutional, norm=True)],
    ids=["flat", "labelled", "convolutional", "batch norm"],
)
def test_programs_that_do_not_broadcast_are_evaluated_all_the_same(make, x):
    program = make().eval()
    if isinstance(program, Convolutional):
        x = torch.randn(10, 1, 4, 4)
    program.use_exact_posterior()
    data = (x, torch.zeros(10)) if make is Labelled else x
    found = ppgen.iwae(program, data, 7).per_example
    torch.testing.assert_close(found, program.log_likelihood(x), rtol=0, atol=ROUNDING)
    drawn = ppgen.sample(program, 3, *[torch.zeros(3)] * (make is Labelled))
    assert drawn.shape == (3, *x.shape[1:])


def test_a_latent_summed_out_by_the_models_own_elbo_is_evaluated_exactly(binary_images):
    program = Mixture()
    found = ppgen.elbo(program, binary_images).per_example
    torch.testing.assert_close(found, program.log_likelihood(binary_images).detach())
    weighed = ppgen.iwae(program, binary_images, 5).per_example
    torch.testing.assert_close(weighed, program.log_likelihood(binary_images).detach())


class Shared(Gaussian):
    """A latent that all images share."""

    def model(self, x=None, *, n=1):
        pyro.sample("w", dist.Normal(0.0, 1.0))
        return super().model(x, n=n)

    def guide(self, x):
        pyro.sample("w", dist.Normal(0.5, 0.5))
        return super().guide(x)


def test_a_latent_of_all_images_counts_once_whatever_the_batches(x):
    """With the exact posterior of z, the shared latent's divergence is all that is lost.

    One draw of it is −e/4 + 3e²/8 and a constant, e ~ N(0, 1): its variance is 1/16 + 9/32. Each
    of the batches draws once a particle.
    """
    program = Shared(objective=TensorELBO())
    program.use_exact_posterior()
    kl = torch.distributions.kl_divergence(dist.Normal(0.5, 0.5), dist.Normal(0.0, 1.0)).item()
    rows = program.log_likelihood(x).mean().item()
    for size in (10, 5, 2):
        bounds = [ppgen.elbo(program, x, 10, batch_size=size, seed=seed) for seed in range(10)]
        shared = [bound.shared for bound in bounds]
        error = ((1 / 16 + 9 / 32) / (100 * 10 / size)) ** 0.5
        # Three sizes at 5 standard errors: false alarms below 2e-6.
        assert abs(statistics.mean(shared) + kl) < 5 * error
        assert bounds[0].mean == pytest.approx(rows, rel=1e-5)


class Recorded(Gaussian):
    """It records numbers, of each image and of all, that have no probability."""

    def model(self, x=None, *, n=1):
        pyro.deterministic("norm", self.weights.norm())
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            mean = pyro.deterministic("mean", z * self.weights, event_dim=1)
            mean = mean.unflatten(-1, (1, 1, -1))
            return pyro.sample("x", dist.Normal(mean, 0.7).to_event(3), obs=x)


def test_what_a_program_records_changes_nothing(x):
    program = Recorded()
    program.use_exact_posterior()
    found = ppgen.iwae(program, x, 7).per_example
    torch.testing.assert_close(found, program.log_likelihood(x), rtol=0, atol=ROUNDING)
    annealed = ppgen.inference.ais(program, x, chains=2, temperatures=2)
    plain = ppgen.inference.ais(Gaussian(), x, chains=2, temperatures=2)
    assert torch.equal(annealed.per_example, plain.per_example)


def test_the_elbo_that_a_program_names_keeps_its_number_of_particles(binary_images):
    program = BeliefNet(objective=ImportanceWeightedELBO(50))
    own = ppgen.elbo(program, binary_images)
    assert torch.equal(own.per_example, ppgen.elbo(program, binary_images, 50).per_example)
    program.objective = TensorELBO()
    assert own.mean > ppgen.elbo(program, binary_images, 50).mean


def test_with_a_latent_of_all_images_only_the_total_has_a_likelihood(x):
    """The shared latent bears on nothing, so that the total is that of the images.

    The weight of a draw e of it is log-normal, exp(−e/2 − 1/8): its variance is exp(1/4) − 1.
    """

    class Wide(Shared):
        def guide(self, x):
            pyro.sample("w", dist.Normal(0.5, 1.0))
            return Gaussian.guide(self, x)

    program = Wide()
    program.use_exact_posterior()
    found = ppgen.iwae(program, x, 2000)
    assert found.per_example is None
    # At 5 standard errors: false alarms below 1e-6.
    error = (math.expm1(0.25) / 2000) ** 0.5
    exact = program.log_likelihood(x).sum().item()
    assert found.total == pytest.approx(exact, abs=5 * error + len(x) * ROUNDING)


def test_an_estimate_says_what_is_a_row_s_and_what_is_shared():
    rows = torch.tensor([-3.0, -4.0, -5.0])
    assert str(ppgen.inference.Estimate(rows)) == "-4.00 ± 0.58 nats"
    assert str(ppgen.inference.Estimate(rows, shared=-2.5)) == (
        "-4.00 ± 0.58 nats, and -2.50 shared by all rows"
    )
    total = ppgen.inference.Estimate(None, shared=-14.5, rows=3)
    assert repr(total) == "Estimate(-14.50 nats in all, 3 rows)"
    with pytest.raises(ValueError, match="log_predictive has a term for each row"):
        _ = total.each


def test_draws_show_themselves_as_means_and_deviations():
    draws = ppgen.inference.Posterior(
        a=torch.tensor([1.0, 2.0, 3.0]), weights=torch.tensor([[0.0, 4.0]] * 3)
    )
    header, *rows = repr(draws).splitlines()
    assert header == "3 draws; mean ± standard deviation of each site"
    assert [row.split() for row in rows] == [
        ["a", "()", "2", "±", "1"],
        ["weights", "(2,)", "0", "to", "4", "±", "0", "to", "0"],
    ]


def test_parameters_that_would_be_lost_are_refused(x):
    for call in (ppgen.elbo, ppgen.sample, ppgen.reconstruct):
        with pytest.raises(ValueError, match="would be lost after this call; keep them"):
            call((function_model, function_guide), 3 if call is ppgen.sample else x)


def test_reconstructions_of_integer_images_and_their_own_mean(binary_images):
    class Halved(ppgen.models.VAE):
        def image(self, distribution):
            return distribution.mean / 2

    vae = Halved.mlp((1, 3, 3), latent=2)
    full = ppgen.models.VAE.mlp((1, 3, 3), latent=2)
    full.load_state_dict(vae.state_dict())
    integer = binary_images.to(torch.uint8)
    options = {"mean": True, "seed": 0}
    half = ppgen.reconstruct(vae, integer, **options)
    torch.testing.assert_close(half, ppgen.reconstruct(full, binary_images, **options) / 2)
    torch.testing.assert_close(
        ppgen.sample(vae, 5, **options), ppgen.sample(full, 5, **options) / 2
    )


def test_a_mean_without_closed_form_is_said_to_have_none():
    class Warped(Gaussian):
        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
                p = dist.Normal((z * self.weights).unflatten(-1, (1, 1, -1)), 0.7)
                p = dist.TransformedDistribution(p, [dist.transforms.SigmoidTransform()])
                return pyro.sample("x", p.to_event(3), obs=x)

    for call in (
        lambda: ppgen.sample(Warped(), 3, mean=True),
        lambda: ppgen.reconstruct(Warped(), torch.full((3, 1, 1, 4), 0.5), mean=True),
    ):
        with pytest.raises(NotImplementedError, match=r"no mean in closed form; .* mean=False"):
            call()


def test_a_model_that_takes_no_n_says_so():
    with pytest.raises(
        ValueError, match=r"the form model\(x=None, \*, n=1\), or use ppgen.predict"
    ):
        ppgen.sample(lambda x=None: pyro.sample("x", dist.Normal(0.0, 1.0)), 3)


@pytest.mark.parametrize(
    "call",
    [ppgen.elbo, ppgen.iwae, ppgen.inference.ais, ppgen.inference.fit_latents, ppgen.reconstruct],
)
def test_images_outside_the_support_are_not_evaluated(call, binary_images):
    in_batches_of_5 = {
        ppgen.elbo: {"batch_size": 5},
        ppgen.iwae: {"particles": 2, "chunk": 10},
        ppgen.inference.ais: {"chains": 2, "chunk": 10},
    }
    binary_images[7] = 16.0
    vae = ppgen.models.VAE.mlp((1, 3, 3), latent=2)
    with pytest.raises(ValueError, match=r"row 7 .* has values from 16 to 16, outside the su"):
        call(vae, binary_images, **in_batches_of_5.get(call, {}))


def test_a_site_of_any_name_is_sampled_and_one_of_several_is_named():
    def model(image=None, *, n=1):
        with pyro.plate("data", n if image is None else len(image)):
            pyro.sample(
                "size", dist.Normal(0.0, 1.0), obs=image[:, 0, 0, 0] if image is not None else None
            )
            p = dist.Normal(0.0, 1.0).expand([1, 2, 2]).to_event(3)
            return pyro.sample("image", p, obs=image)

    assert ppgen.sample(model, 3).shape == (3, 1, 2, 2)
    assert ppgen.sample(ppgen.as_program(model, site="size"), 3).shape == (3,)
    assert ppgen.reconstruct(model, torch.zeros(3, 1, 2, 2)).shape == (3, 1, 2, 2)
    program = ppgen.as_program(model, site="other")
    with pytest.raises(ValueError, match="site is 'other', and the model observes"):
        ppgen.sample(program, 3)


def test_as_program_of_a_pair_is_evaluated_like_the_subclass(x):
    program = Gaussian()
    pair = as_program((program.model, program.guide))
    first = ppgen.iwae(program, x, 5).per_example
    assert torch.equal(first, ppgen.iwae(pair, x, 5).per_example)


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
def test_from_the_prior_every_observed_site_counts_and_no_guide_is_needed(together):
    class TwoObserved(ppgen.Program):
        """z ~ N(0, 1), y ~ N(z, 1) is 1, x ~ N(z, 1): p(x, y) is a Gaussian of two numbers."""

        def model(self, x=None, *, n=1):
            size = n if x is None else len(x)
            with pyro.plate("data", size):
                z = pyro.sample("z", dist.Normal(torch.zeros(size), 1.0))
                pyro.sample("y", dist.Normal(z, 1.0), obs=torch.ones(size))
                mean = z[..., None, None, None] if together else z.view(size, 1, 1, 1)
                return pyro.sample("x", dist.Normal(mean, 1.0).to_event(3), obs=x)

    x = torch.randn(5, 1, 1, 1)
    covariance = torch.eye(2) + 1
    both = torch.stack([x.flatten(), torch.ones(5)], 1)
    exact = dist.MultivariateNormal(torch.zeros(2), covariance).log_prob(both)
    # E[w²] of the weight w = p(x | z) p(y | z), whose square is Gaussian in x and y with half the
    # variance, and 1 / 4π.
    halved = dist.MultivariateNormal(torch.zeros(2), covariance - torch.eye(2) / 2)
    square = halved.log_prob(both) - math.log(4 * math.pi)
    particles = 100_000 if together else 1000
    error = ((square - 2 * exact).expm1() / particles).sqrt()
    found = ppgen.iwae(TwoObserved(), x, particles, proposal="prior").per_example
    assert_within_errors(found, exact, error)


def test_reweighted_wake_sleep_is_evaluated_by_the_models_bound(x):
    program = Gaussian(objective=pyro.infer.ReweightedWakeSleep(num_particles=3)).double()
    x = x.double()
    program.use_exact_posterior()
    found = ppgen.elbo(program, x).per_example
    torch.testing.assert_close(found, program.log_likelihood(x), rtol=0, atol=ROUNDING)


def test_modules_of_functions_are_left_in_their_modes(x):
    program = Gaussian().eval()
    ppgen.elbo((program.model, program.guide), x)
    assert not program.training
