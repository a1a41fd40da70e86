"""The linear-Gaussian latent variable model, in which inference is exact."""

from math import prod
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import MultivariateNormal, constraints
from torch import Tensor, nn
from torch.distributions import transform_to

from ppgen.arguments import Size, checked
from ppgen.images import ImageShape, check_batch, check_grey, check_observed
from ppgen.likelihoods import at_least_float32
from ppgen.program import Program


@checked
class LinearGaussian(Program):
    """z ~ N(0, I), x | z ~ N(W z + mean, σ² I); q(z | x) = N(A (x − mean), C), the exact family.

    The model's parameters are ``loadings``, W, ``(latent, channel, height, width)``; ``mean``,
    ``(channel, height, width)``; and ``log_scale``, log σ, ``()``.

    Images are grey values as floats, usually from 0 to 1; log-likelihoods are densities on that
    scale. Likelihood, posterior and missing pixels are exact, since everything is Gaussian (Tipping
    and Bishop 1999, Probabilistic principal component analysis, section 3). The ELBO has zero
    variance if the guide is the exact posterior: log p(x, z) − log q(z | x) = log p(x) for every z.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    latent
        Dimension d of z, from 1 to the number of pixels less 1.

    Examples
    --------
    >>> program = LinearGaussian((1, 8, 8), latent=3)
    >>> x = torch.rand(5, 1, 8, 8)
    >>> program.posterior(x).mean.shape, program.log_likelihood(x).shape
    (torch.Size([5, 3]), torch.Size([5]))
    """

    def __init__(self, image_shape: ImageShape, latent: Size) -> None:
        super().__init__()
        pixels = prod(image_shape)
        check_latent(latent, pixels)
        self.image_shape = tuple(image_shape)
        self.latent = latent
        self.loadings = nn.Parameter(torch.randn(latent, *image_shape) / pixels**0.5)
        self.mean = nn.Parameter(torch.zeros(self.image_shape))
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.encoder = nn.Linear(pixels, latent, bias=False)
        self.encoder_tril = nn.Parameter(torch.zeros(latent, latent))

    @property
    def scale(self) -> Tensor:
        """Standard deviation σ of the noise, ``()``."""
        return self.log_scale.exp()

    @property
    def guide_tril(self) -> Tensor:
        """Cholesky factor of the guide's covariance, ``(latent, latent)``, shared by all images."""
        return transform_to(constraints.lower_cholesky)(self.encoder_tril)

    def model(self, x: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw z, then the image at site ``"x"``."""
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", self._prior())
            return pyro.sample("x", self._pixels(z).to_event(3), obs=x)

    def guide(self, x: Tensor) -> Any:
        """Draw z from a Gaussian with a mean linear in x and one covariance for all images."""
        mean = at_least_float32(self.encoder((x - self.mean).flatten(-3)))
        with pyro.plate("data", len(x)):
            tril = self.guide_tril.to(mean)
            return pyro.sample("z", MultivariateNormal(mean, scale_tril=tril))

    @checked
    def decode(self, z: Tensor) -> Tensor:
        """Return E[x | z], ``(*batch, channel, height, width)``, for z ``(*batch, latent)``."""
        return torch.tensordot(z.to(self.loadings), self.loadings, 1) + self.mean

    @checked
    def posterior(self, x: Tensor, observed: Tensor | None = None) -> MultivariateNormal:
        """Return the exact posterior p(z | x), batch shape ``(batch,)``.

        ``observed`` is a boolean mask of pixels that broadcasts to the images; one for all images
        is cheapest. Values at missing pixels are ignored; without observed pixels the posterior is
        the prior. Raises a ValueError if image or mask are invalid, or σ is too small for the
        precision of the floats.
        """
        observed = self._check(x, observed)
        loadings, variance = self.loadings.flatten(1), self.scale**2
        if observed is None:
            products = loadings @ loadings.T
        else:
            x = x.where(observed, self.mean)
            pairs = (loadings.unsqueeze(1) * loadings).flatten(0, 1)
            weights = observed.flatten(-3).to(loadings)
            products = (weights @ pairs.T).unflatten(-1, (self.latent, self.latent))
        precision = torch.eye(self.latent).to(loadings) + products / variance
        try:
            covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
        except torch.linalg.LinAlgError as error:
            raise ValueError(
                f"the noise σ = {self.scale.item():.2g} is too small beside the loadings for "
                f"{precision.dtype}; expected fewer dimensions, or .double() on program and images"
            ) from error
        evidence = (x - self.mean).flatten(-3) @ loadings.T / variance
        mean = (evidence.unsqueeze(-2) @ covariance).squeeze(-2)
        # Validation would check one precision per image, even if all images share one.
        return MultivariateNormal(mean, precision_matrix=precision, validate_args=False)

    @checked
    def log_likelihood(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return exact log p(observed pixels) of each image, ``(batch,)``, in nats.

        Arguments and errors are those of ``posterior``.
        """
        return self._log_likelihood(x, observed, self.posterior(x, observed))

    @checked
    @torch.no_grad()
    def complete(self, x: Tensor, observed: Tensor, *, mean: bool = False) -> Tensor:
        """Draw the missing pixels from the exact conditional, noise included, or fill in its mean.

        ``x`` and ``observed`` are as in ``posterior``.
        """
        posterior = self.posterior(x, observed)
        pixels = self._pixels(posterior.mean if mean else posterior.sample())
        return x.where(observed, pixels.mean if mean else pixels.sample())

    @checked
    def walk(self, z: Tensor, offsets: Tensor) -> Tensor:
        """Return E[x | z] with one latent dimension moved at a time, ``(latent, offsets, …)``."""
        steps = offsets.view(-1, 1) * torch.eye(self.latent).to(z).unsqueeze(1)
        return self.decode(z + steps)

    @torch.no_grad()
    def use_exact_posterior(self) -> None:
        """Set the guide to the exact posterior under the model's current parameters."""
        posterior = self.posterior(self.mean.unsqueeze(0))
        covariance = posterior.covariance_matrix[0]
        self.encoder.weight.copy_(covariance @ self.loadings.flatten(1) / self.scale**2)
        self.encoder_tril.copy_(
            transform_to(constraints.lower_cholesky).inv(posterior.scale_tril[0])
        )

    def _prior(self) -> Any:
        return dist.Normal(self.mean.new_zeros(self.latent), 1.0).to_event(1)

    def _pixels(self, z: Tensor) -> Any:
        return dist.Normal(self.decode(z), self.scale)

    def _log_likelihood(
        self, x: Tensor, observed: Tensor | None, posterior: MultivariateNormal
    ) -> Tensor:
        # log p(x) = log p(x, z) − log p(z | x) for any z. At the posterior's mean log p(z | x) is
        # d/2 − entropy, and no large numbers cancel, unlike in Woodbury's identity.
        z = posterior.mean
        pixels = self._pixels(z).log_prob(x if observed is None else x.where(observed, self.mean))
        if observed is not None:
            pixels = pixels.where(observed, 0)
        at_mean = self.latent / 2 - posterior.entropy()
        return self._prior().log_prob(z) + pixels.sum((-3, -2, -1)) - at_mean

    def _check(self, x: Tensor, observed: Tensor | None, name: str = "x") -> Tensor | None:
        check_batch(x, self.image_shape, name)
        check_grey(name, x)
        if observed is None:
            return None
        check_observed(observed, x.shape)
        return observed.expand(*observed.shape[:-3], *self.image_shape)


def check_latent(latent: int, pixels: int) -> None:
    """Raise a ValueError if ``latent`` leaves no dimension to the noise."""
    if latent >= pixels:
        raise ValueError(
            f"latent is {latent}; expected a dimension of 1 or more, and fewer than the "
            f"{pixels} pixels"
        )
