"""Drawn binary images as the probabilities with which their pixels were drawn."""

import torch
from torch import Tensor

from ppgen.autoregressive import AutoregressiveNetwork


@torch.no_grad()
def pixel_means(network: AutoregressiveNetwork, x: Tensor, context: Tensor | None = None) -> Tensor:
    """Return the mean of each pixel given those before it in its image, as grey values.

    A network of several members returns the average of theirs. The other arguments are those of
    the network.

    Examples
    --------
    >>> from ppgen.autoregressive import NADE
    >>> pixel_means(NADE((1, 8, 8), hidden=9), torch.ones(5, 1, 8, 8)).shape
    torch.Size([5, 1, 8, 8])
    """
    of = network.likelihood
    means = [of.mean(of.distribution(member(x, context))) for member in network.members]
    return torch.stack(means).mean(0)
