"""Masks that make a perceptron autoregressive (Germain et al. 2015, MADE, sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ppgen.autoregressive.ordering import check_ordering


def masks(
    ordering: Tensor | Sequence[int], hidden_degrees: Sequence[Tensor | Sequence[int]] = ()
) -> list[Tensor]:
    """Say which connections an autoregressive perceptron may keep.

    Every unit has a degree: the number of inputs, counted in the ordering, that it may depend on.
    An input's degree is its place in the ordering, from 1. A hidden unit keeps the connections
    from units of its own degree or less (equation 12 of the paper), an output those from units of
    less than the degree of its input (equation 13).

    Parameters
    ----------
    ordering
        Input positions in the order in which they are drawn.
    hidden_degrees
        Degrees of the units of each hidden layer, 0 … inputs − 1. Without any hidden layer, the
        one mask is that of direct connections from inputs to outputs.

    Returns
    -------
    list of Tensor
        For each layer, output layer included, booleans ``(units, units of the layer below)``.

    Raises
    ------
    ValueError
        Where ``ordering`` is no permutation, a degree is out of range, or a hidden layer has no
        unit of degree 1, so that the second input's output would depend on nothing.

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
    return connections([ordering.argsort() + 1, *degrees])


def connections(degrees: Sequence[Tensor]) -> list[Tensor]:
    """Give :func:`masks` from the degrees of the inputs and of each hidden layer, unchecked."""
    hidden = [above[:, None] >= below for below, above in pairwise(degrees)]
    return [*hidden, degrees[0][:, None] > degrees[-1]]


def draw_degrees(units: int, inputs: int, generator: torch.Generator | None = None) -> Tensor:
    """Give degrees for the units of a hidden layer.

    Parameters
    ----------
    units, inputs
        Number of units in the layer, and of inputs of the network.
    generator
        To draw degrees uniformly from 1 … ``inputs`` − 1, all but the first unit's, which is 1;
        None: degrees at equal distances.

    Returns
    -------
    Tensor
        ``(units,)``, integers.

    Examples
    --------
    >>> draw_degrees(4, inputs=10)
    tensor([1, 4, 6, 9])
    """
    least, most = min(1, inputs - 1), inputs - 1
    if generator is None:
        return torch.linspace(least, most, units).round().long()
    degrees = torch.randint(least, most + 1, (units,), generator=generator)
    degrees[0] = least
    return degrees


def _check_degrees(name: str, degrees: Tensor, inputs: int) -> None:
    shown = ", ".join(map(str, degrees.flatten()[:8].tolist()))
    shown = f"[{shown}{', …' if degrees.numel() > 8 else ''}]"
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
            f"{name} is {shown}, without a degree of 1, so that the output of the second input in "
            "the ordering is cut from all inputs; give at least one unit of each layer degree 1"
        )
