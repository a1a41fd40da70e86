"""A VAE whose prior is a chain of Gaussian layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.arguments import check_kind
from ppgen.likelihoods import Likelihood
from ppgen.models.networks import mlp
from ppgen.models.posteriors import Posterior, diagonal_gaussian, layer_sites
from ppgen.models.vae import VAE
from ppgen.objectives import TensorELBO


class HierarchicalVAE(VAE):
    """z_L ~ N(0, I), …, z_1 ~ p(z_1 | z_2), x ~ p(x | z_1), and the guide from x upwards.

    Each conditional is a diagonal Gaussian from a perceptron (Burda, Grosse and Salakhutdinov
    2016, Importance weighted autoencoders, section 5.1). The lowest layer is the site ``"z"``, as
    in the :class:`VAE`, those above are ``"z2"``, ``"z3"`` and so on.

    Parameters
    ----------
    image_shape, encoder, decoder, latent, likelihood
        As for :class:`VAE`, for the lowest layer.
    above
        Dimensions of the layers above, from below.
    conditional_hidden
        Sizes of the hidden layers of the perceptrons between two layers of latents.
    conditional_activation
        Maker of their activations.

    Examples
    --------
    >>> vae = HierarchicalVAE.mlp((1, 8, 8), latent=20, above=(10, 5))
    >>> vae.model(n=3).shape
    torch.Size([3, 1, 8, 8])
    """

    objective = TensorELBO()

    def __init__(
        self,
        image_shape: Sequence[int],
        encoder: nn.Module,
        decoder: nn.Module,
        latent: Posterior | int,
        likelihood: Likelihood | None = None,
        above: Sequence[int] = (20,),
        conditional_hidden: Sequence[int] = (100, 100),
        conditional_activation: Callable[[], nn.Module] = nn.Tanh,
    ) -> None:
        super().__init__(image_shape, encoder, decoder, latent, likelihood)
        check_kind("above", above, Sequence, f"dimensions of the layers, as [{above}]")
        if not above or min(above) < 1:
            raise ValueError(f"above is {tuple(above)}; expected dimensions of one or more layers")
        sizes = [self.latent, *above]
        self.sites = layer_sites(len(sizes))

        def conditional(given: int, drawn: int) -> nn.Module:
            return mlp([given, *conditional_hidden, 2 * drawn], conditional_activation)

        self.conditionals = nn.ModuleList(  # p(z_l | z_l+1)
            conditional(upper, lower) for lower, upper in pairwise(sizes)
        )
        self.inferences = nn.ModuleList(  # q(z_l+1 | z_l)
            conditional(lower, upper) for lower, upper in pairwise(sizes)
        )
        self.register_buffer("prior_mean", torch.zeros(sizes[-1]), persistent=False)
        self.register_buffer("prior_scale", torch.ones(sizes[-1]), persistent=False)

    def draw_prior(self) -> Tensor:
        """Draw all layers from the top; give the lowest."""
        z = pyro.sample(self.sites[-1], dist.Normal(self.prior_mean, self.prior_scale).to_event(1))
        for site, network in zip(self.sites[-2::-1], reversed(self.conditionals), strict=True):
            z = pyro.sample(site, diagonal_gaussian(network(z)))
        return z

    def draw_posterior(self, q: TorchDistribution) -> Tensor:
        """Draw the lowest layer from q(z | x), the others each from that below; give the lowest."""
        lowest = z = super().draw_posterior(q)
        for site, network in zip(self.sites[1:], self.inferences, strict=True):
            z = pyro.sample(site, diagonal_gaussian(network(z)))
        return lowest
