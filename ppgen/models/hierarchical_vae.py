"""Variational autoencoders with several layers of latents."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import pyro
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.arguments import Size, Such, checked
from ppgen.images import ImageShape
from ppgen.likelihoods import AnyLikelihood
from ppgen.models import networks
from ppgen.models.networks import Activation
from ppgen.models.posteriors import layer_sites
from ppgen.models.vae import VAE, Posterior, diagonal_gaussian
from ppgen.objectives import TensorELBO


@checked
class HierarchicalVAE(VAE):
    """VAE with several layers: z_L ~ N(0, I), …, z_1 ~ p(z_1 | z_2), x ~ p(x | z_1).

    The guide draws from the lowest layer up. Each conditional is a diagonal Gaussian whose mean and
    variance a perceptron computes (Burda, Grosse and Salakhutdinov 2016, Importance weighted
    autoencoders, section 5.1). The sites are ``"z"`` for the lowest layer, then ``"z2"`` and so on.

    ``above`` holds the dimensions of the layers above the lowest, from the lower up;
    ``conditional_hidden`` and ``conditional_activation`` are the hidden layer sizes and activations
    of the perceptrons between two layers. The other arguments are those of :class:`VAE`.

    Examples
    --------
    >>> vae = HierarchicalVAE.mlp((1, 8, 8), latent=20, above=(10, 5))
    >>> vae.model(n=3).shape
    torch.Size([3, 1, 8, 8])
    """

    objective = TensorELBO()

    def __init__(
        self,
        image_shape: ImageShape,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: Posterior | Size,
        likelihood: AnyLikelihood = None,
        above: Annotated[Sequence[Size], Such(len, "dimensions of one or more layers")] = (20,),
        conditional_hidden: Sequence[Size] = (100, 100),
        conditional_activation: Activation = nn.Tanh,
    ) -> None:
        super().__init__(image_shape, encoder, decoder, latent, likelihood)
        sizes = [self.latent, *above]
        self.sites = layer_sites(len(sizes))

        def conditional(given: int, drawn: int) -> nn.Module:
            return networks.mlp([given, *conditional_hidden, 2 * drawn], conditional_activation)

        pairs = list(pairwise(sizes))
        self.conditionals = nn.ModuleList(conditional(up, low) for low, up in pairs)  # p(low | up)
        self.inferences = nn.ModuleList(conditional(low, up) for low, up in pairs)  # q(up | low)
        self.prior_mean, self.prior_scale = torch.zeros(sizes[-1]), torch.ones(sizes[-1])

    def draw_prior(self) -> Tensor:
        """Draw all layers from the top down and return the lowest."""
        z = super().draw_prior()
        for site, network in zip(self.sites[-2::-1], reversed(self.conditionals), strict=True):
            z = pyro.sample(site, diagonal_gaussian(network(z.to(self.prior_mean))))
        return z

    def draw_posterior(self, q: TorchDistribution) -> Tensor:
        """Draw the lowest layer from q(z | x), each other from the one below; return the lowest."""
        lowest = z = super().draw_posterior(q)
        for site, network in zip(self.sites[1:], self.inferences, strict=True):
            z = pyro.sample(site, diagonal_gaussian(network(z.to(self.prior_mean))))
        return lowest
