"""Integer grey levels as values in the support of a distribution."""

from __future__ import annotations

import torch
from pyro.distributions import is_validation_enabled
from torch import Tensor

from ppgen.distributions.pixels import inside_unit_interval


def check_grey_levels(images: Tensor, levels: int) -> None:
    """Raise ValueError unless images hold whole numbers from 0 to ``levels`` − 1.

    With Pyro's validation off, values are not checked: a GPU would have to be waited for.
    """
    if levels < 2:
        raise ValueError(f"levels is {levels}; expected 2 or more grey levels")
    if images.numel() == 0 or not is_validation_enabled():
        return
    lowest, highest = (bound.item() for bound in images.aminmax())
    if not 0 <= lowest <= highest < levels:
        raise ValueError(
            f"images hold values from {lowest} to {highest}; expected grey levels 0 … {levels - 1}"
        )
    if images.is_floating_point() and (images != images.round()).any():
        raise ValueError(
            f"images hold fractions; expected whole grey levels 0 … {levels - 1}: convert grey "
            f"values from 0 to 1 by (images * {levels - 1}).round()"
        )


def grey_values(images: Tensor, levels: int) -> Tensor:
    """Divide grey levels by ``levels`` − 1, so that black is 0 and white is 1.

    Examples
    --------
    >>> grey_values(torch.tensor([0, 2, 4]), levels=5)
    tensor([0.0000, 0.5000, 1.0000])
    """
    check_grey_levels(images, levels)
    return images.to(torch.get_default_dtype()) / (levels - 1)


def dequantised(images: Tensor, levels: int) -> Tensor:
    """Draw each pixel uniformly from its level's part of the unit interval, at each call again.

    Level g becomes (g + u) / ``levels`` with u uniform on (0, 1) (Theis, van den Oord and Bethge
    2016, A note on the evaluation of generative models). Values are never 0 or 1, where many
    densities are zero or infinite.

    Examples
    --------
    >>> dequantised(torch.tensor([0, 1, 2, 3]), levels=4).mul(4).floor()
    tensor([0., 1., 2., 3.])
    """
    check_grey_levels(images, levels)
    grey = images.to(torch.get_default_dtype())
    return inside_unit_interval((grey + torch.rand_like(grey)) / levels)


def binned(images: Tensor, levels: int, bins: int) -> Tensor:
    """Return the number of each pixel's bin; bins share the levels as evenly as integers can.

    Examples
    --------
    >>> binned(torch.arange(8), levels=8, bins=3)
    tensor([0, 0, 0, 1, 1, 1, 2, 2])
    """
    check_grey_levels(images, levels)
    if bins > levels:
        raise ValueError(
            f"levels is {levels}; expected images with {bins} or more grey levels, one for each of "
            f"the likelihood's {bins}"
        )
    return images.long() * bins // levels
