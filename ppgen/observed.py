"""Which pixels of an image are known."""

from __future__ import annotations

import torch
from torch import Tensor


def check_observed(observed: Tensor, shape: torch.Size) -> Tensor:
    """Give the mask of known pixels in the shape of the images.

    Raises
    ------
    ValueError
        Where the mask is not boolean or does not broadcast to the images.
    """
    if observed.dtype != torch.bool:
        raise ValueError(f"observed is of type {observed.dtype}; expected booleans, True if known")
    try:
        return observed.expand(shape)
    except RuntimeError as error:
        raise ValueError(
            f"observed has the shape {tuple(observed.shape)}; expected one that broadcasts to "
            f"the images' {tuple(shape)}"
        ) from error
