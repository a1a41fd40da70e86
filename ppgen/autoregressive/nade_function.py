"""NADE's outputs, with the gradient written by hand (Larochelle and Murray 2011, algorithm 1).

The hidden units of pixel t are σ(sum_t), where sum_t is start + x_1 W_1 + … + x_{t−1} W_{t−1}, and
its outputs V_t σ(sum_t). Pixels are taken in blocks: the sums of a block, which differ from one
pixel to the next by a single term, are written into one workspace, and everything else is done for
the whole block at once. The backward pass goes through the blocks from the last to the first, and
adds up the gradients of the sums: that of x_t W_t is the total over the pixels after t. It
computes the sums anew from that at the start of each block, all that the forward pass keeps.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK = 16
"""Pixels a block."""


class NADEFunction(torch.autograd.Function):
    """Outputs of all pixels, without biases; their gradient has no gradient of its own.

    Takes the pixels in drawing order ``(pixels, batch, 1)``, the sum before the first of them
    ``(batch, hidden)``, W ``(pixels, hidden)`` and V ``(pixels, outputs, hidden)``, and returns
    ``(pixels, batch, outputs)``.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, start: Tensor, weight: Tensor, output: Tensor) -> Tensor:
        """Go through the blocks in drawing order."""
        raw = start.new_empty(*x.shape[:2], output.shape[1])
        workspace = start.new_empty(BLOCK + 1, *start.shape)
        starts = []
        for block in _blocks(len(x)):
            starts.append(start)
            sums = _sums(workspace, start, x[block], weight[block])
            start = sums[-1].clone()
            torch.bmm(sums[:-1].sigmoid_(), output[block].mT, out=raw[block])
        ctx.save_for_backward(x, weight, output, *starts)
        return raw

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
        """Go through the blocks from the last to the first."""
        x, weight, output, *starts = ctx.saved_tensors
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grad_weight, grad_output = torch.empty_like(weight), torch.empty_like(output)
        workspace, gradients = starts[0].new_empty(2, BLOCK + 1, *starts[0].shape)
        later = torch.zeros_like(starts[0])  # gradient of the sum after the block
        for block, start in reversed(list(zip(_blocks(len(x)), starts, strict=True))):
            units = _sums(workspace, start, x[block], weight[block])[:-1].sigmoid_()
            torch.bmm(grad[block].mT, units, out=grad_output[block])
            totals = gradients[: len(units) + 1]
            totals[-1] = later
            # With a single output the product is an outer one, and broadcasting twice as fast.
            product = torch.bmm if output.shape[1] > 1 else torch.mul
            grad_sums = product(grad[block], output[block], out=totals[:-1])
            torch.ops.aten.sigmoid_backward(grad_sums, units, grad_input=grad_sums)
            for after, here in pairwise(reversed(totals.unbind())):
                here.add_(after)
            torch.bmm(x[block].mT, totals[1:], out=grad_weight[block, None])
            if grad_x is not None:
                torch.bmm(totals[1:], weight[block, :, None], out=grad_x[block])
            later = totals[0].clone()
        return grad_x, later, grad_weight, grad_output


def _blocks(pixels: int) -> list[slice]:
    return [slice(first, min(first + BLOCK, pixels)) for first in range(0, pixels, BLOCK)]


def _sums(workspace: Tensor, start: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    # Those of a block's pixels and of the one after it, (block + 1, batch, hidden)
    sums = workspace[: len(x) + 1]
    sums[0] = start
    for (before, after), pixel, row in zip(pairwise(sums.unbind()), x, weight, strict=True):
        torch.addcmul(before, pixel, row, out=after)
    return sums
