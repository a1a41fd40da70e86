"""Every network's probabilities sum to one, and its samples and completions follow them."""

import pytest
import torch
from networks import (
    FAILURE_RATE,
    ROUNDING,
    all_images,
    by_steps,
    every,
    every_input,
    make_or_skip,
    numbers,
    of_symbols,
    orderings,
    p_value,
    shapes,
)
from torch.nn import functional as F

from ppgen.autoregressive import AutoregressiveNetwork
from ppgen.distributions import Autoregressive


@every
@shapes
@orderings
def test_probabilities_of_all_images_sum_to_one(entry, shape, shuffled):
    p = Autoregressive(make_or_skip(entry, shape, shuffled))
    log_prob = p.log_prob(all_images(shape))
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=ROUNDING)


@every
def test_probabilities_sum_to_one_given_each_context(entry):
    network = make_or_skip(entry, context_size=3)
    log_prob = Autoregressive(network, torch.arange(3)).log_prob(all_images((1, 3, 3))[:, None])
    assert log_prob.shape == (512, 3)
    torch.testing.assert_close(log_prob.exp().sum(0), torch.ones(3).double())
    assert not torch.allclose(log_prob[:, 0], log_prob[:, 1])


@every
@pytest.mark.parametrize("shape", [(1,), (2, 3), (2, 1, 2, 2)], ids=str)
def test_images_of_other_dimensions(entry, shape):
    p = Autoregressive(make_or_skip(entry, shape))
    x = all_images(shape)
    assert p.log_prob(x).exp().sum().item() == pytest.approx(1, abs=ROUNDING)
    assert p.sample((4,)).shape == (4, *shape)
    assert (p.event_dim, p.support.event_dim) == (len(shape), len(shape))
    torch.testing.assert_close(by_steps(p.network, x), p.network(x), rtol=0, atol=ROUNDING)


@every
@every_input
@pytest.mark.parametrize("shape", [(1, 2, 2), (4,)], ids=["image", "sequence"])
def test_probabilities_of_symbols_sum_to_one(entry, inputs, shape):
    p = Autoregressive(of_symbols(entry, inputs, shape))
    total = p.log_prob(all_images(shape, levels=3)).exp().sum()
    assert total.item() == pytest.approx(1, abs=ROUNDING)


@every
def test_negative_log_prob_is_the_binary_cross_entropy(entry):
    network = make_or_skip(entry)
    x = torch.bernoulli(torch.full((6, 1, 3, 3), 0.5).double())
    for member in network.members:
        probabilities = member(x).squeeze(1).sigmoid()
        cross_entropy = F.binary_cross_entropy(probabilities, x, reduction="none").sum((1, 2, 3))
        torch.testing.assert_close(-Autoregressive(member).log_prob(x), cross_entropy)


# samples


@every
@orderings
def test_samples_follow_the_probabilities(entry, shuffled):
    """Chi-square test of 100,000 images of 3×3 pixels."""
    p = Autoregressive(make_or_skip(entry, shuffled=shuffled).float())
    probabilities = p.log_prob(all_images((1, 3, 3))).exp().detach()
    counts = numbers(p.sample((100_000,))).bincount(minlength=512)
    assert p_value(probabilities, counts) > FAILURE_RATE


@every
@every_input
@pytest.mark.parametrize("shape", [(1, 2, 2), (4,)], ids=["image", "sequence"])
def test_samples_of_symbols_follow_the_probabilities(entry, inputs, shape):
    p = Autoregressive(of_symbols(entry, inputs, shape))
    probabilities = p.log_prob(all_images(shape, levels=3)).exp().detach()
    counts = numbers(p.sample((20_000,)), levels=3).bincount(minlength=81)
    assert p_value(probabilities, counts) > FAILURE_RATE


@every
def test_samples_follow_each_context(entry):
    network = make_or_skip(entry, (1, 2, 2), context_size=2)
    p = Autoregressive(network, torch.eye(2).double())
    probabilities = p.log_prob(all_images((1, 2, 2))[:, None]).exp().detach()
    images = p.sample((20_000,))
    assert images.shape == (20_000, 2, 1, 2, 2)
    for row in range(2):
        counts = numbers(images[:, row]).bincount(minlength=16)
        assert p_value(probabilities[:, row], counts) > FAILURE_RATE


@every
@orderings
def test_completions_keep_what_is_given_and_follow_the_conditional(entry, shuffled):
    """Chi-square test against the 2^4 conditional probabilities by enumeration."""
    network = make_or_skip(entry, shuffled=shuffled)
    first = network.members[0]
    same = all(torch.equal(member.ordering, first.ordering) for member in network.members)
    if not same:
        pytest.skip("its members agree on no prefix")
    p = Autoregressive(network)
    observed = torch.zeros(9, dtype=torch.bool)
    observed[first.ordering[:5]] = True
    observed = observed.view(1, 3, 3)
    given = torch.bernoulli(torch.full((1, 3, 3), 0.5).double())

    images = all_images((1, 3, 3))
    log_probs = p.log_prob(images).detach()
    compatible = (images == given)[:, observed].all(1)
    conditional = (log_probs - log_probs[compatible].logsumexp(0)).exp() * compatible

    completed = p.complete(given.where(observed, torch.nan).expand(20_000, 1, 3, 3), observed)
    assert torch.equal(completed[:, observed], given[observed].expand(20_000, 5))
    counts = numbers(completed).bincount(minlength=512)
    assert p_value(conditional, counts) > FAILURE_RATE
    torch.testing.assert_close(
        p.prefix_log_prob(given, observed), log_probs[compatible].logsumexp(0)
    )


@every
@every_input
def test_completions_of_a_sequence_follow_the_conditional(entry, inputs):
    """Chi-square test against the 3^2 conditional probabilities by enumeration."""
    p = Autoregressive(of_symbols(entry, inputs, (4,)))
    if len({tuple(member.ordering.tolist()) for member in p.network.members}) > 1:
        pytest.skip("its members have no prefix in common")
    observed = torch.tensor([True, True, False, False])
    given = torch.tensor([2.0, 0.0, torch.nan, torch.nan]).double()
    every_end = torch.cat([given[:2].expand(9, 2), all_images((2,), levels=3)], 1)
    log_probs = p.log_prob(every_end).detach()
    completed = p.complete(given.expand(20_000, 4), observed)
    assert torch.equal(completed[:, :2], given[:2].expand(20_000, 2))
    counts = numbers(completed[:, 2:], levels=3).bincount(minlength=9)
    assert p_value(log_probs.softmax(0), counts) > FAILURE_RATE
    torch.testing.assert_close(p.prefix_log_prob(given, observed), log_probs.logsumexp(0))


@every
def test_the_same_seed_gives_the_same_images_as_one_pass_a_pixel(entry, monkeypatch):
    network = make_or_skip(entry)
    if type(network).steps is AutoregressiveNetwork.steps:
        pytest.skip("takes one pass a pixel")

    def draw():
        torch.manual_seed(1)
        return Autoregressive(network).sample((50,))

    fast = draw()
    monkeypatch.setattr(type(network), "steps", AutoregressiveNetwork.steps)
    assert torch.equal(draw(), fast)


@every
def test_no_image_and_one_image_can_be_drawn(entry):
    p = Autoregressive(make_or_skip(entry))
    assert p.sample((0,)).shape == (0, 1, 3, 3)
    assert p.sample().shape == (1, 3, 3)
