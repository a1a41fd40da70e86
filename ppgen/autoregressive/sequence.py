"""Networks that read an image as a sequence of pixels: LSTM and transformer."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import Count, Size, checked
from ppgen.autoregressive.inputs import AnyInputs
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.autoregressive.ordering import Ordering, Shape
from ppgen.likelihoods import AnyLikelihood


class SequenceNetwork(AutoregressiveNetwork):
    """Base of networks that read, for each pixel, a token made of the pixel before it.

    Token t is ``features(x_{t−1}) W + position_t + context V``, of length ``width``; the first
    token has no pixel. A subclass defines :meth:`read`, from tokens to hidden vectors as long. That
    of a pixel depends on tokens up to its own; a linear head maps it to raw outputs.
    """

    def __init__(self, shape: Sequence[int], width: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(shape, *args, **kwargs)
        self.pixel_weight = nn.Parameter(torch.randn(self.inputs.features, width))
        self.position = nn.Parameter(torch.randn(self.pixels, width))
        self.context_weight = nn.Parameter(torch.randn(self.context_size, width))
        self.head = nn.Linear(width, self.likelihood.outputs)

    @abstractmethod
    def read(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return hidden vectors of tokens, both ``(batch, length, width)``, and a new state.

        The parallel view passes all tokens and no state; the sequential view passes one token, and
        the state that :meth:`start` or the last call returned.
        """

    def start(self) -> Any:
        """Return the state of the sequential view before the first token; by default None."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the raw outputs of all pixels."""
        before = F.pad(self.features(self.in_order(x)[:, :-1]), (0, 0, 1, 0))
        tokens = self._linear(before) + self.position
        if context is not None:
            tokens = tokens + (context @ self.context_weight).unsqueeze(1)
        hidden, _ = self.read(tokens)
        return self.to_image(self.head(hidden).mT)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the raw outputs of one pixel after the other, from the state before."""
        constant = 0 if context is None else context @ self.context_weight
        before = self.position.new_zeros(len(x), 1)
        state = self.start()
        for step, position in enumerate(self.position):
            token = before + position + constant
            hidden, state = self.read(token.unsqueeze(1), state)
            yield self.head(hidden.squeeze(1))
            before = self._linear(self.features(x[:, step]))

    def _linear(self, features: Tensor) -> Tensor:
        # An outer product for a single feature, which autocast does not round.
        product = torch.mul if self.inputs.features == 1 else torch.matmul
        return product(features, self.pixel_weight)


@checked
class LSTM(SequenceNetwork):
    """Long short-term memory over the pixels (Hochreiter and Schmidhuber 1997): ``torch.nn.LSTM``.

    The parallel view, too, reads the pixels one after the other; time and memory of training grow
    with their number.

    Parameters
    ----------
    shape, likelihood, context_size, ordering, inputs
        As for :class:`AutoregressiveNetwork`; the context is part of every token.
    hidden
        Length of the state of each layer.
    layers
        Number of layers.

    Examples
    --------
    >>> network = LSTM((1, 5, 5), hidden=32, context_size=26)
    >>> network(torch.zeros(2, 1, 5, 5), torch.eye(26)[:2]).shape
    torch.Size([2, 1, 1, 5, 5])
    """

    def __init__(
        self,
        shape: Shape,
        likelihood: AnyLikelihood = None,
        context_size: Count = 0,
        ordering: Ordering | None = None,
        inputs: AnyInputs = None,
        *,
        hidden: Size = 128,
        layers: Size = 1,
    ) -> None:
        super().__init__(shape, hidden, likelihood, context_size, ordering, inputs)
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True)

    def read(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Read tokens, starting from hidden and cell states; None: zeros."""
        with torch.autocast("cpu", enabled=False):  # few CPUs have a bfloat16 LSTM
            return self.lstm(tokens, state)


class Cache:
    """Keys and values of the tokens that one layer has read, at most ``length`` of them."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.filled = 0

    def append(self, new: Tensor) -> Tensor:
        """Add those of one token; return all so far, ``(2, batch, heads, tokens, size)``."""
        if self.filled == 0:  # device and type are known now; autocast may have chosen the type
            self.room = new.new_empty(*new.shape[:3], self.length, new.shape[-1])
        self.room[..., self.filled, :] = new[..., 0, :]
        self.filled += 1
        return self.room[..., : self.filled, :]


@checked
class Transformer(SequenceNetwork):
    """Causal self-attention over the pixels (Vaswani et al. 2017; for pixels Chen et al. 2020).

    Layers are normalised before attention and before their two-layer perceptron; positions are
    learned. Sampling keeps the keys and values of the pixels drawn so far.

    Parameters
    ----------
    shape, likelihood, context_size, ordering, inputs
        As for :class:`AutoregressiveNetwork`; the context is part of every token.
    width
        Length of each pixel's vector.
    layers
        Number of layers of attention and perceptron.
    heads
        Number of attention heads of each layer, a divisor of ``width``.

    Examples
    --------
    >>> network = Transformer((1, 8, 8), width=32, layers=2, heads=4)
    >>> network(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 1, 1, 8, 8])
    """

    def __init__(
        self,
        shape: Shape,
        likelihood: AnyLikelihood = None,
        context_size: Count = 0,
        ordering: Ordering | None = None,
        inputs: AnyInputs = None,
        *,
        width: Size = 64,
        layers: Size = 4,
        heads: Size = 2,
    ) -> None:
        super().__init__(shape, width, likelihood, context_size, ordering, inputs)
        if width % heads:
            raise ValueError(
                f"width is {width} and heads {heads}; expected a width that is a multiple of heads"
            )
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def read(self, tokens: Tensor, state: list[Cache] | None = None) -> tuple[Tensor, list[Cache]]:
        """Let each token attend to those up to itself."""
        caches = [None] * len(self.blocks) if state is None else state
        for block, cache in zip(self.blocks, caches, strict=True):
            tokens = block(tokens, cache)
        return self.norm(tokens), state or []

    def start(self) -> list[Cache]:
        """Return an empty cache for each layer."""
        return [Cache(self.pixels) for _ in self.blocks]


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
