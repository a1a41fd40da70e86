"""The families q(z | x) from which a guide draws, given an encoder's outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import pyro.distributions as dist
from pyro.distributions import TorchDistribution
from pyro.distributions.transforms import conditional_affine_autoregressive
from torch import Tensor, nn

from ppgen.likelihoods import at_least_float32


class Posterior(nn.Module, ABC):
    """A family of distributions over latent vectors: what a network's outputs mean.

    A new family is one subclass: how many ``outputs`` it needs, and ``forward``.

    Parameters
    ----------
    latent
        Dimension K of z.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        if latent < 1:
            raise ValueError(f"latent is {latent}; expected a dimension of 1 or more")
        self.latent = latent

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Numbers that the encoder gives for each image."""

    @abstractmethod
    def forward(self, raw: Tensor) -> TorchDistribution:
        """q(z | x) with the batch shape of ``raw``, ``(*batch, outputs)``, and events ``(K,)``."""


def layer_sites(layers: int) -> list[str]:
    """Name the sites of so many layers of latents, from the lowest up.

    Examples
    --------
    >>> layer_sites(3)
    ['z', 'z2', 'z3']
    """
    return ["z", *(f"z{number}" for number in range(2, layers + 1))]


def diagonal_gaussian(raw: Tensor) -> TorchDistribution:
    """N(mean, diag exp(log_var)) from mean and log-variance side by side, ``(*batch, 2 K)``."""
    mean, log_var = at_least_float32(raw).chunk(2, dim=-1)
    return dist.Normal(mean, (0.5 * log_var).exp()).to_event(1)


class DiagonalGaussian(Posterior):
    """N(mean, diag exp(log_var)).

    Examples
    --------
    >>> import torch
    >>> DiagonalGaussian(latent=2)(torch.zeros(5, 4)).stddev.shape
    torch.Size([5, 2])
    """

    @property
    def outputs(self) -> int:
        """Means and log-variances, side by side."""
        return 2 * self.latent

    def forward(self, raw: Tensor) -> TorchDistribution:
        """Give the Gaussian of each row."""
        return diagonal_gaussian(raw)


class InverseAutoregressiveFlow(Posterior):
    """A diagonal Gaussian, then affine autoregressive transforms that see the encoder's context.

    Kingma et al. 2016, Improved variational inference with inverse autoregressive flow,
    equation 10; each transform has a random order of the dimensions of its own.

    Parameters
    ----------
    latent
        Dimension K of z.
    transforms
        Number of transforms.
    hidden
        Hidden units of each transform's network.
    context
        Length of the vector by which the encoder tells the transforms of the image.

    Examples
    --------
    >>> import torch
    >>> q = InverseAutoregressiveFlow(latent=2)(torch.zeros(5, 20))
    >>> z = q.rsample()
    >>> z.shape, q.log_prob(z).shape
    (torch.Size([5, 2]), torch.Size([5]))
    """

    def __init__(
        self, latent: int, transforms: int = 2, hidden: int = 128, context: int = 16
    ) -> None:
        super().__init__(latent)
        self.base = DiagonalGaussian(latent)
        self.context = context
        self.transforms = nn.ModuleList(
            # A wide range for the log-scales would let the first steps run away.
            conditional_affine_autoregressive(
                latent, context, [hidden], log_scale_min_clip=-3.0, log_scale_max_clip=3.0
            )
            for _ in range(transforms)
        )

    @property
    def outputs(self) -> int:
        """Those of the Gaussian, and the context."""
        return self.base.outputs + self.context

    def forward(self, raw: Tensor) -> TorchDistribution:
        """Give the flow of each row."""
        raw = at_least_float32(raw)
        gaussian, context = raw.split((self.base.outputs, self.context), dim=-1)
        conditional: Iterable[Any] = self.transforms
        transforms = [transform.condition(context) for transform in conditional]
        return dist.TransformedDistribution(self.base(gaussian), transforms)
