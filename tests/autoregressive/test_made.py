"""MADE's masks, its members, and its units computed by degree."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

from ppgen.autoregressive import MADE, FullyVisible, masks
from ppgen.autoregressive.masked_linear import BLOCK, masked, sums_by_degree
from ppgen.distributions import Autoregressive
from ppgen.models import AutoregressiveModel
from ppgen.objectives import TensorELBO


def binary(*shape):
    return torch.bernoulli(torch.full(shape, 0.5))


def randomised(network):
    for parameter in network.parameters():
        parameter.data.normal_()
    return network.eval()


def test_it_is_a_perceptron_with_masked_weights():
    network = randomised(MADE((1, 2, 3), hidden=[7, 5], activation=nn.Tanh)).double()
    degrees = network.degrees[0].split([6, 7, 5])
    first, second, last = masks(network.ordering, degrees[1:])
    x = binary(4, 6).double()
    layers = network.layers
    hidden = torch.tanh(x @ (layers[0].weight * first).T + layers[0].bias)
    hidden = torch.tanh(hidden @ (layers[1].weight * second).T + layers[1].bias)
    raw = hidden @ (layers[2].weight * last).T + layers[2].bias
    raw = raw + x @ (network.direct * masks(network.ordering)[0]).T
    torch.testing.assert_close(network(x.view(4, 1, 2, 3)).flatten(1), raw)


def test_fully_visible_is_a_logistic_regression_of_each_pixel_on_those_before():
    network = randomised(FullyVisible((1, 2, 2), ordering=[2, 0, 3, 1])).double()
    x = binary(5, 1, 2, 2).double()
    weight, bias = network.layers[0].weight, network.layers[0].bias
    raw = network(x).flatten(1)
    for number, pixel in enumerate(network.ordering.tolist()):
        before = network.ordering[:number]
        expected = x.flatten(1)[:, before] @ weight[pixel, before] + bias[pixel]
        torch.testing.assert_close(raw[:, pixel], expected)


@pytest.mark.parametrize("options", [{}, {"context_size": 2}, {"hidden": ()}], ids=str)
@torch.no_grad()
def test_an_image_of_a_single_pixel(options):
    network = randomised(MADE((1, 1, 1), **options))
    context = torch.randn(3, 2) if options.get("context_size") else None
    x = binary(3, 1, 1, 1)
    (raw,) = network.steps(x.flatten(1), context)
    torch.testing.assert_close(raw.view(-1), network(x, context).view(-1))


# several masks


@pytest.fixture(params=[False, True], ids=["one ordering", "random orderings"])
def mixture(request):
    network = MADE((1, 2, 2), hidden=[10], masks=3, random_orderings=request.param, direct=False)
    return randomised(network)


def test_members_share_parameters_and_differ_in_masks(mixture):
    first, *others = mixture.members
    assert len(others) == 2
    for member in others:
        assert not torch.equal(member.degrees, first.degrees)
        for mine, theirs in zip(mixture.parameters(), member.parameters(), strict=True):
            assert mine is theirs
    assert [torch.equal(m.ordering, first.ordering) for m in others] == [
        torch.equal(m.degrees[0, :4], first.degrees[0, :4]) for m in others
    ]


def test_a_member_is_the_made_of_its_degrees(mixture):
    for number, member in enumerate(mixture.members):
        alone = MADE((1, 2, 2), hidden=[10], direct=False, ordering=member.ordering)
        alone.load_state_dict(mixture.state_dict() | {
            "ordering": member.ordering, "degrees": mixture.degrees[number, None]
        })  # fmt: skip
        x = binary(6, 1, 2, 2)
        assert torch.equal(member(x), alone(x))
        assert len(member.members) == 1


def scored(model, x):
    return poutine.trace(model.model).get_trace(x).nodes["x"]["fn"].log_prob(x)


def test_in_evaluation_it_is_the_equal_mixture_and_in_training_one_member(mixture):
    x = binary(6, 1, 2, 2)
    each = torch.stack([Autoregressive(member).log_prob(x) for member in mixture.members])
    model = AutoregressiveModel(mixture).eval()
    torch.testing.assert_close(scored(model, x).exp(), each.exp().mean(0))
    model.train()
    drawn = [scored(model, x) for _ in range(50)]
    which = {i for log_prob in drawn for i in range(3) if torch.allclose(log_prob, each[i])}
    assert which == {0, 1, 2}
    assert all(any(torch.allclose(d, e) for e in each) for d in drawn)


def test_a_loaded_state_brings_its_masks_along(mixture):
    other = MADE((1, 2, 2), hidden=[10], masks=3, random_orderings=True, direct=False, seed=5)
    x = binary(6, 1, 2, 2)
    other.eval().load_state_dict(mixture.state_dict())
    assert torch.equal(Autoregressive(other).log_prob(x), Autoregressive(mixture).log_prob(x))


def test_the_seed_decides_the_masks_and_leaves_the_global_generator_alone():
    def make(seed):
        return MADE((1, 3, 3), masks=2, random_orderings=True, seed=seed).degrees

    assert torch.equal(make(1), make(1))
    assert not torch.equal(make(1), make(2))


def test_the_first_member_has_the_ordering_that_was_given():
    ordering = torch.randperm(9)
    network = MADE((1, 3, 3), ordering=ordering, masks=3, random_orderings=True)
    assert torch.equal(network.members[0].ordering, ordering)
    assert not torch.equal(network.members[1].ordering, ordering)


def test_averaging_over_orderings_improves_on_the_mean_member(mixture):
    """Jensen's inequality: the mixture's mean log-probability is at least the members' mean."""
    x = binary(50, 1, 2, 2)
    each = torch.stack([Autoregressive(member).log_prob(x) for member in mixture.members])
    assert (Autoregressive(mixture).log_prob(x) >= each.mean(0)).all()


def test_the_log_likelihood_is_the_mixtures_in_training_too(mixture):
    model, x = AutoregressiveModel(mixture), binary(50, 1, 2, 2)
    expected = model.eval().log_likelihood(x)
    torch.testing.assert_close(expected, Autoregressive(mixture).log_prob(x))
    assert torch.equal(model.train().log_likelihood(x), expected)


@pytest.mark.parametrize("training", [False, True])
def test_as_a_latent_it_is_scored_as_it_is_drawn(mixture, training):
    """E[−log q] over 40,000 draws is the enumerated entropy: 5 standard errors, false 1e-6."""
    q = Autoregressive(mixture.train(training))
    log_probs = q.log_prob(q.enumerate_support())
    each = torch.stack([Autoregressive(m).log_prob(q.enumerate_support()) for m in mixture.members])
    torch.testing.assert_close(log_probs.exp(), each.exp().mean(0))
    entropy = -(log_probs.exp() * log_probs).sum()
    with torch.no_grad():
        drawn = -q.log_prob(q.sample((40_000,)))
    assert (drawn.mean() - entropy).abs() < 5 * drawn.std() / 200


def test_the_elbo_of_a_guide_with_several_members_is_a_bound_in_training(mixture):
    """The mean of 20,000 estimates is at most log p(x), by enumeration, and the exact ELBO."""
    weight = torch.randn(4)

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Bernoulli(0.5 * torch.ones(1, 2, 2)).to_event(3))
            logits = (z.flatten(-3) @ weight)[..., None, None, None]
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", Autoregressive(mixture.train()))

    x = torch.ones(20_000, 1, 1, 1)
    with torch.no_grad():
        found = TensorELBO().per_example(model, guide, x)
        q = Autoregressive(mixture)
        z = q.enumerate_support()
        log_joint = (z.flatten(1) @ weight).sigmoid().log() - 4 * torch.tensor(2.0).log()
        exact = (q.log_prob(z).exp() * (log_joint - q.log_prob(z))).sum()
    error = found.std() / len(x) ** 0.5
    assert (found.mean() - exact).abs() < 5 * error
    assert exact < log_joint.logsumexp(0)


def test_a_step_of_training_makes_one_member_and_each_as_often(mixture, monkeypatch):
    """Counts of 600 draws from three: 200 ± 12, so five standard deviations, false alarms 2e-6."""
    made, member = [], MADE._member
    monkeypatch.setattr(MADE, "_member", lambda self, d: made.append(d) or member(self, d))
    model, x = AutoregressiveModel(mixture).train(), binary(2, 1, 2, 2)
    for _ in range(600):
        scored(model, x)
    assert len(made) == 600
    for degrees in mixture.degrees:
        assert abs(sum(torch.equal(degrees, drawn) for drawn in made) - 200) < 60


# layers


def test_a_mask_is_repeated_over_the_outputs_of_a_pixel():
    weight, mask = torch.randn(6, 3), binary(2, 3).bool()
    assert torch.equal(masked(weight, mask), weight * mask.repeat(3, 1))


def test_sums_by_degree_are_the_masked_product():
    below, above = torch.randint(0, 3, (2, 2 * BLOCK + 5)).tolist()
    weight, bias = torch.randn(sum(above), sum(below)).double(), torch.randn(sum(above), 4).double()
    units = torch.randn(sum(below), 4).double()
    degrees = [
        torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
        for counts in (below, above)
    ]
    expected = (weight * (degrees[1][:, None] >= degrees[0])) @ units + bias

    known = torch.zeros_like(units)
    found = []
    sums = sums_by_degree(weight, bias.clone(), known, below, above)
    for degree in range(len(above)):
        known[degrees[0] == degree] = units[degrees[0] == degree]
        found.append(next(sums))
    torch.testing.assert_close(torch.cat(found), expected)


def test_each_hidden_unit_is_computed_once_in_sampling():
    computed = []

    class Counting(nn.ReLU):
        def forward(self, sums):
            computed.append(len(sums))
            return super().forward(sums)

    network = randomised(MADE((1, 3, 3), hidden=[20, 30], activation=Counting))
    with torch.no_grad():
        list(network.steps(torch.zeros(2, 9)))
    assert sum(computed) == 20 + 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"hidden": [10, 0]},
            r"hidden is \[10, 0\]; expected a sequence \(each a whole number, 1 or more\)",
        ),
        ({"masks": 0}, "masks is 0"),
        ({"random_orderings": True}, "masks is 1; expected 2 or more with random_orderings"),
    ],
    ids=str,
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MADE((1, 3, 3), **options)


def test_a_number_in_place_of_layers_is_refused():
    with pytest.raises(
        TypeError, match=r"hidden is 5; expected a sequence \(each a whole number, 1 or more\)"
    ):
        MADE((1, 3, 3), hidden=5)


@pytest.mark.parametrize("options", [{"hidden": [3, 3.0]}, {"masks": 2.0}], ids=str)
def test_parts_of_units_and_of_masks_are_refused(options):
    with pytest.raises(
        TypeError, match=r"(hidden is \[3, 3|masks is 2)\.0.*; expected .*a whole num"
    ):
        MADE((1, 3, 3), **options)
