"""Masked convolutions: which pixels and colours they see, and their two other views."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from ppgen.autoregressive import MaskedConv2d
from ppgen.autoregressive.masked_conv import Columns, Rows, VerticalConv2d

light = settings(max_examples=30, deadline=None, database=None)
types = pytest.mark.parametrize("mask_type", ["A", "B"])


def moved(layer):
    """Return the layer in float64, with its masked weights moved away from zero."""
    layer = layer.double()
    for parameter in layer.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return layer


# what is seen


@types
@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_one_colour_is_a_convolution_with_the_mask_of_the_paper(mask_type, size):
    layer = moved(MaskedConv2d(3, 4, size, mask_type))
    whole = torch.zeros(4, 3, size, size).double()
    whole[:, :, : size // 2 + 1] = layer.weight.detach()
    whole[:, :, size // 2, size // 2 + (mask_type == "B") :] = 0
    whole[:, :, size // 2 + 1 :] = 0
    x = torch.randn(2, 3, 6, 7).double()
    expected = F.conv2d(x, whole, layer.bias, padding=size // 2)
    torch.testing.assert_close(layer(x), expected)


@types
def test_colours_at_the_centre_are_seen_in_their_order(mask_type):
    layer = moved(MaskedConv2d(6, 9, 3, mask_type, colours=3))
    jacobian = torch.autograd.functional.jacobian(
        lambda x: layer(x)[0, :, 1, 1], torch.zeros(1, 6, 3, 3).double()
    )
    centre = jacobian.squeeze(1)[:, :, 1, 1].view(3, 3, 3, 2).abs().amin((1, 3))
    seen = torch.ones(3, 3).tril(-1 if mask_type == "A" else 0).bool()
    assert torch.equal(centre > 0, seen)
    assert (jacobian[:, 0, :, 0] != 0).all()
    assert (jacobian[:, 0, :, 1, 0] != 0).all()
    assert not jacobian[:, 0, :, 1, 2].any()
    assert not jacobian[:, 0, :, 2].any()


@types
def test_the_vertical_convolution_sees_whole_rows(mask_type):
    layer = moved(VerticalConv2d(2, 3, 5, mask_type))
    jacobian = torch.autograd.functional.jacobian(
        lambda x: layer(x)[0, :, 2, 2], torch.zeros(1, 2, 5, 5).double()
    )
    rows = jacobian.squeeze(1).abs().amin((0, 1, 3)) > 0
    assert rows.tolist() == [True, True, mask_type == "B", False, False]


def test_masked_weights_are_zero_and_stay_so():
    layer = MaskedConv2d(2, 4, 3, "A", colours=2)
    hidden = layer.mask == 0
    assert hidden.sum() == 4 * 2 + 4 * 2 - 2  # right of the centre; at it, but for green from red
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.randn(5, 2, 6, 6)).square().sum().backward()
        assert not layer.weight.grad[hidden].any()
        assert layer.weight.grad[~hidden].all()
        optimizer.step()
    assert not layer.weight[hidden].any()


def test_the_context_adds_its_product_with_a_matrix_at_every_pixel():
    layer = moved(MaskedConv2d(1, 4, 3, "B", context_size=5))
    x, y = torch.randn(2, 1, 6, 7).double(), torch.randn(2, 5).double()
    difference = layer(x, y) - layer(x, torch.zeros_like(y))
    expected = (y @ layer.from_context.weight.T)[..., None, None].expand(2, 4, 6, 7)
    torch.testing.assert_close(difference, expected)


def test_features_lie_channels_last():
    network = nn.Sequential(MaskedConv2d(1, 4, 7, "A"), nn.ReLU(), MaskedConv2d(4, 6, 3, "B"))
    features = network(torch.randn(2, 1, 6, 7))
    assert features.is_contiguous(memory_format=torch.channels_last)


# one pixel or one row after the other


@st.composite
def layers(draw):
    """A layer of type B and inputs for it."""
    colours = draw(st.integers(1, 3))
    size = st.sampled_from([1, 3, 5, 7])
    layer = MaskedConv2d(
        colours * draw(st.integers(1, 2)),
        colours * draw(st.integers(1, 3)),
        (draw(size), draw(size)),
        draw(st.sampled_from("AB")),
        colours,
        context_size=draw(st.integers(0, 2)),
    )
    return layer, draw(st.integers(1, 9)), draw(st.integers(1, 7))


@light
@given(layers(), st.integers(0, 3))
def test_columns_are_the_whole_images(drawn, batch):
    layer, height, width = drawn
    layer, colours = moved(layer), drawn[0].colours
    x = torch.randn(batch, layer.in_channels, height, width).double()
    context = (
        torch.randn(batch, layer.from_context.in_features).double() if layer.from_context else None
    )
    columns = Columns((colours, height, width), batch, context)
    outputs = torch.zeros(batch, layer.out_channels, height, width).double()
    with torch.no_grad():
        for row, column, colour in product(range(height), range(width), range(colours)):
            columns.move_to(row, column, colour)
            here = x[:, :, row, column].chunk(colours, 1)[colour]
            if layer.mask_type == "A":
                output = columns.before(layer)
                columns.put(layer, here)
            else:
                output = columns(layer, here)
            outputs[:, :, row, column].chunk(colours, 1)[colour].copy_(output)
        torch.testing.assert_close(outputs, layer(x, context))


@types
@pytest.mark.parametrize("size", [1, 3, 7])
def test_rows_are_the_whole_images(mask_type, size):
    layer = moved(VerticalConv2d(2, 3, size, mask_type, context_size=2))
    x, context = torch.randn(4, 2, 6, 5).double(), torch.randn(4, 2).double()
    rows = Rows(4, 5, context)
    outputs = []
    for row in x.split(1, 2):
        if mask_type == "A":
            outputs.append(rows.before(layer))
            rows.put(layer, row)
        else:
            outputs.append(rows(layer, row))
    torch.testing.assert_close(torch.cat(outputs, 2), layer(x, context))


# bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 4, 4, "B"), "kernel_size is 4; expected odd"),
        ((1, 4, (1, 2), "B"), r"kernel_size is \(1, 2\); expected odd"),
        ((1, 4, -1, "B"), "kernel_size is -1; expected odd numbers, 1 or more"),
        ((1, 4, (1, -3), "B"), r"kernel_size is \(1, -3\); expected odd numbers, 1 or more"),
        ((1, 4, 3, "B", 0), "colours is 0; expected a whole number, 1 or more"),
        ((1, 4, 3, "C"), "mask_type is 'C'; expected 'A' or 'B'"),
        ((3, 4, 3, "A", 3), "in_channels is 3 and out_channels 4; expected multiples of colours"),
    ],
    ids=["even", "even pair", "negative", "negative pair", "no colour", "type", "colours"],
)
def test_what_makes_no_layer_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MaskedConv2d(*arguments)
