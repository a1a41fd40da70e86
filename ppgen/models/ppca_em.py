"""The M-step of probabilistic PCA, where pixels may be missing."""

from __future__ import annotations

import torch
from pyro.distributions import MultivariateNormal
from torch import Tensor
from torch.nn.functional import pad


class PixelRegression:
    """Every pixel's regression on z and a constant, over the images that observe it.

    z is known by its posterior only, so expected moments of (z, 1) stand in the normal equations
    (Tipping and Bishop 1999, equations 27 and 28, with sums over observed pixels alone, and
    loadings and mean found together).

    Parameters
    ----------
    loadings
        ``(latent, pixels)``; the sums get their size, type and device.
    """

    def __init__(self, loadings: Tensor) -> None:
        latent, pixels = loadings.shape
        self.moments = loadings.new_zeros(pixels, latent + 1, latent + 1)
        self.products = loadings.new_zeros(pixels, latent + 1)
        self.squares = loadings.new_zeros(())
        self.count = loadings.new_zeros(pixels)

    def add(self, x: Tensor, observed: Tensor, posterior: MultivariateNormal) -> None:
        """Add images: values and mask ``(batch, pixels)``, values 0 where they are missing."""
        mean = pad(posterior.mean, (0, 1), value=1.0)
        second = mean.unsqueeze(-1) * mean.unsqueeze(-2)
        second[:, :-1, :-1] += posterior.covariance_matrix
        weights = observed.to(x.dtype)
        self.moments += (weights.T @ second.flatten(1)).view_as(self.moments)
        self.products += x.T @ mean
        self.squares += x.square().sum()
        self.count += weights.sum(0)

    def solve(self) -> tuple[Tensor, Tensor, Tensor]:
        """Give loadings ``(latent, pixels)``, constants ``(pixels,)`` and the noise variance.

        A pixel that no image observes gets zeros.

        Raises
        ------
        ValueError
            Where the noise is no more than rounding.
        """
        never_seen = (self.count == 0).to(self.moments).view(-1, 1, 1)
        identity = torch.eye(self.moments.shape[-1]).to(self.moments)
        coefficients = torch.linalg.solve(self.moments + never_seen * identity, self.products)
        left = self.squares - (coefficients * self.products).sum()
        total = self.squares - (self.products[:, -1].square() / self.count.clamp(min=1)).sum()
        eps = torch.finfo(left.dtype).eps
        # Posteriors lose half of the digits where the noise is this share of the variance.
        if not left > eps**0.5 * total + 10 * eps * self.squares:
            raise ValueError(
                f"the noise variance runs to 0: {coefficients.shape[1] - 1} latent dimensions "
                "explain all that was observed; expected fewer dimensions, or images that vary "
                f"more (or a type of more digits than {left.dtype})"
            )
        variance = left / self.count.sum()
        return coefficients[:, :-1].T, coefficients[:, -1], variance
