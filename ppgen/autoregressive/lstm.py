"""An LSTM over the pixels of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ppgen.arguments import check_size
from ppgen.autoregressive.sequence import SequenceNetwork
from ppgen.likelihoods import Likelihood


class LSTM(SequenceNetwork):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), ``torch.nn.LSTM``, over the pixels.

    Memory and time of training grow as the number of pixels, which are read one after the other
    also in the parallel view. Sampling keeps the recurrent state.

    Parameters
    ----------
    image_shape, likelihood, context_size, ordering
        As for :class:`AutoregressiveNetwork`; the context is part of every input.
    hidden
        Length of the state of each layer.
    layers
        Layers, one on top of the other.

    Raises
    ------
    TypeError
        Where ``hidden`` or ``layers`` is no whole number.
    ValueError
        Where ``hidden`` or ``layers`` is below 1, and as for :class:`AutoregressiveNetwork`.

    Examples
    --------
    >>> import torch
    >>> network = LSTM((1, 5, 5), hidden=32, context_size=26)
    >>> network(torch.zeros(2, 1, 5, 5), torch.eye(26)[:2]).shape
    torch.Size([2, 1, 1, 5, 5])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: Likelihood | None = None,
        context_size: int = 0,
        ordering: Tensor | Sequence[int] | None = None,
        *,
        hidden: int = 128,
        layers: int = 1,
    ) -> None:
        check_size("hidden", hidden)
        check_size("layers", layers)
        super().__init__(image_shape, hidden, likelihood, context_size, ordering)
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True)

    def read(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Read tokens on from hidden and cell states."""
        return self.lstm(tokens, state)

    def start(self, batch: int) -> Any:
        """Hidden and cell states of zero."""
        zeros = self.position.new_zeros(self.lstm.num_layers, batch, self.lstm.hidden_size)
        return zeros, zeros
