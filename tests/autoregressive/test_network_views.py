"""Both views of every network agree, and no conditional knows a later pixel."""

import copy

import pytest
import torch
from networks import (
    ROUNDING,
    by_steps,
    every,
    every_input,
    make_or_skip,
    of_symbols,
    orderings,
    shapes,
)

from ppgen.autoregressive import check_network


@every
@shapes
@orderings
def test_both_views_agree(entry, shape, shuffled):
    network = make_or_skip(entry, shape, shuffled)
    x = torch.bernoulli(torch.full((7, *shape), 0.5).double())
    for member in network.members:
        torch.testing.assert_close(by_steps(member, x), member(x), rtol=0, atol=ROUNDING)
        single = copy.deepcopy(member).float()
        raw = single(x.float())
        assert raw.dtype == torch.float32
        # Sums of at most a hundred terms, in another order.
        rounding = 100 * torch.finfo(torch.float32).eps * raw.abs().max().clamp(min=1).item()
        torch.testing.assert_close(by_steps(single, x.float()), raw, rtol=0, atol=rounding)


@every
def test_both_views_agree_given_a_context(entry):
    network = make_or_skip(entry, context_size=4)
    x = torch.bernoulli(torch.full((7, 1, 3, 3), 0.5).double())
    context = torch.randn(7, 4).double()
    for member in network.members:
        torch.testing.assert_close(
            by_steps(member, x, context), member(x, context), rtol=0, atol=ROUNDING
        )


@every
@every_input
@shapes
def test_both_views_agree_with_symbols(entry, inputs, shape):
    network = of_symbols(entry, inputs, shape)
    x = torch.randint(3, (7, *shape)).double()
    for member in network.members:
        raw = member(x)
        assert raw.shape == (7, 3, *shape)
        torch.testing.assert_close(by_steps(member, x), raw, rtol=0, atol=ROUNDING)


@every
@every_input
def test_both_views_agree_with_symbols_in_another_order_given_a_context(entry, inputs):
    network = of_symbols(entry, inputs, (7,), shuffled=entry.ordering, context_size=2)
    x, context = torch.randint(3, (7, 7)).double(), torch.randn(7, 2).double()
    for member in network.members:
        raw = member(x, context)
        torch.testing.assert_close(by_steps(member, x, context), raw, rtol=0, atol=ROUNDING)


# which pixels a conditional may know


@every
@shapes
@orderings
def test_no_conditional_changes_with_its_own_or_a_later_pixel(entry, shape, shuffled):
    network = make_or_skip(entry, shape, shuffled)
    x = torch.bernoulli(torch.full((5, *shape), 0.5).double())
    for member in network.members:
        before = member.in_order(member(x))
        for step, position in enumerate(member.ordering):
            flipped = x.flatten(1).clone()
            flipped[:, position] = 1 - flipped[:, position]
            after = member.in_order(member(flipped.view_as(x)))
            assert torch.equal(after[..., : step + 1], before[..., : step + 1])


@every
@every_input
@shapes
def test_no_conditional_changes_with_its_own_or_a_later_symbol(entry, inputs, shape):
    """Each symbol in turn is replaced by both others; those of the first pixel are told apart."""
    network = of_symbols(entry, inputs, shape)
    x = torch.randint(3, (5, *shape)).double()
    for member in network.members:
        before, read = member.in_order(member(x)), []
        for step, position in enumerate(member.ordering):
            for shift in (1, 2):
                changed = x.flatten(1).clone()
                changed[:, position] = (changed[:, position] + shift) % 3
                after = member.in_order(member(changed.view_as(x)))
                assert torch.equal(after[..., : step + 1], before[..., : step + 1])
                read.append((after != before).any())
        if entry.inputs:
            assert read[0]
            assert read[1]


@every
@shapes
@orderings
def test_jacobian_has_no_entry_from_a_pixel_to_itself_or_an_earlier_one(entry, shape, shuffled):
    if not entry.differentiable:
        pytest.skip("has no Jacobian")
    network = make_or_skip(entry, shape, shuffled)
    x = torch.rand(shape).double()
    for member in network.members:

        def outputs(x, member=member):
            return member.in_order(member(x[None])[0])

        jacobian = torch.autograd.functional.jacobian(outputs, x)
        by_pixel = member.in_order(jacobian)  # (output, pixel of the output, pixel of the input)
        assert torch.equal(by_pixel, by_pixel.tril(-1))


@every
@shapes
@orderings
def test_the_public_check_takes_it(entry, shape, shuffled):
    check_network(make_or_skip(entry, shape, shuffled).float())


@every
@every_input
def test_the_public_check_takes_it_given_a_context_and_symbols(entry, inputs):
    check_network(of_symbols(entry, inputs, context_size=4))
