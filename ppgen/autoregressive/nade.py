"""The neural autoregressive distribution estimator, with its gradient written by hand."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ppgen.arguments import Count, Size, checked
from ppgen.autoregressive.inputs import AnyInputs
from ppgen.autoregressive.network import AutoregressiveNetwork, uniform
from ppgen.autoregressive.ordering import Ordering, Shape
from ppgen.likelihoods import AnyLikelihood

BLOCK = 16
"""Pixels of a block."""


@checked
class NADE(AutoregressiveNetwork):
    """Hidden sigmoid units for each pixel, with weights that all pixels share.

    h_t = σ(c + Σ_{s<t} x_s W_s + U y) and raw_t = V_t h_t + b_t + S_t y, for pixel t of the
    ordering and the context y (Larochelle and Murray 2011, The neural autoregressive distribution
    estimator, section 3; the context is an addition). The sum changes by one term from one pixel to
    the next, so likelihood and sampling cost O(pixels × hidden) operations for each image.
    Training stores the hidden units, and nothing else of their size. Second derivatives are not
    implemented.

    Parameters
    ----------
    shape, likelihood, context_size, ordering, inputs
        As for :class:`AutoregressiveNetwork`.
    hidden
        Number of hidden units of each pixel.

    Examples
    --------
    >>> network = NADE((1, 8, 8), hidden=20)
    >>> network(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 1, 1, 8, 8])
    """

    def __init__(
        self,
        shape: Shape,
        likelihood: AnyLikelihood = None,
        context_size: Count = 0,
        *,
        ordering: Ordering | None = None,
        inputs: AnyInputs = None,
        hidden: Size = 500,
    ) -> None:
        super().__init__(shape, likelihood, context_size, ordering=ordering, inputs=inputs)
        pixels, outputs = self.pixels, self.likelihood.outputs
        # Rows in drawing order.
        self.weight = uniform(pixels, self.inputs.features, hidden, fan_in=pixels)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.output_weight = uniform(pixels, outputs, hidden, fan_in=hidden)
        self.output_bias = nn.Parameter(torch.zeros(pixels, outputs))
        self.context_weight = uniform(context_size, hidden, fan_in=context_size)
        self.output_context_weight = uniform(context_size, pixels, outputs, fan_in=context_size)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the raw outputs of all pixels, ``(batch, outputs, *shape)``."""
        with _one_floating_type(x.device):
            start, bias = self._biases(len(x), context)
            read = self.features(self.in_order(x)).transpose(0, 1).contiguous()
            raw = NADEFunction.apply(read, start, self.weight, self.output_weight)
            return self.to_image(raw.permute(1, 2, 0) + bias.mT)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the outputs of one pixel after the other, adding one term to the sum at a time."""
        start, biases = self._biases(len(x), context)
        sums, units = start.clone(), torch.empty_like(start)
        rows = (self.weight, self.output_weight.mT, biases.unbind(-2), x.mT)
        for weight, output, bias, pixel in zip(*rows, strict=True):
            torch.sigmoid(sums, out=units)
            yield torch.addmm(bias, units, output)
            _add_product(sums, self.features(pixel), weight, out=sums)  # a view of x, drawn by now

    def _biases(self, n: int, context: Tensor | None) -> tuple[Tensor, Tensor]:
        # Of hidden units (n, hidden) and outputs (n or 1, pixels, outputs), context included.
        start, bias = self.bias.expand(n, -1), self.output_bias[None]
        if context is not None:
            start = start + context @ self.context_weight
            bias = bias + torch.tensordot(context, self.output_context_weight, 1)
        return start, bias


class NADEFunction(torch.autograd.Function):
    """Raw outputs V_t σ(start + x_1 W_1 + … + x_{t−1} W_{t−1}) of all pixels t, without biases.

    Takes x, the encoded pixels in drawing order ``(pixels, batch, features)``, start
    ``(batch, hidden)``, W ``(pixels, features, hidden)`` and V ``(pixels, outputs, hidden)``;
    returns ``(pixels, batch, outputs)`` (Larochelle and Murray 2011, algorithm 1).

    Pixels are computed in blocks. The sums of a block are written to one workspace, one term after
    the other, and everything else is done for the whole block at once. The forward pass stores the
    hidden units. The backward pass goes from the last block to the first and accumulates the
    gradients of the sums: that of x_t W_t is the total over the pixels after t.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, start: Tensor, weight: Tensor, output: Tensor) -> Tensor:
        """Compute the blocks in drawing order."""
        raw = start.new_empty(*x.shape[:2], output.shape[1])
        workspace = start.new_empty(BLOCK + 1, *start.shape)
        workspace[0] = start
        stored = []
        for block in _blocks(len(x)):
            sums = workspace[: len(x[block]) + 1].unbind()
            for (before, after), pixel, row in zip(
                pairwise(sums), x[block], weight[block], strict=True
            ):
                _add_product(before, pixel, row, out=after)
            units = workspace[: len(x[block])].sigmoid()
            torch.bmm(units, output[block].mT, out=raw[block])
            stored.append(units)
            workspace[0] = sums[-1]
        ctx.save_for_backward(x, weight, output, *stored)
        return raw

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
        """Compute the gradients, from the last block to the first."""
        x, weight, output, *stored = ctx.saved_tensors
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grad_weight, grad_output = torch.empty_like(weight), torch.empty_like(output)
        gradients = stored[0].new_empty(BLOCK + 1, *stored[0].shape[1:])
        later = torch.zeros_like(gradients[0])  # gradient of the sum after the block
        for block, units in reversed(list(zip(_blocks(len(x)), stored, strict=True))):
            torch.bmm(grad[block].mT, units, out=grad_output[block])
            totals = gradients[: len(units) + 1]
            totals[-1] = later
            # For a single output it is an outer product, which broadcasting makes twice as fast.
            product = torch.bmm if output.shape[1] > 1 else torch.mul
            grad_sums = product(grad[block], output[block], out=totals[:-1])
            torch.ops.aten.sigmoid_backward(grad_sums, units, grad_input=grad_sums)
            for after, here in pairwise(reversed(totals.unbind())):
                here.add_(after)
            torch.bmm(x[block].mT, totals[1:], out=grad_weight[block])
            if grad_x is not None:
                torch.bmm(totals[1:], weight[block].mT, out=grad_x[block])
            later = totals[0].clone()
        return grad_x, later, grad_weight, grad_output


def _blocks(pixels: int) -> list[slice]:
    return [slice(first, min(first + BLOCK, pixels)) for first in range(0, pixels, BLOCK)]


def _add_product(total: Tensor, pixel: Tensor, weight: Tensor, out: Tensor) -> None:
    # total + pixel @ weight; the outer product of a single feature is faster by broadcasting.
    add = torch.addcmul if len(weight) == 1 else torch.addmm
    add(total, pixel, weight, out=out)


def _one_floating_type(device: torch.device) -> AbstractContextManager:
    # Without autocast: the gradient is written for one type.
    kind = device.type
    available = torch.amp.is_autocast_available(kind)
    return torch.autocast(kind, enabled=False) if available else nullcontext()
