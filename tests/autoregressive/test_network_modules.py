"""Every network trains, is traced and saved as a module of torch, in any type."""

from itertools import product

import pyro
import pytest
import torch
from networks import (
    INPUTS,
    NETWORKS,
    by_steps,
    every,
    every_input,
    make,
    make_or_skip,
    of_symbols,
    orderings,
)
from torch.fx.experimental.proxy_tensor import make_fx

from ppgen.distributions import Autoregressive


def in_training(entry, inputs, shape=(1, 3, 3)):
    """Make a network of symbols with a context, as far as it has these arguments."""
    if not entry.any_likelihood:
        return make(entry, shape).train()
    return of_symbols(entry, inputs, shape, context_size=2).train()


@every
@every_input
def test_gradients_reach_every_parameter(entry, inputs):
    network = in_training(entry, inputs)
    context = torch.randn(20, 2).double() if entry.context else None
    x = torch.randint(network.likelihood.symbols, (20, 1, 3, 3))
    parameters = list(network.named_parameters())
    if not parameters:
        pytest.skip("has no parameters")
    sum(-Autoregressive(network, context).log_prob(x).sum() for _ in range(20)).backward()
    for name, parameter in parameters:
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def encoded_and_traced():
    """Yield every network with an embedding, which has weights, and one with every encoding."""
    for name, inputs in product(NETWORKS, INPUTS):
        if inputs == "embedding" or name == "MADE":
            yield pytest.param(NETWORKS[name], INPUTS[inputs], id=f"{inputs}-{name}")


@pytest.mark.parametrize(("entry", "inputs"), [*encoded_and_traced()])
def test_a_step_of_training_is_traced_given_labels(entry, inputs):
    """The traced graph returns the same numbers, so nothing waits for the value of a tensor."""
    if not entry.differentiable:
        pytest.skip("is not trained")
    network = in_training(entry, inputs, (1, 2, 2))  # a pixel is a step of the LSTM in the graph
    batch = torch.randint(3, (6, 1, 2, 2)), torch.tensor([0, 1, 1, 0, 1, 0])

    def step(x, labels):
        loss = -Autoregressive(network, labels).log_prob(x).sum()
        return loss, *torch.autograd.grad(loss, list(network.parameters()))

    with pyro.validation_enabled(False):
        graph = make_fx(step)(*batch)
        for seed in range(3):
            torch.manual_seed(seed)
            expected = step(*batch)
            torch.manual_seed(seed)
            with torch.no_grad():
                torch.testing.assert_close(graph(*batch), expected)


@every
def test_a_context_of_another_floating_type_is_taken(entry):
    network = make_or_skip(entry, context_size=4)
    x = torch.bernoulli(torch.full((7, 1, 3, 3), 0.5).double())
    context = torch.randn(7, 4)
    expected = Autoregressive(network, context.double()).log_prob(x)
    assert torch.equal(Autoregressive(network, context).log_prob(x), expected)


@every
def test_a_context_is_computed_in_half_precision(entry):
    network = make_or_skip(entry, context_size=4).float()
    x, linear = torch.bernoulli(torch.full((7, 1, 3, 3), 0.5)), torch.nn.Linear(3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        context = linear(torch.ones(7, 3))
        assert context.dtype == torch.bfloat16
        log_prob = Autoregressive(network, context).log_prob(x)
    expected = Autoregressive(network, context).log_prob(x)
    # bfloat16 keeps eight bits, 0.4 % of each of the sums in a row of layers.
    torch.testing.assert_close(log_prob, expected, rtol=0.1, atol=0.1)


@every
def test_images_of_other_types_are_taken_in_that_of_the_network(entry):
    network = make_or_skip(entry)
    p, x = Autoregressive(network), torch.bernoulli(torch.full((7, 1, 3, 3), 0.5).double())
    nothing = torch.zeros((), dtype=torch.bool)
    for other in (x.float(), x.bfloat16(), x.to(torch.uint8), x.long(), x.bool()):
        assert torch.equal(p.log_prob(other), p.log_prob(x))
        assert torch.equal(p.prefix_log_prob(other, ~nothing), p.prefix_log_prob(x, ~nothing))
        assert torch.equal(p.complete(other, ~nothing), x)
    assert p.enumerate_support().dtype == p.sample().dtype == torch.float64


@every
@orderings
def test_a_state_dict_is_the_whole_state(entry, shuffled):
    network = make_or_skip(entry, shuffled=shuffled)
    other = make(entry, shuffled=shuffled)
    other.load_state_dict(network.state_dict())
    x = torch.bernoulli(torch.full((5, 1, 3, 3), 0.5).double())
    assert torch.equal(Autoregressive(other).log_prob(x), Autoregressive(network).log_prob(x))
    for member, same in zip(network.members, other.members, strict=True):
        assert torch.equal(by_steps(same, x), by_steps(member, x))


@every
def test_an_image_of_a_batch_is_as_by_itself(entry):
    network = make_or_skip(entry)
    x = torch.bernoulli(torch.full((5, 1, 3, 3), 0.5).double())
    torch.testing.assert_close(network(x)[3:4], network(x[3:4]))
