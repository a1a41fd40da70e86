"""Autoregressive networks as generative models, fitted by maximum likelihood."""

from __future__ import annotations

from typing import Any

import pyro
from torch import Tensor

from ppgen.autoregressive import AutoregressiveNetwork
from ppgen.distributions import Autoregressive
from ppgen.program import Program

DRAWS_OF_A_MEAN = 100


class AutoregressiveModel(Program):
    """x ~ Autoregressive(network, context). Nothing is latent, so its ELBO is log p(x).

    Parameters
    ----------
    network
        Any :class:`ppgen.autoregressive.AutoregressiveNetwork`.

    Examples
    --------
    >>> import torch
    >>> from ppgen.autoregressive import Independent
    >>> model = AutoregressiveModel(Independent((1, 8, 8), context_size=10))
    >>> model.model(None, torch.tensor([3, 7]), n=2).shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(self, network: AutoregressiveNetwork) -> None:
        super().__init__()
        self.network = network

    def model(self, x: Tensor | None = None, context: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw the image at the site ``"x"``, given a class label or vector where there is one."""
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", self.distribution(context), obs=x)

    def distribution(self, context: Tensor | None = None) -> Autoregressive:
        """Give the distribution of images."""
        return Autoregressive(self.network, context)

    def log_likelihood(
        self, x: Tensor, observed: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Log p(x) of images, or of their observed pixels, ``(batch,)``, in nats.

        Parameters
        ----------
        x
            ``(batch, channel, height, width)``.
        observed
            Which pixels are known, the first so many in the network's ordering; None: all.
        context
            Class labels or vectors, one an image.

        Raises
        ------
        ValueError
            Where the observed pixels are no prefix of the ordering.
        """
        p = self.distribution(context)
        return p.log_prob(x) if observed is None else p.prefix_log_prob(x, observed)

    def complete(
        self,
        x: Tensor,
        observed: Tensor,
        context: Tensor | None = None,
        *,
        mean: bool = False,
    ) -> Tensor:
        """Fill missing pixels by a draw from p(missing | observed pixels), exactly.

        Parameters
        ----------
        x, observed, context
            As for :meth:`log_likelihood`.
        mean
            Whether to fill in the mean of the missing pixels, grey values, over 100 draws: it has
            no closed form.

        Returns
        -------
        Tensor
            ``(batch, channel, height, width)``.
        """
        p = self.distribution(context)
        if not mean:
            return p.complete(x, observed)
        drawn = p.complete(x.expand(DRAWS_OF_A_MEAN, *x.shape), observed)
        return self.grey(drawn).mean(0)

    def grey(self, x: Tensor) -> Tensor:
        """Give pixels in the likelihood's support as grey values."""
        return self.network.likelihood.grey(x)
