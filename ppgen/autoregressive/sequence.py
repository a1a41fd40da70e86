"""What networks share that read an image as a sequence of pixels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import check_size
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.likelihoods import Likelihood


class SequenceNetwork(AutoregressiveNetwork):
    """A network that reads, for each pixel, a token made of the pixel before it.

    Token t is ``w x_{t−1} + position_t + V context``, with x_0 = 0: the sequence is shifted by one,
    and the first position's vector is the start token. A subclass writes :meth:`read`, from tokens
    to hidden vectors, where the hidden vector of a pixel depends on tokens up to its own; the head
    makes raw outputs of them.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    width
        Length of the tokens and hidden vectors.
    likelihood, context_size, ordering
        As for :class:`AutoregressiveNetwork`.

    Raises
    ------
    TypeError, ValueError
        Where ``width`` is no whole number from 1 on, and as for :class:`AutoregressiveNetwork`.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        width: int,
        likelihood: Likelihood | None = None,
        context_size: int = 0,
        ordering: Tensor | Sequence[int] | None = None,
    ) -> None:
        super().__init__(image_shape, likelihood, context_size, ordering)
        check_size("width", width)
        self.pixel_weight = nn.Parameter(torch.randn(width))
        self.position = nn.Parameter(torch.randn(self.pixels, width))
        self.context_weight = nn.Parameter(torch.randn(context_size, width))
        self.head = nn.Linear(width, self.likelihood.outputs)

    @abstractmethod
    def read(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Read tokens on from a state.

        Parameters
        ----------
        tokens
            ``(batch, length, width)``: all of them where ``state`` is None, else the next one.
        state
            What :meth:`start` or the last call gave; None for the parallel view.

        Returns
        -------
        tuple[Tensor, Any]
            Hidden vectors ``(batch, length, width)``, and the state from which to go on.
        """

    @abstractmethod
    def start(self, batch: int) -> Any:
        """State of the sequential view before the first token."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Raw outputs of all pixels."""
        before = F.pad(self.in_order(x)[:, :-1], (1, 0))
        tokens = before.unsqueeze(-1) * self.pixel_weight + self.position
        if context is not None:
            tokens = tokens + (context @ self.context_weight).unsqueeze(1)
        hidden, _ = self.read(tokens)
        return self.to_image(self.head(hidden).mT)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Raw outputs of one pixel after the other, each read on from the state before."""
        constant = 0 if context is None else context @ self.context_weight
        before = x.new_zeros(len(x))
        state = self.start(len(x))
        for step, position in enumerate(self.position):
            token = before.unsqueeze(-1) * self.pixel_weight + position + constant
            hidden, state = self.read(token.unsqueeze(1), state)
            yield self.head(hidden.squeeze(1))
            before = x[:, step]
