"""Lists of all joint states of discrete variables."""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST_ENUMERATION = 2**16
"""Images that are listed at most."""


def states(
    numbers: range, variables: int, levels: int = 2, device: torch.device | str | None = None
) -> Tensor:
    """List joint states by their numbers, integers ``(states, variables)``.

    State number i has the digits of i to the base ``levels`` as its values, the first variable the
    lowest digit.

    Parameters
    ----------
    numbers
        Of the states that are listed.
    variables
        How many there are.
    levels
        Values 0 … ``levels`` − 1 of each.
    device
        Of the list.

    Examples
    --------
    >>> states(range(1, 4), variables=2)
    tensor([[1, 0],
            [0, 1],
            [1, 1]])
    """
    rows = torch.arange(numbers.start, numbers.stop, device=device)
    places = levels ** torch.arange(variables, device=device)
    return rows[:, None] // places % levels
