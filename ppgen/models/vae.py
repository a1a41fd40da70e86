"""The variational autoencoder (Kingma and Welling 2014, Auto-encoding variational Bayes)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.arguments import check_kind
from ppgen.images import check_batch, check_image_shape
from ppgen.likelihoods import Likelihood, as_likelihood
from ppgen.models.convolutions import (
    Upsampling,
    convolutional_decoder,
    convolutional_encoder,
    transposed,
)
from ppgen.models.networks import mlp_decoder, mlp_encoder
from ppgen.models.posteriors import DiagonalGaussian, Posterior
from ppgen.objectives import MeanFieldELBO
from ppgen.program import Program


class VAE(Program):
    """z ~ N(0, I), x ~ p(x | decoder(z)); q(z | x) = N(mean, exp(log_var)) from the encoder.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    encoder
        From images ``(batch, channel, height, width)`` to what the posterior needs,
        ``(batch, outputs)``: for a Gaussian mean and log-variance, side by side.
    decoder
        From ``(*batch, latent)`` to raw outputs of the likelihood,
        ``(*batch, outputs, channel, height, width)``.
    latent
        Dimension K of z, whose q(z | x) is then a diagonal Gaussian, or another family
        :class:`ppgen.models.posteriors.Posterior`.
    likelihood
        p(x | raw) of the pixels; by default :class:`ppgen.likelihoods.Bernoulli`.

    Raises
    ------
    TypeError
        Where an argument is of another kind.
    ValueError
        Where ``image_shape`` is none, or ``latent`` is below 1; when it runs, where the decoder
        gives raw outputs of another shape.

    See Also
    --------
    VAE.mlp, VAE.convolutional : the usual networks for encoder and decoder.

    Examples
    --------
    >>> vae = VAE.mlp((1, 8, 8), latent=2)
    >>> vae.model(n=3).shape
    torch.Size([3, 1, 8, 8])
    >>> mean, scale = vae.encode(torch.zeros(5, 1, 8, 8))
    >>> mean.shape, scale.shape
    (torch.Size([5, 2]), torch.Size([5, 2]))
    """

    objective = MeanFieldELBO()
    prior_mean: Tensor
    prior_scale: Tensor

    def __init__(
        self,
        image_shape: Sequence[int],
        encoder: nn.Module,
        decoder: nn.Module,
        latent: Posterior | int,
        likelihood: Likelihood | None = None,
    ) -> None:
        super().__init__()
        check_image_shape(image_shape)
        self.image_shape = tuple(image_shape)
        self.encoder = encoder
        self.decoder = decoder
        self.posterior = as_posterior(latent)
        self.likelihood = as_likelihood(likelihood)
        self.register_buffer("prior_mean", torch.zeros(self.latent), persistent=False)
        self.register_buffer("prior_scale", torch.ones(self.latent), persistent=False)

    @classmethod
    def mlp(
        cls,
        image_shape: Sequence[int],
        latent: Posterior | int = 20,
        *,
        hidden: Sequence[int] = (400,),
        likelihood: Likelihood | None = None,
        activation: Callable[[], nn.Module] = nn.ReLU,
        **options: Any,
    ) -> Self:
        """Build encoder and decoder as perceptrons with the ``hidden`` layer sizes.

        The decoder has the layers in reverse. Further ``options`` are those of the class.
        """
        check_kind("hidden", hidden, Sequence, f"the size of each layer, as [{hidden}]")
        posterior, likelihood = as_posterior(latent), as_likelihood(likelihood)
        encoder = mlp_encoder(image_shape, posterior.outputs, hidden, activation)
        decoder = mlp_decoder(
            posterior.latent, image_shape, likelihood.outputs, tuple(reversed(hidden)), activation
        )
        return cls(image_shape, encoder, decoder, posterior, likelihood, **options)

    @classmethod
    def convolutional(
        cls,
        image_shape: Sequence[int],
        latent: Posterior | int = 20,
        *,
        channels: Sequence[int] = (32, 64),
        hidden: int = 256,
        blocks: int = 0,
        likelihood: Likelihood | None = None,
        activation: Callable[[], nn.Module] = nn.ReLU,
        upsampling: Upsampling = transposed,
        **options: Any,
    ) -> Self:
        """Build encoder and decoder of convolutions with stride 2, for images of any size.

        Parameters are those of :func:`ppgen.models.convolutions.convolutional_encoder` and its
        decoder, which has the channels in reverse. Further ``options`` are those of the class.
        """
        check_kind("channels", channels, Sequence, f"those of each layer, as [{channels}]")
        posterior, likelihood = as_posterior(latent), as_likelihood(likelihood)
        encoder = convolutional_encoder(
            image_shape, posterior.outputs, channels, hidden, blocks, activation
        )
        decoder = convolutional_decoder(
            posterior.latent,
            image_shape,
            likelihood.outputs,
            tuple(reversed(channels)),
            hidden,
            blocks,
            activation,
            upsampling,
        )
        return cls(image_shape, encoder, decoder, posterior, likelihood, **options)

    @property
    def latent(self) -> int:
        """Dimension K of z."""
        return self.posterior.latent

    def draw_posterior(self, q: TorchDistribution) -> Tensor:
        """Draw z from q(z | x), inside the plate of the images."""
        return pyro.sample("z", q)

    def draw_prior(self) -> Tensor:
        """Draw z from p(z), inside the plate of the images."""
        return pyro.sample("z", dist.Normal(self.prior_mean, self.prior_scale).to_event(1))

    def model(self, x: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw z, then the image at the site ``"x"``."""
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", self.decoded(self.draw_prior()), obs=x)

    def guide(self, x: Tensor) -> Any:
        """Draw z from the encoder's posterior."""
        q = self.encoded(x)
        with pyro.plate("data", len(x)):
            return self.draw_posterior(q)

    def encoded(self, x: Tensor) -> TorchDistribution:
        """Give q(z | x), batch shape ``(batch,)``.

        Raises
        ------
        ValueError
            Where ``x`` has not the shape ``(batch, channel, height, width)`` of this model.
        """
        check_batch(x, self.image_shape)
        return self.posterior(self.encoder(self.likelihood.network_input(x)))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of a Gaussian q(z | x), ``(batch, latent)`` each."""
        q = self.encoded(x)
        return q.mean, q.stddev

    def decode(self, z: Tensor) -> Tensor:
        """Mean image of p(x | z), ``(*batch, channel, height, width)``."""
        return self.image(self.decoded(z))

    def decoded(self, z: Tensor) -> TorchDistribution:
        """Give p(x | z), batch shape ``(*batch,)``.

        Raises
        ------
        ValueError
            Where the decoder gives no raw outputs of ``(*batch, outputs, channel, height, width)``.
        """
        return self.likelihood.of_images(self.decoder(z), (*z.shape[:-1], *self.image_shape))

    def image(self, distribution: Any) -> Tensor:
        """Give the mean of p(x | z) as an image of grey values."""
        return self.likelihood.mean(distribution)

    def grey(self, x: Tensor) -> Tensor:
        """Give pixels in the likelihood's support as grey values."""
        return self.likelihood.grey(x)


def as_posterior(posterior: Posterior | int) -> Posterior:
    """Take the dimension of z for a diagonal Gaussian, and refuse what is no family either.

    Raises
    ------
    TypeError
        Where it is something else.
    """
    expected = "a dimension, or a family such as ppgen.models.posteriors.DiagonalGaussian(20)"
    check_kind("latent", posterior, (int, Posterior), expected)
    return DiagonalGaussian(posterior) if isinstance(posterior, int) else posterior
