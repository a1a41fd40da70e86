"""Causal attention: to all tokens so far or to the last few, of all tokens or of the next one.

Queries are ``(batch, heads, length, size)``; keys and values are stacked, ``(2, batch, heads,
length, size)``.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

Attention: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def attend(queries: Tensor, known: Tensor, span: int) -> Tensor:
    """Return, for each token, the mean of values of itself and the ``span − 1`` just before it.

    Weights are the softmax of scaled products of queries and keys (Vaswani et al. 2017, equation
    1). Time and memory are those of ``length × 2 span`` products at most.

    Examples
    --------
    >>> values = torch.arange(5.0).view(5, 1)
    >>> known = torch.stack([torch.zeros(5, 1), values])[:, None, None]
    >>> attend(torch.zeros(1, 1, 5, 1), known, span=2).flatten().tolist()
    [0.0, 0.5, 1.5, 2.5, 3.5]
    """
    length = queries.shape[-2]
    if span >= length:
        keys, values = known
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    # In blocks of ``span`` tokens, each one attends to its own block and to the one before.
    queries, known = (
        F.pad(x, (0, 0, 0, -length % span)).unflatten(-2, (-1, span)) for x in (queries, known)
    )
    before = F.pad(known[..., :-1, :, :], (0, 0, 0, 0, 1, 0))
    keys, values = torch.cat([before, known], -2)
    place = torch.arange(-span, span, device=queries.device)
    block = torch.arange(queries.shape[-3], device=queries.device).view(-1, 1, 1)
    distance = place[span:, None] - place
    seen = (distance >= 0) & (distance < span) & ((place >= 0) | (block > 0))
    # By hand: torch's attention with a mask takes twice as long in half precision on a CPU.
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.mT
    read = scores.masked_fill(~seen, -torch.inf).softmax(-1) @ values
    return read.flatten(-3, -2)[..., :length, :]


class Cache:
    """Attention of one token after the other: keeps keys and values of the last ``span``."""

    def __init__(self, span: int) -> None:
        self.span = span
        self.read = 0

    def attend(self, query: Tensor, new: Tensor) -> Tensor:
        """Add the keys and values of the next token; return what it reads."""
        if self.read == 0:  # device and type are known now; autocast may have chosen the type
            self.room = new.new_empty(*new.shape[:3], self.span, new.shape[-1])
        self.room[..., self.read % self.span, :] = new[..., 0, :]
        self.read += 1
        keys, values = self.room[..., : self.read, :]
        return F.scaled_dot_product_attention(query, keys, values)
