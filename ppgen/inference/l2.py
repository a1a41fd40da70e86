"""The ℓ2 penalty, and the prior and the weight decay that it is equal to."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pyro.distributions as dist
import torch
from torch import Tensor

from ppgen.arguments import Positive, Size, checked


@checked
@dataclass(frozen=True)
class L2Penalty:
    """λ‖θ‖² against a log-likelihood that is summed over the data.

    Three ways to say one thing, with λ the ``strength``; a ValueError says if it is not positive:

    - maximise Σ log p(x | θ) − λ‖θ‖²;
    - find the mode of p(θ | data) under the prior θ ~ N(0, 1 / (2λ)), each weight by itself:
      log N(θ; 0, 1 / (2λ)) = −λθ² and a constant;
    - minimise the mean of −log p(x | θ) over n observations by ``torch.optim.SGD`` or ``Adam`` with
      ``weight_decay=2λ / n``: they add weight_decay · θ to the gradient, the derivative of
      weight_decay / 2 · ‖θ‖². For a loss that is summed over the data it is 2λ.

    ``torch.optim.AdamW`` is not among them. Its decay bypasses the scaling of the gradient by
    Adam's second moments (Loshchilov and Hutter 2019, Decoupled weight decay regularization), so
    that it ends at another point.

    Examples
    --------
    >>> penalty = L2Penalty(0.5)
    >>> penalty.prior_variance, penalty.weight_decay(n=100)
    (1.0, 0.01)
    """

    strength: Positive  # 0 is a prior of infinite variance: none

    def __call__(self, parameters: Iterable[Tensor]) -> Tensor:
        """λ‖θ‖² over all parameters, in nats of the summed log-likelihood."""
        return self.strength * torch.stack([p.square().sum() for p in parameters]).sum()

    @property
    def prior_variance(self) -> float:
        """1 / (2λ), of each weight."""
        return 1 / (2 * self.strength)

    @checked
    def prior(self, like: Tensor) -> dist.TorchDistribution:
        """N(0, 1 / (2λ)) over each weight of a tensor like this one; all of it is one event."""
        zeros = like.detach().new_zeros(like.shape)
        return dist.Normal(zeros, math.sqrt(self.prior_variance)).to_event(like.dim())

    @checked
    def weight_decay(self, n: Size) -> float:
        """2λ / n, for SGD and Adam on a loss that is the mean over ``n`` observations."""
        return 2 * self.strength / n
