"""Networks that read an image as a sequence of pixels: LSTM and transformer."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import Count, Share, Size, checked
from ppgen.autoregressive.attention import Attention, Cache, attend
from ppgen.autoregressive.inputs import AnyInputs
from ppgen.autoregressive.masked_conv import ODD
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.autoregressive.ordering import Ordering, Shape, as_image
from ppgen.likelihoods import AnyLikelihood


class SequenceNetwork(AutoregressiveNetwork):
    """Base of networks that read, for each pixel, a token made of pixels before it.

    Token t is ``features(x_near) W + position_t + context V``, of length ``width``. Near are the
    pixel just before and, in a ``window`` around pixel t, those that come before it; where there
    are none, features are 0. A subclass defines :meth:`read`, from tokens to hidden vectors as
    long. That of a pixel depends on tokens up to its own; a linear head maps it to raw outputs.
    """

    near: Tensor

    def __init__(
        self, shape: Sequence[int], width: int, *args: Any, window: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(shape, *args, **kwargs)
        self._window = window
        self._set_near()
        read = self.near.shape[1] * self.inputs.features
        self.pixel_weight = nn.Parameter(torch.randn(read, width) / self.near.shape[1] ** 0.5)
        self.position = nn.Parameter(torch.randn(self.pixels, width))
        self.context_weight = nn.Parameter(torch.randn(self.context_size, width))
        self.head = nn.Linear(width, self.likelihood.outputs)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a saved network; those of before there were windows have none."""
        super().__setstate__({"_window": 1} | state)
        self._set_near()

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        self._set_near()  # weights bring their ordering

    def _set_near(self) -> None:
        near = near_before(self.ordering, self.shape, self._window)
        self.register_buffer("near", near, persistent=False)

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
        before = F.pad(self.features(self.in_order(x)), (0, 0, 1, 0))
        # Its gradient is many times as fast as that of an index.
        read = before.index_select(1, 1 + self.near.flatten())
        tokens = self._linear(read.view(len(x), self.pixels, -1)) + self.position
        if context is not None:
            tokens = tokens + (context @ self.context_weight).unsqueeze(1)
        hidden, _ = self.read(tokens)
        return self.to_image(self.head(hidden).mT)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the raw outputs of one pixel after the other, from the state before."""
        constant = 0 if context is None else context @ self.context_weight
        before = self.position.new_zeros(len(x), 1)
        state = self.start()
        there = (self.near >= 0).unsqueeze(-1)
        known = self.near.where(self.near >= 0, self.near[:, :1])  # later pixels are not to be read
        for step, position in enumerate(self.position):
            if step > 0:
                features = self.features(x[:, known[step]]) * there[step]
                before = self._linear(features.flatten(1))
            token = before + position + constant
            hidden, state = self.read(token.unsqueeze(1), state)
            yield self.head(hidden.squeeze(1))

    def _linear(self, features: Tensor) -> Tensor:
        # An outer product for a single feature, which autocast does not round.
        multiply = torch.mul if len(self.pixel_weight) == 1 else torch.matmul
        return multiply(features, self.pixel_weight)


def near_before(ordering: Tensor, shape: Sequence[int], window: int) -> Tensor:
    """Return which pixels each one reads, ``(pixels, read)``, all of them by their turn.

    They are the one just before and, in a window around it, those that come before; −1: none. A
    column is the same place in every window.

    Examples
    --------
    >>> near_before(torch.arange(6), (1, 2, 3), window=3)[4]  # of 0 1 2 above 3 4 5
    tensor([3, 0, 1, 2, 3])
    """
    channels, height, width = as_image(shape)
    turn, margin = ordering.argsort().view(channels, height, width), window // 2
    around = F.pad(turn, [margin] * 4 + [channels - 1] * 2, value=len(ordering))
    columns = [torch.arange(len(ordering), device=ordering.device) - 1]
    places = product(range(2 * channels - 1), range(window), range(window)) if window > 1 else ()
    for channel, row, column in places:
        there = around[channel:, row:, column:][:channels, :height, :width]
        earlier = there.where(there < turn, -1)
        if (earlier >= 0).any():
            columns.append(earlier.flatten()[ordering])
    return torch.stack(columns, -1)


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
        *,
        ordering: Ordering | None = None,
        inputs: AnyInputs = None,
        hidden: Size = 128,
        layers: Size = 1,
    ) -> None:
        super().__init__(shape, hidden, likelihood, context_size, ordering=ordering, inputs=inputs)
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True)

    def read(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Read tokens, starting from hidden and cell states; None: zeros."""
        with torch.autocast("cpu", enabled=False):  # few CPUs have a bfloat16 LSTM
            return self.lstm(tokens, state)


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
    window
        Height and width, odd, of the pixels around each one from which it reads those that come
        before it. With 1 a layer has to find them by attention, which takes long to learn.
    span
        Number of tokens that each one attends to: itself and those just before it (local
        attention; Parmar et al. 2018, Image transformer, section 4.2). The cost of attention is
        then linear in the number of pixels. None: itself and all before it.
    dropout
        Probability with which training sets a number that a layer adds to zero.

    Examples
    --------
    >>> network = Transformer((1, 8, 8), width=32, layers=2, heads=4, window=3, span=16)
    >>> network(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 1, 1, 8, 8])
    """

    span: int | None = None  # of networks saved before it could be chosen

    def __init__(
        self,
        shape: Shape,
        likelihood: AnyLikelihood = None,
        context_size: Count = 0,
        *,
        ordering: Ordering | None = None,
        inputs: AnyInputs = None,
        width: Size = 64,
        layers: Size = 4,
        heads: Size = 2,
        window: Annotated[int, ODD] = 1,
        span: Size | None = None,
        dropout: Share = 0,
    ) -> None:
        given = shape, width, likelihood, context_size
        super().__init__(*given, ordering=ordering, inputs=inputs, window=window)
        if width % heads:
            raise ValueError(
                f"width is {width} and heads {heads}; expected a width that is a multiple of heads"
            )
        self.span = span
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def read(self, tokens: Tensor, state: list[Cache] | None = None) -> tuple[Tensor, list[Cache]]:
        """Let each token attend to those up to itself, the last ``span`` of them."""
        everywhere: Attention = partial(attend, span=self._span)
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, everywhere if state is None else state[number].attend)
        return self.norm(tokens), state or []

    def start(self) -> list[Cache]:
        """Return an empty cache for each layer."""
        return [Cache(self._span) for _ in self.blocks]

    @property
    def _span(self) -> int:
        return self.pixels if self.span is None else min(self.span, self.pixels)


class Block(nn.Module):
    """One layer: x + attention(norm(x)), then x + perceptron(norm(x))."""

    dropout: float = 0  # of layers saved before it could be chosen

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, attend: Attention) -> Tensor:
        """Read tokens, ``(batch, length, width)``."""
        by_head = self.queries_keys_values(self.norm(x)).unflatten(-1, (3, self.heads, -1))
        by_head = by_head.permute(2, 0, 3, 1, 4)  # (3, batch, heads, length, size)
        heard = attend(by_head[0], by_head[1:]).transpose(1, 2).flatten(-2)
        x = x + F.dropout(self.out(heard), self.dropout, self.training)
        return x + F.dropout(self.perceptron(x), self.dropout, self.training)
