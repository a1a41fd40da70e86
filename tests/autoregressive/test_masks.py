"""Masks against paths counted by matrix products."""

from functools import reduce

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppgen.autoregressive import masks
from ppgen.autoregressive.masked_linear import draw_degrees

BOOK_ORDERING = [1, 3, 0, 2]  # x2, x4, x1, x3


@st.composite
def perceptrons(draw):
    """An ordering, and degrees of up to three hidden layers, each with a unit of degree 1."""
    inputs = draw(st.integers(2, 8))
    layer = st.lists(st.integers(0, inputs - 1), max_size=10).map(lambda more: [1, *more])
    ordering = draw(st.permutations(range(inputs)))
    return ordering, draw(st.lists(layer, max_size=3))


def paths(layers):
    """Number of paths from each input to each output, ``(outputs, inputs)``."""
    return reduce(lambda below, above: above @ below, [mask.long() for mask in layers])


def test_the_masks_of_a_perceptron_by_hand():
    hidden, output = masks(BOOK_ORDERING, [[3, 1, 2]])
    assert hidden.tolist() == [[1, 1, 0, 1], [0, 1, 0, 0], [0, 1, 0, 1]]
    assert output.tolist() == [[0, 1, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]]


def test_without_hidden_layers_every_input_is_connected_to_all_later_outputs():
    (direct,) = masks(BOOK_ORDERING)
    in_order = direct[BOOK_ORDERING][:, BOOK_ORDERING]
    assert torch.equal(in_order, torch.ones(4, 4, dtype=torch.bool).tril(-1))


@given(perceptrons())
def test_paths_lead_from_earlier_inputs_alone_and_no_output_but_the_first_is_cut_off(perceptron):
    ordering, degrees = perceptron
    in_order = paths(masks(ordering, degrees))[ordering][:, ordering]
    assert torch.equal(in_order, in_order.tril(-1))
    assert (in_order[1:, 0] > 0).all()


@given(perceptrons())
def test_units_that_see_all_earlier_inputs_connect_every_allowed_pair(perceptron):
    ordering, degrees = perceptron
    inputs = len(ordering)
    in_order = paths(masks(ordering, [range(inputs)] * len(degrees)))[ordering][:, ordering]
    assert torch.equal(in_order > 0, torch.ones(inputs, inputs, dtype=torch.bool).tril(-1))


@given(st.integers(1, 50), st.integers(1, 50), st.booleans())
def test_drawn_degrees_make_masks(units, inputs, random):
    generator = torch.Generator().manual_seed(0) if random else None
    degrees = draw_degrees(units, inputs, generator)
    assert degrees.shape == (units,)
    hidden, output = masks(range(inputs), [degrees])
    assert hidden.shape == (units, inputs)
    assert output.shape == (inputs, units)


def test_degrees_at_equal_distances_use_all_when_there_are_as_many_units():
    assert draw_degrees(9, inputs=10).tolist() == list(range(1, 10))


@pytest.mark.parametrize(
    ("ordering", "degrees", "message"),
    [
        ([0, 1, 1], [], "ordering is"),
        ([1, 2, 3], [], "ordering is"),
        ([0, 1, 2], [[1, 3]], r"hidden_degrees\[0\] is \[1, 3\].*3 is out of range.*0 … 2"),
        ([0, 1, 2], [[1, 2], [1, -1]], r"hidden_degrees\[1\].*-1 is out of range"),
        ([0, 1, 2], [[1, 2], [2, 2]], r"hidden_degrees\[1\] is \[2, 2\], without a degree of 1"),
        ([0, 1, 2], [[]], "expected one integer for each unit|without a degree of 1"),
    ],
)
def test_bad_orderings_and_degrees_are_refused(ordering, degrees, message):
    with pytest.raises(ValueError, match=message):
        masks(ordering, degrees)


@pytest.mark.parametrize("degrees", [[[1.0, 2.0]], [[[1, 2]]]], ids=str)
def test_degrees_that_are_no_whole_numbers_are_refused(degrees):
    with pytest.raises(TypeError, match=r"hidden_degrees is .*; expected .* a whole number"):
        masks([0, 1, 2], degrees)
