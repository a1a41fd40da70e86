"""Probabilistic PCA (Tipping and Bishop 1999, Probabilistic principal component analysis)."""

from collections.abc import Callable
from typing import Self

import torch
from pyro.distributions import MultivariateNormal
from torch import Tensor
from torch.nn.functional import pad

from ppgen.arguments import Count, Size, checked
from ppgen.data.batches import observed_batches
from ppgen.models.em import alternate
from ppgen.models.linear_gaussian import LinearGaussian, check_latent
from ppgen.models.principal_axes import PrincipalAxes


class PPCA(LinearGaussian):
    """Probabilistic PCA: the linear-Gaussian model, fitted exactly by maximum likelihood.

    :meth:`from_images` computes the optimum in closed form, :meth:`fit_em` by expectation
    maximisation if pixels are missing, and ``ppgen.fit`` reaches the same optimum by SVI. The
    optimum determines the loadings up to a rotation; :meth:`from_images` returns principal axes.

    Examples
    --------
    >>> from ppgen import data
    >>> digits = data.load("digits")
    >>> x = digits.train.images / 16
    >>> ppca = PPCA.from_images(x, latent=8)
    >>> ppca.posterior(x).mean.shape, ppca.log_likelihood(x).shape
    (torch.Size([1197, 8]), torch.Size([1197]))
    >>> right_half = torch.arange(8) > 3
    >>> ppca.complete(x[:5], observed=~right_half, mean=True).shape
    torch.Size([5, 1, 8, 8])
    """

    @classmethod
    @checked
    def from_images(cls, images: Tensor, latent: Size, *, randomised: bool = False) -> Self:
        """Fit by maximum likelihood in closed form (equations 7 and 8), computed in float64.

        ``images`` are grey values as floats, ``(batch, channel, height, width)``. The loadings are
        orthogonal, in falling order of the variance that they explain; a constant pixel gets
        loadings 0. The guide becomes the exact posterior. If ``randomised``, the axes are those of
        :meth:`PrincipalAxes.randomised`. Raises a ValueError if images are not finite floats, or
        vary along too few directions to leave variance to the noise.
        """
        check_latent(latent, images.shape[1:].numel())
        find = PrincipalAxes.randomised if randomised else PrincipalAxes.from_images
        axes = find(images, latent + 1)
        ppca = cls(images.shape[1:], latent).to(images)
        ppca._set_closed_form(axes)
        ppca.use_exact_posterior()
        return ppca

    @checked
    @torch.no_grad()
    def fit_em(
        self,
        images: Tensor,
        observed: Tensor | None = None,
        *,
        iterations: Count = 500,
        tolerance: float = 1e-3,
        batch_size: Size = 1000,
        warm_start: bool = False,
        callback: Callable[[Self, list[float]], bool | None] | None = None,
    ) -> list[float]:
        """Fit by expectation maximisation; pixels may be missing at random.

        The start is the closed form on images whose missing pixels are set to the pixel's mean;
        without missing pixels it is the optimum. Images without observed pixels have no effect; a
        pixel that no image observes gets loadings 0 and keeps its mean. With missing pixels maximum
        likelihood overfits at fewer dimensions. The guide becomes the exact posterior.

        ``images`` and ``observed`` are as in ``posterior``, the other arguments as in
        :meth:`ppgen.models.BernoulliMixture.fit_em`. Returns the mean log-likelihood of the
        observed pixels at the start and after each iteration, in nats. Raises a ValueError also if
        observed pixels are not finite, or the noise variance runs to 0 because the images vary
        along too few directions.
        """
        self._check(images, observed, "images")
        if observed is None:
            observed = torch.ones(images.shape, dtype=torch.bool)
        if not observed.any():
            raise ValueError("observed is False everywhere; expected some pixel to be observed")
        batches = observed_batches((images,), observed, batch_size, self.device, self.dtype)
        if not warm_start:
            start = self._imputed(*batches.data.tensors)
            self._set_closed_form(PrincipalAxes.from_images(start, self.latent + 1))

        def expectation() -> tuple[float, PixelRegression]:
            regression, total = PixelRegression(self.loadings.flatten(1)), 0.0
            for x, seen in batches:
                posterior = self.posterior(x, seen)
                total += self._log_likelihood(x, seen, posterior).sum().item()
                centred = (x.where(seen, self.mean) - self.mean).flatten(1)
                regression.add(centred, seen.flatten(1), posterior)
            return total / len(images), regression

        def maximisation(regression: PixelRegression) -> None:
            loadings, shift, variance = regression.solve()
            self._set(loadings, self.mean.flatten() + shift, variance)

        values = alternate(self, expectation, maximisation, iterations, tolerance, callback)
        self.use_exact_posterior()
        return values

    def _imputed(self, images: Tensor, observed: Tensor) -> Tensor:
        # Images with some observed pixel; missing pixels, 0, are set to the pixel's mean, which
        # stays as it is if no image observes the pixel.
        total, count = images.sum(0), observed.sum(0)
        mean = torch.where(count > 0, total / count, self.mean.to(images))
        return images.where(observed, mean)[observed.flatten(1).any(1)]

    def _set_closed_form(self, axes: PrincipalAxes) -> None:
        if self.latent >= len(axes.variances):
            raise ValueError(
                f"latent is {self.latent}, but the images vary along no more than "
                f"{len(axes.variances)} axes; expected fewer dimensions than that, so that "
                "variance is left to the noise"
            )
        noise = axes.noise()[self.latent]
        scales = (axes.variances[: self.latent] - noise).sqrt()
        self._set(scales.unsqueeze(-1) * axes.axes[: self.latent], axes.mean, noise)

    @torch.no_grad()
    def _set(self, loadings: Tensor, mean: Tensor, variance: Tensor) -> None:
        self.loadings.copy_(loadings.view_as(self.loadings))
        self.mean.copy_(mean.view_as(self.mean))
        self.log_scale.copy_(variance.log() / 2)


class PixelRegression:
    """M-step: regress every pixel on z and a constant, over the images that observe it.

    Only the posterior of z is known, so the normal equations hold expected moments of (z, 1)
    (Tipping and Bishop 1999, equations 27 and 28, with sums over observed pixels only, and loadings
    and mean solved jointly). ``loadings``, ``(latent, pixels)``, set size, type and device.
    """

    def __init__(self, loadings: Tensor) -> None:
        latent, pixels = loadings.shape
        self.moments = loadings.new_zeros(pixels, latent + 1, latent + 1)
        self.products = loadings.new_zeros(pixels, latent + 1)
        self.squares = loadings.new_zeros(())

    def add(self, x: Tensor, observed: Tensor, posterior: MultivariateNormal) -> None:
        """Add images: values (0 if missing) and mask, ``(batch, pixels)`` each."""
        mean = pad(posterior.mean, (0, 1), value=1.0)
        second = mean.unsqueeze(-1) * mean.unsqueeze(-2)
        second[:, :-1, :-1] += posterior.covariance_matrix
        self.moments += (observed.T.to(x.dtype) @ second.flatten(1)).view_as(self.moments)
        self.products += x.T @ mean
        self.squares += x.square().sum()

    def solve(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return loadings ``(latent, pixels)``, constants ``(pixels,)`` and the noise variance.

        A pixel that no image observes gets zeros. Raises a ValueError if the noise variance is
        within rounding error of 0.
        """
        count, sums = self.moments[:, -1, -1], self.products[:, -1]
        never_seen = (count == 0).to(self.moments).view(-1, 1, 1)
        identity = torch.eye(self.moments.shape[-1]).to(self.moments)
        coefficients = torch.linalg.solve(self.moments + never_seen * identity, self.products)
        left = self.squares - (coefficients * self.products).sum()
        total = self.squares - (sums.square() / count.clamp(min=1)).sum()
        eps = torch.finfo(left.dtype).eps
        # Posteriors lose half of their digits when the noise is this share of the variance.
        if not left > eps**0.5 * total + 10 * eps * self.squares:
            raise ValueError(
                f"the noise variance runs to 0: {coefficients.shape[1] - 1} latent dimensions "
                "explain all that was observed; expected fewer dimensions, or images that vary "
                f"more (or a type of more digits than {left.dtype})"
            )
        return coefficients[:, :-1].T, coefficients[:, -1], left / count.sum()
