"""Probabilistic PCA (Tipping and Bishop 1999, Probabilistic principal component analysis)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import MultivariateNormal, constraints
from torch import Tensor, nn
from torch.distributions import transform_to

from ppgen.models.ppca_em import PixelRegression
from ppgen.models.principal_axes import PrincipalAxes
from ppgen.program import Program


class PPCA(Program):
    """z ~ N(0, I), x | z ~ N(W z + mean, σ² I); q(z | x) = N(A (x − mean), C), the exact family.

    Images are grey values as floats, as a rule from 0 to 1: log-likelihoods are densities of that
    scale. Everything is Gaussian, so likelihood, posterior, optimum and missing pixels are exact.
    ``ppgen.fit`` trains model and guide by SVI to the same optimum as :meth:`closed_form`; its
    default ELBO has no variance where the guide is the exact posterior, since there
    log p(x, z) − log q(z | x) = log p(x) whatever z is drawn.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    latent
        Dimension d of z, fewer than the pixels.

    Attributes
    ----------
    loadings
        W, an image for each latent dimension, ``(latent, channel, height, width)``. At the optimum
        they are known up to a rotation; :meth:`closed_form` gives the principal axes.
    mean
        ``(channel, height, width)``.
    log_scale
        log σ.

    Examples
    --------
    >>> from ppgen import data
    >>> digits = data.load("digits")
    >>> x = digits.train.images / 16
    >>> ppca = PPCA.closed_form(x, latent=8)
    >>> ppca.posterior(x).mean.shape, ppca.log_likelihood(x).shape
    (torch.Size([1197, 8]), torch.Size([1197]))
    >>> right_half = torch.arange(8) > 3
    >>> ppca.complete(x[:5], observed=~right_half.expand(1, 8, 8)).shape
    torch.Size([5, 1, 8, 8])
    """

    def __init__(self, image_shape: Sequence[int], latent: int) -> None:
        super().__init__()
        pixels = prod(image_shape)
        if not 1 <= latent < pixels:
            raise ValueError(
                f"latent is {latent}; expected a dimension of 1 or more, and fewer than the "
                f"{pixels} pixels"
            )
        self.image_shape = tuple(image_shape)
        self.latent = latent
        self.loadings = nn.Parameter(torch.randn(latent, *image_shape) / pixels**0.5)
        self.mean = nn.Parameter(torch.zeros(self.image_shape))
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.encoder = nn.Linear(pixels, latent, bias=False)
        self.encoder_tril = nn.Parameter(torch.zeros(latent, latent))

    @classmethod
    def closed_form(cls, images: Tensor, latent: int, *, randomised: bool = False) -> PPCA:
        """Fit by maximum likelihood in closed form (equations 7 and 8), computed in float64.

        The loadings are orthogonal, in order of the variance that they explain; a pixel that is
        constant gets loadings 0; repeated images count as often as they occur. The guide becomes
        the exact posterior.

        Parameters
        ----------
        images
            Grey values as floats, ``(batch, channel, height, width)``.
        latent
            Dimension of z.
        randomised
            Whether to find the axes by power iteration, see :meth:`PrincipalAxes.randomised`, for
            images with many thousand pixels.

        Raises
        ------
        ValueError
            Where the images are no finite floats, or vary along too few directions to leave some
            variance to the noise.
        """
        ppca = cls(images.shape[1:], latent)
        find = PrincipalAxes.randomised if randomised else PrincipalAxes.of
        axes = find(images, latent + 1)
        ppca.to(images)
        if latent >= len(axes.variances):
            raise ValueError(
                f"latent is {latent}, but the {len(images)} images vary along no more than "
                f"{len(axes.variances)} axes; expected fewer dimensions than that, so that "
                "variance is left to the noise"
            )
        noise = axes.noise()[latent]
        scales = (axes.variances[:latent] - noise).sqrt()
        ppca._set(scales.unsqueeze(-1) * axes.axes[:latent], axes.mean, noise)
        ppca.use_exact_posterior()
        return ppca

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
        mean = self.encoder((x - self.mean).flatten(-3))
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
            True where a pixel is observed, ``(channel, height, width)`` for all images or
            ``(batch, channel, height, width)``; None: everywhere. An image of which nothing is
            observed has the prior as its posterior.

        Raises
        ------
        ValueError
            Where image or mask are not what is expected, or there is too little noise for the
            precision of the floats.
        """
        self._check(x, observed)
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
                f"{precision.dtype}; use ppca.double() and images of that type, or fewer dimensions"
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

    def complete(self, x: Tensor, observed: Tensor, *, mean: bool = True) -> Tensor:
        """Fill in missing pixels given the observed ones, which stay as they are.

        Parameters
        ----------
        x, observed
            As in :meth:`posterior`.
        mean
            Whether to give the exact conditional mean, in place of a draw from the exact
            conditional, noise included.
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

    @torch.no_grad()
    def fit_em(
        self,
        images: Tensor,
        observed: Tensor | None = None,
        *,
        iterations: int = 500,
        tolerance: float = 1e-3,
        chunk: int = 1000,
    ) -> list[float]:
        """Fit by expectation maximisation from the present parameters; pixels may be missing.

        Pixels have to be missing at random. An image of which nothing is observed changes
        nothing; a pixel that no image observes gets loadings 0 and keeps its mean. A good start is
        the closed form on images whose missing pixels are set to the pixel's mean; without missing
        pixels the closed form is the answer. With missing pixels maximum likelihood overfits at
        fewer dimensions than without. The guide becomes the exact posterior.

        Parameters
        ----------
        images, observed
            As in :meth:`posterior`.
        iterations
            At most so many.
        tolerance
            Stop once a step gains less than this, nats an image.
        chunk
            Images whose posteriors are in memory at a time.

        Returns
        -------
        list of float
            Mean log-likelihood of the observed pixels before each step, and at the end.

        Raises
        ------
        ValueError
            Where images or mask are not what is expected, observed pixels are not finite, or the
            noise vanishes, since there are more latent dimensions than the images allow.
        """
        images = images.to(self.loadings) if images.is_floating_point() else images
        if observed is None:
            observed = torch.ones(images.shape, dtype=torch.bool)
        self._check(images, observed)
        observed = observed.to(images.device).expand(images.shape)
        if not (observed.any() and images.where(observed, 0).isfinite().all()):
            raise ValueError(
                f"images hold {int(observed.sum())} observed pixels, not all of them finite; "
                "expected finite values wherever the mask is True, and it is so somewhere"
            )
        history: list[float] = []
        while True:
            regression = PixelRegression(self.loadings.flatten(1))
            total = 0.0
            for x, seen in zip(images.split(chunk), observed.split(chunk), strict=True):
                posterior = self.posterior(x, seen)
                total += self._log_likelihood(x, seen, posterior).sum().item()
                centred = (x.where(seen, self.mean) - self.mean).flatten(1)
                regression.add(centred, seen.flatten(1), posterior)
            history.append(total / len(images))
            converged = len(history) > 1 and history[-1] - history[-2] < tolerance
            if converged or len(history) > iterations:
                break
            loadings, shift, variance = regression.solve()
            self._set(loadings, self.mean.flatten() + shift, variance)
        self.use_exact_posterior()
        return history

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

    @torch.no_grad()
    def _set(self, loadings: Tensor, mean: Tensor, variance: Tensor) -> None:
        self.loadings.copy_(loadings.view_as(self.loadings))
        self.mean.copy_(mean.view_as(self.mean))
        self.log_scale.copy_(variance.log() / 2)

    def _check(self, x: Tensor, observed: Tensor | None) -> None:
        if x.shape[-3:] != self.image_shape or x.dim() < 4 or not x.is_floating_point():
            raise ValueError(
                f"x has the shape {tuple(x.shape)} and type {x.dtype}; expected floats of the "
                "shape (batch, channel, height, width) with (channel, height, width) = "
                f"{self.image_shape}"
            )
        if observed is not None and (
            observed.dtype != torch.bool or observed.shape not in (x.shape, self.image_shape)
        ):
            raise ValueError(
                f"observed has the shape {tuple(observed.shape)} and type {observed.dtype}; "
                f"expected a boolean mask of the shape {self.image_shape} or {tuple(x.shape)}"
            )
