"""Linear layers with masked weights, and the masks that make a perceptron autoregressive.

Germain et al. 2015, MADE: Masked autoencoder for distribution estimation, sections 3 and 4.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import checked
from ppgen.autoregressive.network import uniform
from ppgen.autoregressive.ordering import check_ordering, first_of

BLOCK = 16
"""Degrees that :func:`sums_by_degree` computes together; the time hardly depends on it."""


@checked
def masks(
    ordering: Tensor | Sequence[int], hidden_degrees: Sequence[Tensor | Sequence[int]] = ()
) -> list[Tensor]:
    """Return the masks of the connections that an autoregressive perceptron may keep.

    Every unit has a degree: the number of inputs, counted in the ordering, that it may depend on.
    The degree of an input is its place in the ordering, from 1. A hidden unit keeps connections
    from units of its own degree or less (equation 12 of the paper), and an output those from units
    of less than its input's degree (equation 13). The result holds a boolean mask for each layer,
    output layer included, ``(units, units of the layer below)``.

    Raises a ValueError if ``ordering`` is not a permutation, a degree is out of range, or a hidden
    layer has no unit of degree 1, without which the second input's output would depend on nothing.

    Parameters
    ----------
    ordering
        Input positions in the order in which they are drawn.
    hidden_degrees
        Degrees of the units of each hidden layer, 0 … inputs − 1. Without hidden layers, the one
        mask is that of direct connections from inputs to outputs.

    Examples
    --------
    Four inputs in the order x2, x4, x1, x3, and three hidden units:

    >>> hidden, output = masks([1, 3, 0, 2], [[1, 2, 3]])
    >>> hidden.int()  # from x2; from x2 and x4; from x2, x4 and x1
    tensor([[0, 1, 0, 0],
            [0, 1, 0, 1],
            [1, 1, 0, 1]], dtype=torch.int32)
    >>> output.int()  # the output of x2, the second row, depends on nothing
    tensor([[1, 1, 0],
            [0, 0, 0],
            [1, 1, 1],
            [1, 0, 0]], dtype=torch.int32)
    """
    ordering = check_ordering(ordering, len(ordering))
    degrees = [torch.as_tensor(layer, device=ordering.device) for layer in hidden_degrees]
    for number, layer in enumerate(degrees):
        _check_degrees(f"hidden_degrees[{number}]", layer, len(ordering))
    inputs = ordering.argsort() + 1
    return connections(inputs, [inputs, *degrees])


def connections(pixels: Tensor, layers: Sequence[Tensor]) -> list[Tensor]:
    """Return masks given the degrees of the pixels, and of the inputs and each hidden layer."""
    hidden = [above[:, None] >= below for below, above in pairwise(layers)]
    return [*hidden, pixels[:, None] > layers[-1]]


def draw_degrees(units: int, inputs: int, generator: torch.Generator | None = None) -> Tensor:
    """Return degrees for the units of a hidden layer, integers ``(units,)``.

    They are at equal distances or, with a generator, drawn uniformly from 1 … ``inputs`` − 1; the
    first is then 1.
    """
    least, most = min(1, inputs - 1), inputs - 1
    if generator is None:
        return torch.linspace(least, most, units).round().long()
    degrees = torch.randint(least, most + 1, (units,), generator=generator)
    degrees[0] = least
    return degrees


class MaskedLinear(nn.Module):
    """W x + b + V y for the context y, if any; the mask on W is an argument of each call."""

    def __init__(self, inputs: int, outputs: int, context_size: int) -> None:
        super().__init__()
        self.weight = uniform(outputs, inputs, fan_in=inputs)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.context_weight = uniform(context_size, outputs, fan_in=context_size)

    def forward(self, x: Tensor, mask: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the sums of all units, ``(batch, outputs)``."""
        sums = F.linear(x, masked(self.weight, mask), self.bias)
        return sums if context is None else sums + context @ self.context_weight

    def bias_with(self, context: Tensor | None) -> Tensor:
        """Return b + V y, ``(outputs, batch)``; ``(outputs, 1)`` without a context."""
        bias = self.bias[:, None]
        return bias if context is None else bias + self.context_weight.mT @ context.mT


def masked(weight: Tensor, mask: Tensor) -> Tensor:
    """Set masked weights ``(outputs, inputs)`` to zero.

    A mask with fewer rows is repeated, for several outputs of each pixel.
    """
    return torch.where(mask, weight.unflatten(0, (-1, len(mask))), 0).flatten(0, 1)


def sums_by_degree(
    weight: Tensor, bias: Tensor, units: Tensor, below: Sequence[int], above: Sequence[int]
) -> Iterator[Tensor]:
    """Yield W u + b for the units of each degree, where u are the units below of no higher degree.

    Units of both layers are sorted by degree. The caller fills in the units below of a degree
    before it requests the sums of that degree; until then they are zero. After each block of
    degrees, one matrix product adds the units that are known by then to all later sums, so little
    is left to add for a single degree.

    Shapes are: weight ``(units above, units below)``, bias ``(units above, batch)``, which is
    overwritten, and units ``(units below, batch)``. below and above count the units of each degree.
    """
    row = column = 0
    for start in range(0, len(above), BLOCK):
        sizes = above[start : start + BLOCK]
        rows = slice(row, row + sum(sizes))
        columns = slice(column, column + sum(below[start : start + BLOCK]))
        known = units[columns]
        parts = zip(bias[rows].split(sizes), weight[rows, columns].split(sizes), strict=True)
        for sums, part in parts:
            yield torch.addmm(sums, part, known)
        row, column = rows.stop, columns.stop
        bias[row:].addmm_(weight[row:, columns], known)


def _check_degrees(name: str, degrees: Tensor, inputs: int) -> None:
    shown = first_of(degrees)
    if degrees.dim() != 1 or degrees.is_floating_point():
        raise ValueError(
            f"{name} is {shown} of shape {tuple(degrees.shape)} and type {degrees.dtype}; expected "
            "one integer for each unit of the layer"
        )
    outside = degrees[(degrees < 0) | (degrees >= inputs)]
    if len(outside):
        raise ValueError(
            f"{name} is {shown}, and {outside[0]} is out of range; expected degrees of "
            f"0 … {inputs - 1}, for there are {inputs} inputs"
        )
    if inputs > 1 and not (degrees == 1).any():
        raise ValueError(
            f"{name} is {shown}, without a degree of 1, so the output of the second input in the "
            "ordering depends on nothing; expected one or more units of degree 1 in each layer"
        )
