"""Networks between images and latent vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from ppgen.images import check_image_shape


def mlp(sizes: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers of the given sizes, input and output included, an activation between each.

    Examples
    --------
    >>> mlp([64, 32, 10])
    Sequential(
      (0): Linear(in_features=64, out_features=32, bias=True)
      (1): ReLU()
      (2): Linear(in_features=32, out_features=10, bias=True)
    )
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def mlp_encoder(
    image_shape: Sequence[int],
    outputs: int,
    hidden: Sequence[int] = (400,),
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """From images ``(batch, channel, height, width)`` to vectors ``(batch, outputs)``."""
    sizes = [check_image_shape(image_shape), *hidden, outputs]
    return nn.Sequential(nn.Flatten(-3), *mlp(sizes, activation))


def mlp_decoder(
    latent: int,
    image_shape: Sequence[int],
    outputs: int,
    hidden: Sequence[int] = (400,),
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """From ``(*batch, latent)`` to raw outputs ``(*batch, outputs, channel, height, width)``."""
    sizes = [latent, *hidden, outputs * check_image_shape(image_shape)]
    return nn.Sequential(*mlp(sizes, activation), nn.Unflatten(-1, (outputs, *image_shape)))
