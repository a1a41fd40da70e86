"""A linear-Gaussian model, where inference is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import MultivariateNormal, constraints
from torch import Tensor, nn
from torch.distributions import transform_to

from ppgen.images import check_batch, check_image_shape, check_observed
from ppgen.likelihoods import at_least_float32
from ppgen.program import Program


class LinearGaussian(Program):
    """z ~ N(0, I), x | z ~ N(W z + mean, σ² I); q(z | x) = N(A (x − mean), C), the exact family.

    Images are grey values as floats, as a rule from 0 to 1: log-likelihoods are densities of that
    scale. Everything is Gaussian, so likelihood, posterior and missing pixels are exact (Tipping
    and Bishop 1999, Probabilistic principal component analysis, section 3). ``ppgen.fit`` trains
    model and guide by SVI; its default ELBO has no variance where the guide is the exact posterior,
    since there log p(x, z) − log q(z | x) = log p(x) whatever z is drawn.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    latent
        Dimension d of z, fewer than the pixels.

    Attributes
    ----------
    loadings
        W, an image for each latent dimension, ``(latent, channel, height, width)``.
    mean
        ``(channel, height, width)``.
    log_scale
        log σ.

    Raises
    ------
    ValueError
        Where ``image_shape`` is none, or ``latent`` is below 1 or not below the number of pixels.

    Examples
    --------
    >>> program = LinearGaussian((1, 8, 8), latent=3)
    >>> x = torch.rand(5, 1, 8, 8)
    >>> program.posterior(x).mean.shape, program.log_likelihood(x).shape
    (torch.Size([5, 3]), torch.Size([5]))
    """

    def __init__(self, image_shape: Sequence[int], latent: int) -> None:
        super().__init__()
        pixels = check_image_shape(image_shape)
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
        """Standard deviation σ of the noise."""
        return self.log_scale.exp()

    @property
    def guide_tril(self) -> Tensor:
        """Cholesky factor of the guide's covariance, which all images share."""
        return transform_to(constraints.lower_cholesky)(self.encoder_tril)

    def model(self, x: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw z, then the image at the site ``"x"``."""
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", self._prior())
            return pyro.sample("x", self._pixels(z).to_event(3), obs=x)

    def guide(self, x: Tensor) -> Any:
        """Draw z from a Gaussian with a linear mean and one covariance for all images."""
        mean = at_least_float32(self.encoder((x - self.mean).flatten(-3)))
        with pyro.plate("data", len(x)):
            return pyro.sample("z", MultivariateNormal(mean, scale_tril=self.guide_tril))

    def decode(self, z: Tensor) -> Tensor:
        """E[x | z] for ``(*batch, latent)``: ``(*batch, channel, height, width)``."""
        return torch.tensordot(z, self.loadings, 1) + self.mean

    def posterior(self, x: Tensor, observed: Tensor | None = None) -> MultivariateNormal:
        """Exact p(z | x), batch shape ``(batch,)``.

        Parameters
        ----------
        x
            ``(batch, channel, height, width)``. What stands at missing pixels is ignored.
        observed
            True where a pixel is observed, broadcasting to the images; a mask of one image for all
            costs the least. None: everywhere. An image of which nothing is observed has the prior
            as its posterior.

        Raises
        ------
        ValueError
            Where image or mask are not what is expected, or there is too little noise for the
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
        # Validation would look at the precision of every image, also where all have one.
        return MultivariateNormal(mean, precision_matrix=precision, validate_args=False)

    def log_likelihood(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Exact log p(x) of each image, ``(batch,)`` in nats; of the observed pixels, if masked.

        Arguments are those of :meth:`posterior`.
        """
        return self._log_likelihood(x, observed, self.posterior(x, observed))

    @torch.no_grad()
    def complete(self, x: Tensor, observed: Tensor, *, mean: bool = False) -> Tensor:
        """Fill in missing pixels given the observed ones, which stay as they are.

        Parameters
        ----------
        x, observed
            As in :meth:`posterior`.
        mean
            Whether to give the exact conditional mean, in place of a draw from the exact
            conditional, noise included.

        Returns
        -------
        Tensor
            ``(batch, channel, height, width)``.
        """
        posterior = self.posterior(x, observed)
        pixels = self._pixels(posterior.mean if mean else posterior.sample())
        return x.where(observed, pixels.mean if mean else pixels.sample())

    def walk(self, z: Tensor, offsets: Tensor) -> Tensor:
        """Move one latent dimension at a time away from ``z``, by each offset.

        Returns
        -------
        Tensor
            E[x | z], ``(latent, offsets, channel, height, width)``.
        """
        steps = offsets.view(-1, 1) * torch.eye(self.latent).to(z).unsqueeze(1)
        return self.decode(z + steps)

    @torch.no_grad()
    def use_exact_posterior(self) -> None:
        """Make the guide the exact posterior under the model's present parameters."""
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
        # log p(x) = log p(x, z) − log p(z | x) for any z. At the posterior's mean, where its log
        # density is d/2 less its entropy, no large numbers cancel, as they do in the quadratic
        # form of Woodbury's identity: in float32 that leaves a thirtieth of the error.
        z = posterior.mean
        if observed is None:
            pixels = self._pixels(z).log_prob(x)
        else:
            pixels = self._pixels(z).log_prob(x.where(observed, self.mean)).where(observed, 0)
        at_mean = self.latent / 2 - posterior.entropy()
        return self._prior().log_prob(z) + pixels.sum((-3, -2, -1)) - at_mean

    def _check(self, x: Tensor, observed: Tensor | None) -> Tensor | None:
        check_batch(x, self.image_shape)
        if not x.is_floating_point():
            raise ValueError(f"x is {x.dtype}; expected grey values as floats: images / 255")
        if observed is None:
            return None
        check_observed(observed, x.shape)
        return observed.expand(*observed.shape[:-3], *self.image_shape)


def check_latent(latent: int, pixels: int) -> None:
    """Refuse a dimension of z that leaves nothing to the noise."""
    if not 1 <= latent < pixels:
        raise ValueError(
            f"latent is {latent}; expected a dimension of 1 or more, and fewer than the "
            f"{pixels} pixels"
        )
