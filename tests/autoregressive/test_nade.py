"""NADE's function with its gradient written by hand."""

import pytest
import torch

from ppgen.autoregressive import NADE
from ppgen.autoregressive.nade import BLOCK, NADEFunction


def loop(x, start, weight, output):
    """The definition, one pixel after the other."""
    raw, total = [], start
    for pixel, row, to_outputs in zip(x, weight, output, strict=True):
        raw.append(total.sigmoid() @ to_outputs.mT)
        total = total + pixel @ row
    return torch.stack(raw)


def arguments(pixels, outputs=1, features=1, batch=3, hidden=4):
    shapes = [
        (pixels, batch, features),
        (batch, hidden),
        (pixels, features, hidden),
        (pixels, outputs, hidden),
    ]
    return [torch.randn(shape).double().requires_grad_() for shape in shapes]


@pytest.mark.parametrize("features", [1, 2])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("pixels", [1, 2, BLOCK, 2 * BLOCK, 2 * BLOCK + 3])
def test_outputs_and_gradients_are_those_of_the_loop(pixels, outputs, features):
    inputs = arguments(pixels, outputs, features)
    raw, expected = NADEFunction.apply(*inputs), loop(*inputs)
    torch.testing.assert_close(raw, expected)
    weights = torch.randn_like(raw)
    # A single pixel does not reach its own outputs: the loop has no gradients there.
    torch.testing.assert_close(
        torch.autograd.grad(raw, inputs, weights),
        torch.autograd.grad(expected, inputs, weights, materialize_grads=True),
    )


@pytest.mark.parametrize("features", [1, 2])
def test_gradients_against_finite_differences(features):
    inputs = arguments(BLOCK + 2, outputs=2, features=features, batch=2)
    assert torch.autograd.gradcheck(NADEFunction.apply, inputs)


def test_pixels_that_need_no_gradient_get_none():
    inputs = arguments(5)
    inputs[0].requires_grad_(False)
    NADEFunction.apply(*inputs).sum().backward()
    assert inputs[0].grad is None
    assert all(tensor.grad is not None for tensor in inputs[1:])


def test_a_gradient_of_the_gradient_is_refused():
    inputs = arguments(5)
    (gradient,) = torch.autograd.grad(
        NADEFunction.apply(*inputs).square().sum(), inputs[1], create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_the_backward_pass_keeps_each_hidden_unit_once():
    pixels, batch, hidden = 4 * BLOCK, 10, 50
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        NADEFunction.apply(*arguments(pixels, batch=batch, hidden=hidden))
    of_images = [tensor for tensor in kept if tensor.shape[1:] == (batch, hidden)]
    assert sum(tensor.numel() for tensor in of_images) == pixels * batch * hidden
    assert all(t.numel() <= pixels * hidden for t in kept if t.shape[1:] != (batch, hidden))


def test_under_autocast_it_computes_in_the_type_of_its_parameters():
    network = NADE((1, 3, 3), hidden=4, context_size=2)
    x, context = torch.rand(5, 1, 3, 3).round(), torch.randn(5, 2)
    network.context_weight.data.normal_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        raw = network(x, context)
    assert torch.equal(raw, network(x, context))
    raw.sum().backward()


def test_no_hidden_unit_is_refused():
    with pytest.raises(ValueError, match="hidden is 0"):
        NADE((1, 3, 3), hidden=0)


def test_layers_in_place_of_a_number_are_refused():
    with pytest.raises(TypeError, match=r"hidden is \[5\]; expected a whole number"):
        NADE((1, 3, 3), hidden=[5])
