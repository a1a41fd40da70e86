"""Lists of all joint states of discrete variables."""

from __future__ import annotations

import torch
from torch import Tensor


def states(
    numbers: range, variables: int, levels: int = 2, device: torch.device | str | None = None
) -> Tensor:
    """List joint states of variables with values 0 … ``levels`` − 1, ``(states, variables)``.

    The values of state number i are the digits of i to the base ``levels``, lowest digit first.
    ``numbers`` selects the states.

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
