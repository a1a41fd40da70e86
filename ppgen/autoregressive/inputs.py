"""Input encodings: the numbers by which a network reads a value."""

from abc import ABC, abstractmethod
from typing import Annotated, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import Levels, Size, Such, checked, shown_arguments
from ppgen.likelihoods import Likelihood


class InputEncoding(nn.Module, ABC):
    """Base of input encodings: each value becomes a vector of ``features`` numbers.

    A subclass defines ``features`` and ``forward``. It defines ``levels`` if it encodes symbols
    0 … ``levels`` − 1 only. Vectors should have a length of about one.

    Examples
    --------
    >>> class Signs(InputEncoding):
    ...     features = 1
    ...
    ...     def forward(self, x, likelihood):
    ...         return 2 * x.unsqueeze(-1) - 1
    >>> from ppgen.autoregressive import MADE
    >>> MADE((1, 8, 8), inputs=Signs())(torch.ones(5, 1, 8, 8)).shape
    torch.Size([5, 1, 1, 8, 8])
    """

    features: int
    """Numbers for each value."""

    levels: int | None = None
    """Number of symbols; None if every value can be encoded."""

    @abstractmethod
    def forward(self, x: Tensor, likelihood: Likelihood) -> Tensor:
        """Encode values ``(…)`` in the support of the likelihood as ``(…, features)``."""


class GreyValues(InputEncoding):
    """One number for each value: the likelihood's ``network_input``, of order one. The default.

    Examples
    --------
    >>> from ppgen.likelihoods import Categorical
    >>> GreyValues()(torch.tensor([0.0, 3.0]), Categorical(4)).shape
    torch.Size([2, 1])
    """

    features = 1

    def forward(self, x: Tensor, likelihood: Likelihood) -> Tensor:
        """Return grey values."""
        return likelihood.network_input(x).unsqueeze(-1)


class Lookup(InputEncoding):
    """Base of encodings that look up the vector of each symbol in a ``table``."""

    table: Tensor

    def forward(self, x: Tensor, likelihood: Likelihood) -> Tensor:
        """Look up the symbols' vectors."""
        return F.embedding(x.long(), self.table)

    extra_repr = shown_arguments


@checked
class OneHot(Lookup):
    """A unit vector for each symbol.

    Parameters
    ----------
    levels
        Number of symbols: that of the likelihood.

    Examples
    --------
    >>> from ppgen.likelihoods import Categorical
    >>> OneHot(3)(torch.tensor([2, 0]), Categorical(3))
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """

    def __init__(self, levels: Levels) -> None:
        super().__init__()
        self.levels = self.features = levels
        self.register_buffer("table", torch.eye(levels), persistent=False)


@checked
class Embedding(Lookup):
    """A trained vector for each symbol, for symbols without order such as characters.

    Parameters
    ----------
    levels
        As for :class:`OneHot`.
    size
        Length of the vectors.

    Examples
    --------
    >>> from ppgen.autoregressive import LSTM
    >>> from ppgen.likelihoods import Categorical
    >>> network = LSTM((64,), Categorical(27), inputs=Embedding(levels=27, size=16))
    >>> network(torch.randint(27, (5, 64))).shape
    torch.Size([5, 27, 64])
    """

    def __init__(self, levels: Levels, size: Size = 16) -> None:
        super().__init__()
        self.levels, self.features = levels, size
        self.table = nn.Parameter(torch.randn(levels, size) / size**0.5)

    def extra_repr(self) -> str:
        """Return the arguments, for ``repr``."""
        return f"{super().extra_repr()}, size={self.features}"


AnyInputs: TypeAlias = Annotated[
    InputEncoding | None,
    Such(lambda _: True, "an encoding, such as ppgen.autoregressive.Embedding(levels=27, size=16)"),
]


def as_inputs(inputs: AnyInputs, likelihood: Likelihood) -> InputEncoding:
    """Return the encoding, or :class:`GreyValues` for None; raise an error if it is unsuitable."""
    if inputs is None:
        return GreyValues()
    if inputs.levels not in (None, likelihood.symbols):
        raise ValueError(
            f"inputs is {inputs} and likelihood is {likelihood}; expected a likelihood with "
            f"{inputs.levels} symbols, such as ppgen.likelihoods.Categorical({inputs.levels})"
        )
    return inputs
