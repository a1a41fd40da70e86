"""The families q(z | x) of binary latent vectors from which a guide draws."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor
from torch.distributions.transforms import ReshapeTransform

from ppgen.autoregressive import AutoregressiveNetwork
from ppgen.distributions import Autoregressive
from ppgen.likelihoods import at_least_float32
from ppgen.models.posteriors import Posterior


class FactorisedBernoulli(Posterior):
    """Latents that are independent given the image, one logit each.

    Examples
    --------
    >>> FactorisedBernoulli(latent=3)(torch.zeros(5, 3)).mean.shape
    torch.Size([5, 3])
    """

    @property
    def outputs(self) -> int:
        """One logit a latent."""
        return self.latent

    def forward(self, raw: Tensor) -> TorchDistribution:
        """Give independent latents with the logits of each row."""
        return dist.Bernoulli(logits=at_least_float32(raw)).to_event(1)


class AutoregressiveBernoulli(Posterior):
    """Latents drawn one after the other, each given the image and those before it.

    So the posterior's explaining away can be held: that one cause is on makes another less needed.

    Parameters
    ----------
    network
        Conditionals of the latents, which it sees as an image ``(1, 1, K)`` of binary pixels,
        given a vector of ``context_size`` numbers, by which the encoder tells it of the image.

    Raises
    ------
    ValueError
        Where the network has no context.

    Examples
    --------
    >>> from ppgen.autoregressive import FullyVisible
    >>> q = AutoregressiveBernoulli(FullyVisible((1, 1, 3), context_size=8))(torch.zeros(5, 8))
    >>> q.log_prob(q.sample()).shape
    torch.Size([5])
    """

    def __init__(self, network: AutoregressiveNetwork) -> None:
        super().__init__(network.pixels)
        if network.context_size < 1:
            raise ValueError("network has context_size 0; expected a context of 1 or more numbers")
        self.network = network
        image, vector = torch.Size(network.image_shape), torch.Size([network.pixels])
        self.to_vector = ReshapeTransform(image, vector)

    @property
    def outputs(self) -> int:
        """Length of the context."""
        return self.network.context_size

    def forward(self, raw: Tensor) -> TorchDistribution:
        """Give the network's distribution of vectors with each row as its context."""
        latents = Autoregressive(self.network, raw)
        return BinaryVectors(latents, [self.to_vector])


class BinaryVectors(dist.TransformedDistribution):
    """Binary images as vectors: a reshaping alone would have all real vectors as its support."""

    support = constraints.independent(constraints.boolean, 1)
