"""Variational autoencoders (Kingma and Welling 2014, Auto-encoding variational Bayes)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ppgen.arguments import Count, Size, checked
from ppgen.images import ImageShape, check_batch
from ppgen.kinds import shown
from ppgen.likelihoods import AnyLikelihood, as_likelihood, at_least_float32
from ppgen.models import networks
from ppgen.models.networks import Activation, Channels, Upsampling
from ppgen.objectives import MeanFieldELBO
from ppgen.program import Program


@checked
class Posterior(nn.Module, ABC):
    """Abstract family of distributions over latent vectors.

    A subclass sets ``outputs``, the number of encoder outputs that it needs for each image, and
    defines ``forward``, which turns them into a distribution. ``latent`` is the dimension K of z.
    """

    outputs: int

    def __init__(self, latent: Size) -> None:
        super().__init__()
        self.latent = latent

    @abstractmethod
    def forward(self, raw: Tensor) -> TorchDistribution:
        """Return q(z | x), batch shape ``(*batch,)``, event ``(K,)``, for ``(*batch, outputs)``."""


def diagonal_gaussian(raw: Tensor) -> TorchDistribution:
    """Return N(mean, diag exp(log_var)) for means, then log-variances, ``(*batch, 2K)``."""
    mean, log_var = at_least_float32(raw).chunk(2, dim=-1)
    return dist.Normal(mean, (0.5 * log_var).exp()).to_event(1)


class DiagonalGaussian(Posterior):
    """Diagonal Gaussian N(mean, diag exp(log_var)); the outputs are means, then log-variances."""

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        self.outputs = 2 * latent

    def forward(self, raw: Tensor) -> TorchDistribution:
        """Return the Gaussian of each row."""
        return diagonal_gaussian(raw)


def as_posterior(posterior: Posterior | int) -> Posterior:
    """Return a family q(z | x): a diagonal Gaussian if given a dimension of z, else as it is."""
    return posterior if isinstance(posterior, Posterior) else DiagonalGaussian(posterior)


@checked
class VAE(Program):
    """Variational autoencoder: z ~ N(0, I), x ~ p(x | decoder(z)), q(z | x) from the encoder.

    :meth:`mlp` and :meth:`convolutional` make the usual encoders and decoders.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    encoder
        From images ``(batch, channel, height, width)`` to the parameters of q(z | x),
        ``(batch, outputs)``: for a Gaussian, means and then log-variances.
    decoder
        From latents ``(*batch, latent)`` to raw outputs of the likelihood,
        ``(*batch, outputs, channel, height, width)``.
    latent
        Dimension K of z, for a diagonal Gaussian q(z | x); or another
        :class:`ppgen.models.posteriors.Posterior`.
    likelihood
        p(x | raw outputs) of the pixels; by default :class:`ppgen.likelihoods.Bernoulli`.

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
    sites: Sequence[str] = ("z",)
    prior_mean: Tensor
    prior_scale: Tensor

    def __init__(
        self,
        image_shape: ImageShape,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: Posterior | Size,
        likelihood: AnyLikelihood = None,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.encoder = encoder
        self.decoder = decoder
        self.posterior = as_posterior(latent)
        self.likelihood = as_likelihood(likelihood)
        self.register_buffer("prior_mean", torch.zeros(self.latent), persistent=False)
        self.register_buffer("prior_scale", torch.ones(self.latent), persistent=False)

    @classmethod
    @checked
    def mlp(
        cls,
        image_shape: ImageShape,
        latent: Posterior | Size = 20,
        *,
        hidden: Sequence[Size] = (400,),
        likelihood: AnyLikelihood = None,
        activation: Activation = nn.ReLU,
        **options: Any,
    ) -> Self:
        """Make a VAE whose encoder is a perceptron with these ``hidden`` layer sizes.

        The decoder has them in reverse order. ``options`` are further arguments of the class.
        """
        posterior, likelihood = as_posterior(latent), as_likelihood(likelihood)
        encoder = networks.mlp_encoder(image_shape, posterior.outputs, hidden, activation)
        sizes = (posterior.latent, image_shape, likelihood.outputs, hidden[::-1])
        decoder = networks.mlp_decoder(*sizes, activation)
        return cls(image_shape, encoder, decoder, posterior, likelihood, **options)

    @classmethod
    @checked
    def convolutional(
        cls,
        image_shape: ImageShape,
        latent: Posterior | Size = 20,
        *,
        channels: Channels = (32, 64),
        hidden: Size = 256,
        blocks: Count = 0,
        likelihood: AnyLikelihood = None,
        activation: Activation = nn.ReLU,
        upsampling: Upsampling = networks.transposed,
        **options: Any,
    ) -> Self:
        """Make a VAE whose encoder has convolutions with stride 2, for images of any size.

        See :func:`ppgen.models.networks.convolutional_encoder`. The decoder has its channels in
        reverse order. ``options`` are further arguments of the class.
        """
        posterior, likelihood = as_posterior(latent), as_likelihood(likelihood)
        layers: Any = {"hidden": hidden, "blocks": blocks, "activation": activation}
        encoder = networks.convolutional_encoder(image_shape, posterior.outputs, channels, **layers)
        sizes = (posterior.latent, image_shape, likelihood.outputs, channels[::-1])
        decoder = networks.convolutional_decoder(*sizes, **layers, upsampling=upsampling)
        return cls(image_shape, encoder, decoder, posterior, likelihood, **options)

    @property
    def latent(self) -> int:
        """Dimension K of z."""
        return self.posterior.latent

    def draw_posterior(self, q: TorchDistribution) -> Tensor:
        """Draw z from q(z | x), inside the plate of images."""
        return pyro.sample("z", q)

    def draw_prior(self) -> Tensor:
        """Draw z from p(z), inside the plate of images."""
        prior = dist.Normal(self.prior_mean, self.prior_scale).to_event(1)
        return pyro.sample(self.sites[-1], prior)

    def model(self, x: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw z, then the image at site ``"x"``."""
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", self.decoded(self.draw_prior()), obs=x)

    def guide(self, x: Tensor) -> Any:
        """Draw z from the encoder's posterior."""
        q = self.encoded(x)
        with pyro.plate("data", len(x)):
            return self.draw_posterior(q)

    def encoded(self, x: Tensor) -> TorchDistribution:
        """Return q(z | x), batch shape ``(batch,)``, for images ``(batch, *image_shape)``."""
        if x.shape[1:] != self.image_shape:
            check_batch(x, self.image_shape)
        raw = self.encoder(self.likelihood.network_input(x))
        if not isinstance(raw, Tensor) or raw.shape[-1:] != (self.posterior.outputs,):
            raise ValueError(
                f"encoder returns {shown(raw)}; expected a tensor of the shape "
                f"(batch, {self.posterior.outputs}), for {type(self.posterior).__name__}: of a "
                "Gaussian, means and then log-variances"
            )
        return self.posterior(raw)

    @checked
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of a Gaussian q(z | x), ``(batch, latent)`` each."""
        q = self.encoded(x)
        return q.mean, q.stddev

    @checked
    def decode(self, z: Tensor) -> Tensor:
        """Return the mean image of p(x | z), ``(*batch, channel, height, width)``."""
        return self.image(self.decoded(z))

    def decoded(self, z: Tensor) -> TorchDistribution:
        """Return p(x | z), batch shape ``(*batch,)``, for latents ``(*batch, latent)``.

        Raises a ValueError if the decoder's raw outputs have another shape than expected.
        """
        raw = self.decoder(z.to(self.prior_mean))  # draws have at least float32
        return self.likelihood.of_images(raw, (*z.shape[:-1], *self.image_shape))

    def image(self, distribution: Any) -> Tensor:
        """Return the mean of p(x | z) as an image of grey values."""
        return self.likelihood.mean(distribution)

    def grey(self, x: Tensor) -> Tensor:
        """Convert pixels in the likelihood's support to grey values."""
        return self.likelihood.grey(x)
