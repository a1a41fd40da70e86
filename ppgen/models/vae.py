"""The variational autoencoder (Kingma and Welling 2014, Auto-encoding variational Bayes)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ppgen.likelihoods import Bernoulli, Likelihood, at_least_float32
from ppgen.models.networks import mlp_decoder, mlp_encoder
from ppgen.objectives import MeanFieldELBO
from ppgen.program import Program


class VAE(Program):
    """z ~ N(0, I), x ~ p(x | decoder(z)); q(z | x) = N(mean, exp(log_var)) from the encoder.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    encoder
        From images ``(batch, channel, height, width)`` to mean and log-variance, side by side,
        ``(batch, 2 * latent)``.
    decoder
        From ``(*batch, latent)`` to raw outputs of the likelihood,
        ``(*batch, outputs, channel, height, width)``.
    latent
        Dimension K of z.
    likelihood
        p(x | raw) of the pixels.

    See Also
    --------
    VAE.mlp : the usual perceptrons for encoder and decoder.

    Examples
    --------
    >>> vae = VAE.mlp((1, 8, 8), latent=2)
    >>> vae.model(n=3).shape
    torch.Size([3, 1, 8, 8])
    >>> mean, scale = vae.encode(torch.zeros(5, 1, 8, 8))
    >>> mean.shape, scale.shape
    (torch.Size([5, 2]), torch.Size([5, 2]))
    """

    elbo = MeanFieldELBO()
    prior_mean: Tensor
    prior_scale: Tensor

    def __init__(
        self,
        image_shape: Sequence[int],
        encoder: nn.Module,
        decoder: nn.Module,
        latent: int,
        likelihood: Likelihood | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.latent = latent
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood or Bernoulli()
        self.register_buffer("prior_mean", torch.zeros(latent), persistent=False)
        self.register_buffer("prior_scale", torch.ones(latent), persistent=False)

    @classmethod
    def mlp(
        cls,
        image_shape: Sequence[int],
        latent: int = 20,
        hidden: Sequence[int] = (400,),
        likelihood: Likelihood | None = None,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> VAE:
        """Build encoder and decoder as perceptrons with the ``hidden`` layer sizes.

        The decoder has the layers in reverse.
        """
        if latent < 1:
            raise ValueError(f"latent is {latent}; expected a dimension of 1 or more")
        likelihood = likelihood or Bernoulli()
        encoder = mlp_encoder(image_shape, 2 * latent, hidden, activation)
        decoder = mlp_decoder(
            latent, image_shape, likelihood.outputs, tuple(reversed(hidden)), activation
        )
        return cls(image_shape, encoder, decoder, latent, likelihood)

    def model(self, x: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw z, then the image at the site ``"x"``."""
        with pyro.plate("data", n if x is None else len(x)):
            prior = dist.Normal(self.prior_mean, self.prior_scale).to_event(1)
            z = pyro.sample("z", prior)
            return pyro.sample("x", self.likelihood.distribution(self.decoder(z)), obs=x)

    def guide(self, x: Tensor) -> Any:
        """Draw z from the encoder's Gaussian."""
        mean, scale = self.encode(x)
        with pyro.plate("data", len(x)):
            return pyro.sample("z", dist.Normal(mean, scale).to_event(1))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of q(z | x), ``(batch, latent)`` each.

        Raises
        ------
        ValueError
            Where ``x`` has not the shape ``(batch, channel, height, width)`` of this model.
        """
        if x.shape[1:] != self.image_shape:
            raise ValueError(
                f"x has the shape {tuple(x.shape)}; expected (batch, channel, height, width) "
                f"with (channel, height, width) = {self.image_shape}"
            )
        mean, log_var = at_least_float32(self.encoder(x)).chunk(2, dim=-1)
        return mean, (0.5 * log_var).exp()

    def decode(self, z: Tensor) -> Tensor:
        """Mean image of p(x | z), ``(*batch, channel, height, width)``."""
        return self.image(self.likelihood.distribution(self.decoder(z)))

    def image(self, distribution: Any) -> Tensor:
        """Give the mean of p(x | z) as an image of grey values."""
        return self.likelihood.mean(distribution)
