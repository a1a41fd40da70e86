"""The belief net against sums over all states: likelihood, posterior, and gradients of bounds."""

from functools import partial
from math import log

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import prepared, weights_of
from pyro import poutine
from pyro.infer import ReweightedWakeSleep, TraceGraph_ELBO
from scipy.stats import t as student
from torch.autograd import grad
from torch.distributions.transforms import ReshapeTransform
from torch.optim import Adam

import ppgen
from ppgen.autoregressive import MADE, FullyVisible
from ppgen.data.batch import Batch
from ppgen.distributions import TabulatedDensity, all_images
from ppgen.distributions.states import image_number, states
from ppgen.models import ExactSigmoidBeliefNet, SigmoidBeliefNet
from ppgen.models.posteriors import AutoregressiveBernoulli
from ppgen.objectives import ImportanceWeightedELBO, TensorELBO, WakeSleepELBO
from ppgen.objectives.elbo import sample_sites
from ppgen.program import as_program
from ppgen.training.gradients import plain_gradients

FAILURE_RATE = 1e-4
SHAPE = (1, 3, 3)
STATES = 16


def autoregressive(latent):
    return AutoregressiveBernoulli(FullyVisible((1, 1, latent), context_size=3))


# name -> layers, with four latents in total
NETS = {
    "factorised": lambda: [4],
    "autoregressive": lambda: [autoregressive(4)],
    "two layers": lambda: [2, 2],
    "two autoregressive layers": lambda: [autoregressive(2), autoregressive(2)],
}
nets = pytest.mark.parametrize("layers", NETS.values(), ids=NETS)


def make(layers):
    """Make a net of float64 with parameters of order one, so that no gradient is nearly 0."""
    net = SigmoidBeliefNet(SHAPE, layers, hidden=(3,)).double()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            scale = 0.1 if name.startswith("baselines") else 0.7
            parameter.add_(scale * torch.randn_like(parameter))
    return net


@pytest.fixture
def x(binary_images):
    return binary_images.double()


def terms(net, x):
    """Return log p(x, z) and log q(z | x) of all states, ``(16, batch)``, from traces."""
    every = states(range(STATES), 4).to(x).repeat_interleave(len(x), 0)
    latents = dict(zip(net.sites, every.split(net.latents, -1), strict=True))
    rows = x.repeat(STATES, 1, 1, 1)
    sums = []
    for program in (net.model, net.guide):
        trace = poutine.trace(poutine.condition(program, data=latents)).get_trace(rows)
        trace.compute_log_prob()
        sites = [site for site in trace.nodes.values() if site["type"] == "sample"]
        sums.append(sum(site["log_prob"] for site in sites).view(STATES, len(x)))
    return sums


# what is exact


@nets
def test_the_likelihood_is_the_sum_over_the_programs_states(layers, x):
    net = make(layers())
    torch.testing.assert_close(net.log_likelihood(x), terms(net, x)[0].logsumexp(0))
    torch.testing.assert_close(net.log_likelihood(x, memory=1e-4), net.log_likelihood(x))


@nets
def test_what_the_guide_draws_has_probabilities_that_sum_to_one(layers, x):
    total = terms(make(layers()), x)[1].logsumexp(0)
    torch.testing.assert_close(total, torch.zeros_like(total))


@nets
def test_the_mean_weight_of_draws_is_the_likelihood(layers, x):
    """At 5 standard errors for each of 40 images: a false alarm below 3e-5."""
    net, draws = make(layers()), 5_000
    with torch.no_grad():
        weights = weights_of(net, x, draws)
        ratios = (weights - net.log_likelihood(x)).exp()
    assert ((ratios.mean(0) - 1).abs() < 5 * ratios.std(0) / draws**0.5).all()


def test_the_exact_posterior_reaches_the_likelihood_with_every_draw(x):
    net = make([4])
    of_all_images = terms(net, all_images(SHAPE, x.dtype))[0].T.detach()
    to_vector = ReshapeTransform((1, 1, 4), (4,))

    def guide(x):
        log_joint = of_all_images[image_number(x)]  # the unnormalised posterior
        posterior = TabulatedDensity((1, 1, 4), log_joint)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.TransformedDistribution(posterior, [to_vector]))

    expected = net.log_likelihood(x).detach()
    for elbo in (TensorELBO(), ImportanceWeightedELBO(3)):
        program = as_program((net.model, guide), objective=elbo)
        torch.testing.assert_close(ppgen.elbo(program, x, particles=3).per_example, expected)


def test_the_exact_program_has_the_likelihood_as_its_bound_and_as_every_estimate(x):
    net = make([3, 2])
    exact = ExactSigmoidBeliefNet(net)
    expected = net.log_likelihood(x).detach()
    torch.testing.assert_close(ppgen.elbo(exact, x).per_example, expected)
    torch.testing.assert_close(ppgen.iwae(exact, x, particles=3).per_example, expected)
    assert ppgen.sample(exact, 7).shape == (7, *SHAPE)


def test_the_exact_programs_gradient_is_that_of_the_sum_over_states(x):
    net = make([2, 2])
    parameters = [net.prior_logits, *net.conditionals.parameters()]
    found = grad(prepared(ExactSigmoidBeliefNet(net), x)(Batch.of(x)), parameters)
    expected = grad(-terms(net, x)[0].logsumexp(0).mean(), parameters)
    torch.testing.assert_close(found, expected)


def test_means_of_the_latents_follow_from_the_gradient_in_the_prior(x):
    """The gradient of log p(x) in b is E[z | x] − sigmoid(b)."""
    net = make([4])
    (found,) = grad(net.log_likelihood(x[:1]).sum(), [net.prior_logits])
    posterior = terms(net, x[:1])[0].softmax(0)[:, 0]
    expected = posterior @ states(range(STATES), 4).to(x) - net.prior_logits.sigmoid()
    torch.testing.assert_close(found, expected)


# estimators of gradients


def elbo(net, x):
    log_p, log_q = terms(net, x)
    return -(log_q.exp() * (log_p - log_q)).sum(0).mean()


def pairs(log_p, log_q):
    """Return for all pairs of states the bound, log q of the two and the pair's probability."""
    weights = log_p - log_q
    bound = torch.logaddexp(weights[:, None], weights) - torch.tensor(2.0).log()
    share = (weights[:, None] - weights).sigmoid()  # share of the first state's weight
    return bound, share * log_q[:, None] + (1 - share) * log_q, (log_q[:, None] + log_q).exp()


def bound_of_two(net, x):
    bound, _, probability = pairs(*terms(net, x))
    return -(probability * bound).sum((0, 1)).mean()


def wake(net, x, insomnia=1.0):
    """Return the sum over pairs whose gradient in model and guide wake–sleep estimates."""
    log_p, log_q = terms(net, x)
    bound, _, probability = pairs(log_p, log_q.detach())
    weights = (log_p - log_q).detach()
    share = (weights[:, None] - weights).sigmoid()
    log_q_of_pairs = share * log_q[:, None] + (1 - share) * log_q
    both = bound + insomnia * log_q_of_pairs
    return -(probability * both).sum((0, 1)).mean()


def wake_and_sleep(net, x, insomnia=0.3):
    log_p, log_q = terms(net, all_images(SHAPE, x.dtype))
    dreams = (log_p.exp().detach() * log_q).sum()
    return wake(net, x, insomnia) - (1 - insomnia) * dreams


pyros = ReweightedWakeSleep(
    num_particles=2, vectorize_particles=True, insomnia=1.0, max_plate_nesting=1
)
# name -> estimator, exact value, images in a batch, number of batches
ESTIMATORS = {
    "TensorELBO": (TensorELBO(), elbo, 3000, 20),
    "TraceGraph_ELBO with baselines": (TraceGraph_ELBO(), elbo, 3000, 20),
    "VIMCO": (ImportanceWeightedELBO(2), bound_of_two, 3000, 20),
    "WakeSleepELBO": (WakeSleepELBO(2), wake, 3000, 20),
    "WakeSleepELBO with dreams": (WakeSleepELBO(2, insomnia=0.3), wake_and_sleep, 3000, 20),
    # Its weights are of whole batches, so a batch has one image.
    "ReweightedWakeSleep": (pyros, wake, 1, 200),
}
estimators = pytest.mark.parametrize(
    ("estimator", "exact", "images", "groups"), ESTIMATORS.values(), ids=ESTIMATORS
)


def draw_gradients(net, estimator, x, groups):
    """Return gradients of a batch as ``ppgen.fit`` computes them, ``(groups, entries)``."""
    gradients = plain_gradients(prepared(net, x, objective=estimator))
    drawn = []
    for _ in range(groups):
        gradients(Batch.of(x))
        drawn.append(torch.cat([p.grad.flatten() for p in trained(net)]))
    return torch.stack(drawn)


def trained(net):
    return [p for name, p in net.named_parameters() if not name.startswith("baselines")]


def assert_means(drawn, expected):
    """Test each mean by Student's t; the false alarm rate of all entries is FAILURE_RATE."""
    error = drawn.std(0) / len(drawn) ** 0.5
    assert error.norm() < 0.2 * expected.norm()  # else the test has no power
    limit = student.ppf(1 - FAILURE_RATE / (2 * len(expected)), len(drawn) - 1)
    assert ((drawn.mean(0) - expected).abs() <= limit * error + 1e-12).all()


@nets
@estimators
def test_estimates_of_the_gradient_are_unbiased(layers, estimator, exact, images, groups, x):
    net = make(layers())
    x = x[: min(images, 2)]
    expected = torch.cat([g.flatten() for g in grad(exact(net, x), trained(net))])
    drawn = draw_gradients(net, estimator, x.repeat_interleave(images // len(x), 0), groups)
    assert_means(drawn, expected)


def test_baselines_learn_to_predict_the_bound(x):
    """Their gradient is that of the mean squared error, summed over states."""
    net, x = make([4]), x[:2]
    parameters = list(net.baselines.parameters())
    log_p, log_q = (term.detach() for term in terms(net, x))
    errors = log_p - log_q - net.baselines[0](x.flatten(1))
    exact = (log_q.exp() * errors**2).sum(0).mean()
    expected = torch.cat([g.flatten() for g in grad(exact, parameters)])
    gradients, drawn = plain_gradients(prepared(net, x, objective=TraceGraph_ELBO())), []
    for _ in range(20):
        gradients(Batch.of(x.repeat_interleave(3000, 0)))
        drawn.append(torch.cat([p.grad.flatten() for p in parameters]))
    assert_means(torch.stack(drawn), expected)


def test_baselines_lower_the_variance(x):
    net = make([4])
    batch = x[:2].repeat_interleave(100, 0)
    (baseline,) = net.baselines
    of_guide = slice(-sum(p.numel() for p in net.encoders.parameters()), None)

    output = baseline.network[-1]
    variances = []
    for constant in (0.0, -elbo(net, x[:2]).item()):
        output.weight.data.zero_()
        output.bias.data.fill_(constant / baseline.inputs + log(2))
        torch.testing.assert_close(
            baseline(x[:1].flatten(1)).item(), constant, rtol=1e-6, atol=1e-9
        )
        variances.append(
            draw_gradients(net, TraceGraph_ELBO(), batch, 50)[:, of_guide].var(0).sum()
        )
    assert variances[0] > 3 * variances[1]


@estimators
def test_fit_raises_the_likelihood(estimator, exact, images, groups, x):
    net = SigmoidBeliefNet(SHAPE, [autoregressive(2), 2], hidden=(3,)).double()
    before = net.log_likelihood(x).mean().item()
    options = {"epochs": 10, "batch_size": 8, "optimizer": partial(Adam, lr=0.02)}
    ppgen.fit(net, x, x, objective=estimator, progress=False, **options)
    after = net.log_likelihood(x).mean().item()
    assert after > before + 0.05
    assert -elbo(net, x) < after


def test_the_exact_program_gives_the_nets_likelihood(x, monkeypatch):
    net, memory = make([4]), []
    program = ExactSigmoidBeliefNet(net, memory=0.5)
    distribution = net.distribution
    monkeypatch.setattr(net, "distribution", lambda m: memory.append(m) or distribution(m))
    torch.testing.assert_close(program.log_likelihood(x), net.log_likelihood(x))
    assert memory == [0.5, 256.0]


@nets
def test_logits_are_no_less_than_float32_in_half_precision(layers, x):
    net = SigmoidBeliefNet(SHAPE, layers(), hidden=(3,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for program in (net.model, net.guide):
            for site in sample_sites(poutine.trace(program).get_trace(x.float())).values():
                fn = getattr(site["fn"], "base_dist", site["fn"])
                assert site["fn"].log_prob(site["value"]).dtype == torch.float32
                assert getattr(fn, "logits", torch.zeros(0)).dtype == torch.float32


def test_the_support_of_the_autoregressive_posterior_are_binary_vectors():
    q = autoregressive(4)(torch.zeros(5, 3))
    for p in (q, q.expand((2, 5))):
        assert p.support.event_dim == 1
        assert p.support.is_discrete
        assert p.support.check(p.sample()).all()
        assert not p.support.check(p.sample() + 0.5).any()
    with pytest.raises(ValueError, match="support"):
        q.log_prob(torch.full((5, 4), 0.5))


# invalid arguments


def test_too_many_latents_are_refused_with_the_number_of_states(x):
    net = SigmoidBeliefNet(SHAPE, [21])
    for exact in (net.distribution, partial(net.log_likelihood, x.float())):
        with pytest.raises(ValueError, match=r"2\^21.*ppgen\.iwae"):
            exact()
    with pytest.raises(ValueError, match=r"2\^21"):
        ExactSigmoidBeliefNet(net)


def test_images_that_are_not_binary_are_refused(x):
    net = make([4])
    grey = torch.where(x == 1, 0.25, x)
    with pytest.raises(ValueError, match=r"0\.25; expected 0 and 1: binarise"):
        net.log_likelihood(grey)
    for program in (net, ExactSigmoidBeliefNet(net)):
        with pytest.raises(ValueError, match="outside the support"):
            ppgen.fit(program, grey, epochs=1, progress=False)


def test_images_of_another_shape_are_refused():
    net = SigmoidBeliefNet(SHAPE, [4])
    for run in (net.log_likelihood, net.guide):
        with pytest.raises(ValueError, match=r"x has the shape \(5, 1, 4, 4\)"):
            run(torch.zeros(5, 1, 4, 4))


@pytest.mark.parametrize(
    ("shape", "latents", "message"),
    [
        ((3, 3), [4], "image_shape is"),
        (SHAPE, [], r"latents is \[\]"),
        (SHAPE, [4, 0], r"latents is \[4, 0\]"),
    ],
)
def test_sizes_that_cannot_be_meant_are_refused(shape, latents, message):
    with pytest.raises(ValueError, match=message):
        SigmoidBeliefNet(shape, latents)


def test_networks_without_context_are_no_posteriors():
    with pytest.raises(
        ValueError, match=r"network is MADE.*; expected a network with a context_size of 1 or more"
    ):
        AutoregressiveBernoulli(MADE((1, 1, 4), hidden=(8,)))


def test_a_network_of_several_members_is_a_posterior_in_training_too():
    """E[−log q] over 20,000 draws is the entropy by enumeration: 5 standard errors, false 1e-6."""
    network = MADE((1, 1, 3), hidden=(8,), context_size=2, masks=3, random_orderings=True)
    for parameter in network.parameters():
        parameter.data.normal_()
    q = AutoregressiveBernoulli(network).train()(torch.tensor([0.3, -1.0]))
    states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    log_probs = q.log_prob(states).detach()
    assert log_probs.exp().sum().item() == pytest.approx(1, abs=1e-5)
    drawn = -q.log_prob(q.sample((20_000,))).detach()
    entropy = -(log_probs.exp() * log_probs).sum()
    assert (drawn.mean() - entropy).abs() < 5 * drawn.std() / 20_000**0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_particles": 1}, "num_particles is 1"), ({"insomnia": 1.5}, "insomnia is 1.5")],
)
def test_settings_of_wake_sleep_that_cannot_be_meant_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        WakeSleepELBO(**options)
