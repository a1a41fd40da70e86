"""Linear layers with masked weights, for all units at once and for one degree after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.autoregressive.weights import uniform

BLOCK = 16
"""Degrees that :func:`sums_by_degree` takes together; the time hardly depends on it."""


class MaskedLinear(nn.Module):
    """W x + b + V y for the context y; the mask on W is given at each call.

    Parameters
    ----------
    inputs, outputs, context_size
        Lengths of x, of the result, and of y, which may be 0.
    """

    def __init__(self, inputs: int, outputs: int, context_size: int) -> None:
        super().__init__()
        self.weight = uniform(outputs, inputs, fan_in=inputs)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.context_weight = uniform(context_size, outputs, fan_in=context_size)

    def forward(self, x: Tensor, mask: Tensor, context: Tensor | None = None) -> Tensor:
        """Give the sums of all units, ``(batch, outputs)``."""
        sums = F.linear(x, masked(self.weight, mask), self.bias)
        return sums if context is None else sums + context @ self.context_weight

    def bias_with(self, context: Tensor | None) -> Tensor:
        """Give b + V y, ``(outputs, batch)``, where the batch is 1 without a context."""
        bias = self.bias[:, None]
        return bias if context is None else bias + self.context_weight.mT @ context.mT


def masked(weight: Tensor, mask: Tensor) -> Tensor:
    """Set weights ``(outputs, inputs)`` that the mask forbids to zero.

    A mask of fewer rows is repeated: it holds for each of several outputs a pixel.
    """
    return torch.where(mask, weight.unflatten(0, (-1, len(mask))), 0).flatten(0, 1)


def sums_by_degree(
    weight: Tensor, bias: Tensor, units: Tensor, below: Sequence[int], above: Sequence[int]
) -> Iterator[Tensor]:
    """Give W u + b of the units of each degree in turn, u the units below of no higher degree.

    Units of both layers are sorted by degree. The caller fills in the units below: those of a
    degree before it asks for the sums of that degree; until then they are zero. Every so many
    degrees, the units that have become known are added to all sums to come by one matrix product,
    so that a single degree has little left to add.

    Parameters
    ----------
    weight
        ``(units above, units below)``.
    bias
        ``(units above, batch)``; it is overwritten.
    units
        ``(units below, batch)``.
    below, above
        Number of units of each degree.
    """
    row = column = 0
    for start in range(0, len(above), BLOCK):
        sizes = above[start : start + BLOCK]
        rows = slice(row, row + sum(sizes))
        columns = slice(column, column + sum(below[start : start + BLOCK]))
        known = units[columns]
        parts = zip(bias[rows].split(sizes), weight[rows, columns].split(sizes), strict=True)
        for sums, connections in parts:
            yield torch.addmm(sums, connections, known)
        row, column = rows.stop, columns.stop
        bias[row:].addmm_(weight[row:, columns], known)
