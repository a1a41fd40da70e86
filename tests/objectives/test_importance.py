"""The importance-weighted bound against sums over all latents, and integrals."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import BeliefNet, Gaussian

import ppgen
from ppgen.objectives import WakeSleepELBO
from ppgen.objectives.importance import ImportanceWeightedELBO

STATES = torch.cartesian_prod(*2 * [torch.tensor([0.0, 1.0])])


def exact_bound(program, x):
    """E log (w_1 + w_2) / 2 by summing over all pairs of states, mean over images."""
    q = torch.distributions.Bernoulli(logits=program.encoder(x.flatten(1)))
    log_q = torch.stack([q.log_prob(z).sum(-1) for z in STATES])
    logits = (STATES @ program.weights).view(4, 1, 1, 3, 3)
    log_p = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum((-3, -2, -1))
    weights = log_p - 2 * torch.tensor(2.0).log() - log_q
    bound = torch.logaddexp(weights[:, None], weights[None]) - torch.tensor(2.0).log()
    return ((log_q[:, None] + log_q[None]).exp() * bound).sum((0, 1)).mean()


@pytest.fixture
def net():
    return BeliefNet(objective=ImportanceWeightedELBO(2))


def test_the_bound_is_the_sum_over_pairs_of_states(net, binary_images):
    """At 5 standard errors, a false alarm below 1e-6."""
    x = binary_images[:4]
    many = x.repeat_interleave(5000, 0)
    with torch.no_grad():
        found = net.objective.per_example(net.model, net.guide, many)
        error = found.view(4, 5000).std(1).mean() / 20_000**0.5
        assert (found.mean() - exact_bound(net, x)).abs() < 5 * error


def test_the_gradient_is_that_of_the_sum_over_pairs_of_states(net, binary_images):
    """Each entry at 5 standard errors: false alarms below 2e-5 over all 38."""
    x = binary_images[:4]
    parameters = list(net.parameters())
    exact = torch.autograd.grad(exact_bound(net, x), parameters)
    groups = []
    for _ in range(50):
        many = x.repeat_interleave(500, 0)
        loss = net.objective.differentiable_loss(net.model, net.guide, many) / len(many)
        groups.append([-g for g in torch.autograd.grad(loss, parameters)])
    for parameter, expected in enumerate(exact):
        draws = torch.stack([group[parameter] for group in groups])
        error = draws.std(0) / len(groups) ** 0.5
        assert ((draws.mean(0) - expected).abs() < 5 * error + 1e-6).all()


def test_more_particles_come_closer_to_the_likelihood():
    program, x = Gaussian(), torch.randn(2000, 1, 1, 4)
    bounds = [
        ImportanceWeightedELBO(k).per_example(program.model, program.guide, x).mean()
        for k in (2, 8, 64)
    ]
    assert bounds[0] < bounds[1] < bounds[2] < program.log_likelihood(x).mean()


def test_at_the_exact_posterior_every_weight_is_the_likelihood():
    program, x = Gaussian(), torch.randn(10, 1, 1, 4)
    program.use_exact_posterior()
    weigh = ImportanceWeightedELBO(7)
    weights, scores = weigh.log_weights(program.model, program.guide, x)
    torch.testing.assert_close(weights, program.log_likelihood(x).expand(7, 10))
    assert not scores.any()


@pytest.mark.parametrize("kind", [ImportanceWeightedELBO, WakeSleepELBO])
def test_a_step_runs_model_and_guide_once(kind, binary_images):
    runs, elbo = [], kind(3)

    class Counted(BeliefNet):
        def guide(self, x):
            runs.append(len(x))
            return super().guide(x)

    net = Counted(elbo)
    for _ in range(4):
        elbo.differentiable_loss(net.model, net.guide, binary_images)
    assert len(runs) == 4 + 4  # at first, alone, together, and each of the two once more


def test_fit_raises_the_bound(binary_images):
    program = BeliefNet(objective=ImportanceWeightedELBO(5))
    history = ppgen.fit(
        program,
        binary_images,
        binary_images,
        epochs=200,
        optimizer=partial(torch.optim.Adam, lr=0.02),
        progress=False,
    )
    assert history.epochs[-1].validation > history.epochs[0].validation + 0.5


def test_one_particle_is_refused():
    with pytest.raises(ValueError, match="num_particles is 1"):
        ImportanceWeightedELBO(1)


def regression(x, y):
    """A line through the origin, whose slope is read as one number of a vector."""
    slope = pyro.sample("slope", dist.Normal(torch.zeros(1).double(), 1.0).to_event(1))
    with pyro.plate("rows", len(x)):
        pyro.sample("y", dist.Normal(slope[0] * x, 0.5), obs=y)


def exact_slope(x, y):
    precision = 1 + 4 * x @ x
    mean, scale = 4 * (x @ y) / precision, precision.rsqrt()
    pyro.sample("slope", dist.Normal(mean.view(1), scale.view(1)).to_event(1))


def test_a_program_that_takes_the_first_of_all_draws_has_one_draw_after_the_other():
    """The guide is the posterior, so every weight is the evidence, in closed form."""
    x = torch.linspace(-1, 1, 9).double()
    y = 1.3 * x + torch.linspace(0, 1, 9).sin()
    covariance = x.outer(x) + 0.25 * torch.eye(9).double()
    evidence = dist.MultivariateNormal(torch.zeros(9).double(), covariance).log_prob(y)
    program = ppgen.as_program((regression, exact_slope))
    assert ppgen.iwae(program, (x, y), 20).total == pytest.approx(evidence.item(), rel=1e-9)
