"""The fully visible belief net."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ppgen.autoregressive.made import MADE
from ppgen.likelihoods import Likelihood


class FullyVisible(MADE):
    """Raw outputs of each pixel linear in the pixels before it, and in the context.

    With binary pixels, a logistic regression of each pixel on those before it (Frey 1998;
    FVSBN). It is what is left of a :class:`MADE` without hidden layers: its direct connections.

    Parameters
    ----------
    image_shape, likelihood, context_size, ordering
        As for :class:`AutoregressiveNetwork`.

    Raises
    ------
    ValueError
        As for :class:`AutoregressiveNetwork`.

    Examples
    --------
    >>> import torch
    >>> network = FullyVisible((1, 8, 8))
    >>> network(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 1, 1, 8, 8])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: Likelihood | None = None,
        context_size: int = 0,
        ordering: Tensor | Sequence[int] | None = None,
    ) -> None:
        super().__init__(image_shape, likelihood, context_size, ordering, hidden=())
