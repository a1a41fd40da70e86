"""Probabilistic PCA (Tipping and Bishop 1999, Probabilistic principal component analysis)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ppgen.data.batches import observed_batches
from ppgen.models.em import alternate
from ppgen.models.linear_gaussian import LinearGaussian, check_latent
from ppgen.models.ppca_em import PixelRegression
from ppgen.models.principal_axes import PrincipalAxes, check_images


class PPCA(LinearGaussian):
    """The linear-Gaussian model, fitted by maximum likelihood exactly: W spans principal axes.

    The optimum is known in closed form; where pixels are missing, by expectation maximisation;
    ``ppgen.fit`` comes to the same optimum by SVI. There the loadings are known up to a rotation;
    :meth:`from_images` gives the principal axes.

    Parameters
    ----------
    image_shape, latent
        As for :class:`LinearGaussian`.

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
    def from_images(cls, images: Tensor, latent: int, *, randomised: bool = False) -> PPCA:
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
        check_images(images)
        check_latent(latent, images[0].numel())
        find = PrincipalAxes.randomised if randomised else PrincipalAxes.from_images
        axes = find(images, latent + 1)
        ppca = cls(images.shape[1:], latent).to(images)
        ppca._set_closed_form(axes)
        ppca.use_exact_posterior()
        return ppca

    @torch.no_grad()
    def fit_em(
        self,
        images: Tensor,
        observed: Tensor | None = None,
        *,
        iterations: int = 500,
        tolerance: float = 1e-3,
        batch_size: int = 1000,
        warm_start: bool = False,
        callback: Callable[[PPCA, list[float]], bool | None] | None = None,
    ) -> list[float]:
        """Fit by expectation maximisation; pixels may be missing at random.

        It starts at the closed form on images whose missing pixels are set to the pixel's mean;
        without missing pixels that is the answer. An image of which nothing is observed changes
        nothing; a pixel that no image observes gets loadings 0 and keeps its mean.
        With missing pixels maximum likelihood overfits at fewer dimensions than without. The guide
        becomes the exact posterior.

        Parameters
        ----------
        images, observed
            As in :meth:`posterior`.
        iterations
            At most so many.
        tolerance
            Stop where an iteration gains less, nats an image.
        batch_size
            Images whose posteriors are in memory at a time.
        warm_start
            Whether to go on from the present parameters in place of a new start.
        callback
            Called with the program and the values so far before each iteration and at the end; the
            fit stops where it returns True.

        Returns
        -------
        list of float
            Mean log-likelihood of the observed pixels at the start and after each iteration, nats.

        Raises
        ------
        ValueError
            Where images or mask are not what is expected, observed pixels are not finite, or the
            noise vanishes, since there are more latent dimensions than the images allow.
        """
        self._check(images, observed)
        every = torch.ones(images.shape, dtype=torch.bool) if observed is None else observed
        if not every.any():
            raise ValueError("observed is False everywhere; expected some pixel to be observed")
        batches = observed_batches((images,), every, batch_size, self.device, self.dtype)
        if not warm_start:
            start = self._imputed(images, every.to(images.device).expand(images.shape))
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

        values = alternate(
            expectation,
            maximisation,
            iterations=iterations,
            tolerance=tolerance,
            stop=partial(callback, self) if callback else None,
        )
        self.use_exact_posterior()
        return values

    def _imputed(self, images: Tensor, observed: Tensor) -> Tensor:
        # Images of which something is observed, with missing pixels at the pixel's mean; one that
        # is never observed keeps the mean that it has.
        total, count = images.where(observed, 0).sum(0), observed.sum(0)
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
