"""Families of approximate posteriors q(z | x), given the outputs of an encoder."""

from collections.abc import Iterable
from typing import Annotated, Any

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution, constraints
from pyro.distributions.transforms import conditional_affine_autoregressive
from torch import Tensor, nn
from torch.distributions.transforms import ReshapeTransform

from ppgen.arguments import Such, checked
from ppgen.autoregressive import AutoregressiveNetwork
from ppgen.distributions import Autoregressive
from ppgen.likelihoods import at_least_float32
from ppgen.models.vae import DiagonalGaussian, Posterior


def layer_sites(layers: int) -> list[str]:
    """Return the site names of the layers of latents, from the lowest up: z, z2, z3 …."""
    return ["z", *(f"z{number}" for number in range(2, layers + 1))]


class InverseAutoregressiveFlow(Posterior):
    """Diagonal Gaussian followed by affine autoregressive transforms that see the encoder.

    Kingma et al. 2016, Improved variational inference with inverse autoregressive flow,
    equation 10. Each of the ``transforms`` orders the dimensions at random, and has a network with
    ``hidden`` units. ``context`` is the length of the encoder's output that conditions them.

    Examples
    --------
    >>> q = InverseAutoregressiveFlow(latent=2)(torch.zeros(5, 20))
    >>> z = q.rsample()
    >>> z.shape, q.log_prob(z).shape
    (torch.Size([5, 2]), torch.Size([5]))
    """

    def __init__(
        self, latent: int, transforms: int = 2, hidden: int = 128, context: int = 16
    ) -> None:
        super().__init__(latent)
        self.base = DiagonalGaussian(latent)
        self.context = context
        self.outputs = self.base.outputs + context
        self.transforms = nn.ModuleList(
            # With a wider range of log-scales the first steps of training may diverge.
            conditional_affine_autoregressive(
                latent, context, [hidden], log_scale_min_clip=-3.0, log_scale_max_clip=3.0
            )
            for _ in range(transforms)
        )

    def forward(self, raw: Tensor) -> TorchDistribution:
        """Return the flow of each row."""
        raw = at_least_float32(raw)
        gaussian, context = raw.split((self.base.outputs, self.context), dim=-1)
        conditional: Iterable[Any] = self.transforms
        transforms = [transform.condition(context) for transform in conditional]
        return dist.TransformedDistribution(self.base(gaussian), transforms)


class FactorisedBernoulli(Posterior):
    """Binary latents that are independent given the image, one logit each."""

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        self.outputs = latent

    def forward(self, raw: Tensor) -> TorchDistribution:
        """Return independent Bernoullis with the logits of each row."""
        return dist.Bernoulli(logits=at_least_float32(raw)).to_event(1)


ConditionalNetwork = Annotated[
    AutoregressiveNetwork,
    Such(lambda network: network.context_size > 0, "a network with a context_size of 1 or more"),
]


class AutoregressiveBernoulli(Posterior):
    """Binary latents drawn one after the other, each given the image and the earlier latents.

    Unlike a factorised family it can represent explaining away: when one cause is on, another
    becomes less probable. ``network`` has the conditionals of the latents, as binary images
    ``(1, 1, K)``; its context is the encoder's output.

    Examples
    --------
    >>> from ppgen.autoregressive import FullyVisible
    >>> q = AutoregressiveBernoulli(FullyVisible((1, 1, 3), context_size=8))(torch.zeros(5, 8))
    >>> q.log_prob(q.sample()).shape
    torch.Size([5])
    """

    @checked
    def __init__(self, network: ConditionalNetwork) -> None:
        super().__init__(network.pixels)
        self.network, self.outputs = network, network.context_size
        self.to_vector = ReshapeTransform(torch.Size(network.shape), torch.Size([network.pixels]))

    def forward(self, raw: Tensor) -> TorchDistribution:
        """Return the network's distribution of vectors, each row its context."""
        return BinaryVectors(Autoregressive(self.network, raw), [self.to_vector])


class BinaryVectors(dist.TransformedDistribution):
    """Binary images reshaped to vectors; the reshaping alone would report real support."""

    support = constraints.independent(constraints.boolean, 1)
