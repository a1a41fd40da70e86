"""Autoregressive networks as generative models, fitted by maximum likelihood."""

from typing import Any

import pyro
import torch
from torch import Tensor

from ppgen.arguments import checked
from ppgen.autoregressive import AutoregressiveNetwork
from ppgen.data.batches import parts_of_draws
from ppgen.distributions import Autoregressive
from ppgen.program import Program
from ppgen.tensors import check_shape

DRAWS_OF_A_MEAN = 100  # completions that are averaged
IMAGES_AT_ONCE = 1000  # images times completions drawn at a time


@checked
class AutoregressiveModel(Program):
    """x ~ Autoregressive(network, context), at the site ``"x"``; the ELBO is log p(x).

    ``network`` is any :class:`ppgen.autoregressive.AutoregressiveNetwork`. A training step of one
    with several members uses one of them, drawn at random; its expected log-probability is a lower
    bound of the mixture's.

    Examples
    --------
    >>> from ppgen.autoregressive import Independent
    >>> model = AutoregressiveModel(Independent((1, 8, 8), context_size=10))
    >>> model.model(None, torch.tensor([3, 7]), n=2).shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(self, network: AutoregressiveNetwork) -> None:
        super().__init__()
        self.network = network

    def model(self, x: Tensor | None = None, context: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw or observe images, given class labels or vectors if the network has a context."""
        scored_by_one = x is not None and self.network.training
        network = self.network.training_member() if scored_by_one else self.network
        p = Autoregressive(network, context)
        if context is not None and len(p.batch_shape) > 1 and not context.is_floating_point():
            raise ValueError(
                f"context has the shape {tuple(context.shape)} and the type {context.dtype}; "
                "expected one label for each image, or floating vectors: convert one-hot vectors "
                "by context.float()"
            )
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", p, obs=x)

    @checked
    def distribution(self, context: Tensor | None = None) -> Autoregressive:
        """Return the distribution of images."""
        return Autoregressive(self.network, context)

    @checked
    def log_likelihood(
        self, x: Tensor, observed: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Log p(x) of images, or of their observed pixels, ``(batch,)``, nats.

        For a network with several members it is that of the mixture, also in training mode.
        ``context`` holds class labels or vectors, one for each image. ``observed`` is a boolean
        mask; raises a ValueError if its pixels are not the first ones in the network's ordering.
        """
        self._check(x)
        if observed is None:
            observed = torch.ones((), dtype=torch.bool, device=x.device)
        return self.distribution(context).prefix_log_prob(x, observed)

    @checked
    def complete(
        self, x: Tensor, observed: Tensor, context: Tensor | None = None, *, mean: bool = False
    ) -> Tensor:
        """Draw the missing pixels from p(missing | observed pixels), exactly; ``(batch, *shape)``.

        If ``mean`` is True, fill in their mean over 100 draws, as grey values: it has no closed
        form. The other arguments are those of :meth:`log_likelihood`.
        """
        self._check(x)
        p = self.distribution(context)
        if not mean:
            return p.complete(x, observed)
        total = torch.zeros((), device=x.device)
        for some in parts_of_draws(DRAWS_OF_A_MEAN, len(x), IMAGES_AT_ONCE):
            drawn = p.complete(x.expand(some, *x.shape), observed)
            total = total + self.grey(drawn).sum(0)
        return total / DRAWS_OF_A_MEAN

    def _check(self, x: Tensor) -> None:
        shape = self.network.shape
        check_shape("x", x, (None, *shape), f"(batch, *shape) with the network's shape {shape}")

    def grey(self, x: Tensor) -> Tensor:
        """Convert pixels in the likelihood's support to grey values."""
        return self.network.likelihood.grey(x)
