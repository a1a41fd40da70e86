"""A transformer over the pixels of an image."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import check_size
from ppgen.autoregressive.sequence import SequenceNetwork
from ppgen.likelihoods import Likelihood


class Transformer(SequenceNetwork):
    """Causal self-attention over the pixels (Vaswani et al. 2017; for pixels Chen et al. 2020).

    Layers are normalised before attention and before their two-layer perceptron; positions are
    learned. Sampling keeps the keys and values of the pixels drawn so far.

    Parameters
    ----------
    image_shape, likelihood, context_size, ordering
        As for :class:`AutoregressiveNetwork`; the context is part of every input.
    width
        Length of the vector of each pixel.
    layers
        Layers of attention and perceptron.
    heads
        Attention heads of each layer, a divisor of ``width``.

    Raises
    ------
    TypeError
        Where a size is no whole number.
    ValueError
        Where ``heads`` does not divide ``width``, or a size is below one.

    Examples
    --------
    >>> import torch
    >>> network = Transformer((1, 8, 8), width=32, layers=2, heads=4)
    >>> network(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 1, 1, 8, 8])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: Likelihood | None = None,
        context_size: int = 0,
        ordering: Tensor | Sequence[int] | None = None,
        *,
        width: int = 64,
        layers: int = 4,
        heads: int = 2,
    ) -> None:
        super().__init__(image_shape, width, likelihood, context_size, ordering)
        check_size("layers", layers)
        check_size("heads", heads)
        if width % heads:
            raise ValueError(
                f"width is {width} and heads {heads}; expected a width that the heads divide"
            )
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def read(self, tokens: Tensor, state: list[Cache] | None = None) -> tuple[Tensor, list[Cache]]:
        """Let tokens attend to those up to themselves."""
        caches = [None] * len(self.blocks) if state is None else state
        for block, cache in zip(self.blocks, caches, strict=True):
            tokens = block(tokens, cache)
        return self.norm(tokens), state or []

    def start(self, batch: int) -> list[Cache]:
        """Room for the keys and values of each layer."""
        return [Cache(self.pixels) for _ in self.blocks]


class Cache:
    """Keys and values of the tokens that one layer has read, at most ``length`` of them."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.filled = 0

    def append(self, new: Tensor) -> Tensor:
        """Enter those of one more token; give all so far, ``(2, batch, heads, tokens, size)``."""
        if self.filled == 0:  # with the device and type that autocast may have chosen
            self.room = new.new_empty(*new.shape[:3], self.length, new.shape[-1])
        self.room[..., self.filled, :] = new[..., 0, :]
        self.filled += 1
        return self.room[..., : self.filled, :]


class Block(nn.Module):
    """One layer: x + attention(norm(x)), then x + perceptron(norm(x))."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Read all tokens ``(batch, length, width)``, or, with a cache, the next one."""
        by_head = self.queries_keys_values(self.norm(x)).unflatten(-1, (3, self.heads, -1))
        by_head = by_head.permute(2, 0, 3, 1, 4)  # (3, batch, heads, length, size)
        queries, known = by_head[0], by_head[1:]
        if cache is not None:
            known = cache.append(known)
        keys, values = known
        read = F.scaled_dot_product_attention(queries, keys, values, is_causal=cache is None)
        x = x + self.out(read.transpose(1, 2).flatten(-2))
        return x + self.perceptron(x)
