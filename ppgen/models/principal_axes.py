"""Principal axes of images, from which the maximum likelihood of probabilistic PCA follows."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ppgen.arguments import Size, checked
from ppgen.images import check_grey
from ppgen.tensors import check_finite


@dataclass(frozen=True)
class PrincipalAxes:
    """Mean of images, their principal axes and the variances along them, in float64.

    ``mean`` is ``(pixels,)``; ``axes`` are orthonormal rows, ``(axes, pixels)``; ``variances``,
    ``(axes,)``, fall, and are divided by n, as in maximum likelihood. ``outside`` is the total
    variance along all other directions.

    Examples
    --------
    >>> images = torch.randn(500, 1, 2, 2) * torch.tensor([[3.0, 1.0], [1.0, 1.0]])
    >>> found = PrincipalAxes.from_images(images)
    >>> found.axes.shape, found.axes[0].abs().argmax().item()
    (torch.Size([4, 4]), 0)
    """

    mean: Tensor
    axes: Tensor
    variances: Tensor
    outside: float = 0.0

    @classmethod
    @checked
    def from_images(cls, images: Tensor, first: Size | None = None) -> Self:
        """Compute the axes along which images ``(batch, channel, height, width)`` vary most.

        They are eigenvectors of the covariance ``(pixels, pixels)`` or of the Gram matrix
        ``(batch, batch)``, whichever is smaller. ``first`` limits their number; None: all along
        which the images vary. Raises a ValueError if there are no images or they are not finite
        floats.
        """
        x = flat(images.detach())
        mean = finite_mean(x)
        size = min(x.shape)
        if size == len(mean):
            variances, axes, total = _eigh_of_squares(x, len(x), mean.outer(mean))
        else:
            x = x - mean
            variances, axes, total = _eigh_of_squares(x.T, len(x), mean.new_zeros(1))
            axes = axes[:first] @ x
            axes /= axes.norm(dim=1, keepdim=True)
        return cls._above_rounding(mean, axes[:first], variances[:first], total, size)

    @classmethod
    @checked
    def randomised(cls, images: Tensor, first: Size) -> Self:
        """Compute the first axes by power iteration on random directions.

        This is ``torch.svd_lowrank`` (Halko, Martinsson and Tropp 2011, Finding structure with
        randomness, algorithm 4.4) with ten extra directions. The variances are slightly too small.
        It is faster if images and pixels are many thousands and axes few. Errors are those of
        :meth:`from_images`.
        """
        x = flat(images)
        mean = finite_mean(x)
        centred = x - mean
        _, singular, right = torch.svd_lowrank(centred, min(first + 10, *x.shape), niter=7)
        variances = singular[:first].square() / len(x)
        total = centred.square().sum() / len(x)
        return cls._above_rounding(mean, right.T[:first], variances, total, min(x.shape))

    @classmethod
    def _above_rounding(
        cls, mean: Tensor, axes: Tensor, variances: Tensor, total: Tensor, size: int
    ) -> Self:
        # Without axes whose variance may be rounding error in a matrix of this size.
        rounding = size * torch.finfo(mean.dtype).eps * (variances[0] + mean @ mean)
        varies = variances > rounding
        left_over = (total - variances[varies].sum()).item()
        outside = left_over if left_over > rounding else 0.0
        return cls(mean, axes[varies], variances[varies], outside)

    def noise(self) -> Tensor:
        """Return maximum-likelihood σ² for 0, 1, 2 … latent dimensions, ``(axes,)``.

        It is the mean variance of the remaining directions (Tipping and Bishop 1999, equation 8).
        """
        left_over = self.outside + self.variances.flip(0).cumsum(0).flip(0)
        return left_over / self._remaining()

    @checked
    def log_likelihood(self, images: Tensor) -> Tensor:
        """Return mean log p(x) of other images for 0, 1, 2 … latent dimensions, ``(axes,)``, nats.

        Entry d is of the closed form with d dimensions; with 0 it is N(mean, σ² I). On held-out
        images the ``argmax`` is the best number of dimensions. All cost about as much as one.

        Examples
        --------
        >>> from ppgen import data
        >>> digits = data.load("digits")
        >>> axes = PrincipalAxes.from_images(digits.train.images / 16)
        >>> axes.log_likelihood(digits.validation.images / 16).argmax().item()
        50
        """
        centred = flat(images) - self.mean
        along = (centred @ self.axes.T).square().mean(0)
        across = centred.square().sum(1).mean() - _sum_before(along)
        noise = self.noise()
        log_determinant = _sum_before(self.variances.log()) + self._remaining() * noise.log()
        distance = _sum_before(along / self.variances) + across / noise
        return -0.5 * (len(self.mean) * math.log(2 * math.pi) + log_determinant + distance)

    def _remaining(self) -> Tensor:
        # Number of directions left to the noise by 0, 1, 2 … latent dimensions.
        return len(self.mean) - torch.arange(len(self.variances), device=self.mean.device)


def flat(images: Tensor) -> Tensor:
    """Check images and return them as rows of float64, ``(batch, pixels)``."""
    if images.dim() != 4 or not len(images):
        raise ValueError(
            f"images have the shape {tuple(images.shape)}; expected (batch, channel, height, width)"
            " with one or more images"
        )
    check_grey("images", images)
    return images.flatten(1).double()


def finite_mean(x: Tensor) -> Tensor:
    """Return the mean of the rows, ``(pixels,)``; raise a ValueError for NaN and infinity."""
    mean = x.new_ones(len(x)) @ x / len(x)  # takes half the time of torch's mean
    if not mean.isfinite().all():  # faster than to look at all images
        check_finite("images", x, "finite pixels; if some are missing, mask them in PPCA.fit_em")
    return mean


def _eigh_of_squares(x: Tensor, n: int, less: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    # Of xᵀ x / n − less: the eigenvalues, falling, their eigenvectors as rows, and the trace.
    if x.device.type == "cpu":
        # numpy's product of a matrix with itself takes half the time of torch's. The eigenvectors
        # are numpy's too: idle threads of torch would compete with its own.
        array = x.numpy()
        squares = torch.from_numpy(array.T @ array) / n - less
        values, vectors = map(torch.from_numpy, np.linalg.eigh(squares.numpy()))
    else:
        squares = x.T @ x / n - less
        values, vectors = torch.linalg.eigh(squares)
    return values.flip(0), vectors.T.flip(0), squares.trace()


def _sum_before(values: Tensor) -> Tensor:
    # Sums of the first 0, 1, 2 … entries.
    return pad(values.cumsum(0), (1, -1))
