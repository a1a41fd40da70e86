"""Drawing images pixel by pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from ppgen.autoregressive.network import AutoregressiveNetwork


@torch.no_grad()
def ancestral_sample(
    network: AutoregressiveNetwork,
    n: int,
    context: Tensor | None = None,
    given: Tensor | None = None,
    observed: Tensor | None = None,
) -> Tensor:
    """Draw each pixel given those before it.

    Parameters
    ----------
    network
        Gives the conditionals, one step at a time.
    n
        Number of images.
    context
        ``(n, context_size)``; None where the network has none.
    given, observed
        Images ``(n, channel, height, width)`` and which of their pixels are kept, booleans of the
        same shape; None: no pixel is.

    Returns
    -------
    Tensor
        ``(n, channel, height, width)``; given pixels keep all their digits.

    Raises
    ------
    ValueError
        Where a step of the network does not give the likelihood's outputs for each image.

    Examples
    --------
    >>> from ppgen.autoregressive import Independent
    >>> ancestral_sample(Independent((1, 8, 8)), 3).shape
    torch.Size([3, 1, 8, 8])
    """
    likelihood, device = network.likelihood, network.ordering.device
    x = torch.zeros(n, network.pixels, dtype=network.dtype, device=device)
    known = None
    if given is not None and observed is not None:
        known = network.in_order(given), network.in_order(observed)
    pixels = []
    for step, (raw, column) in enumerate(zip(network.steps(x, context), x.unbind(1), strict=True)):
        if step == 0:
            likelihood.check_outputs(raw, (n, likelihood.outputs))
        pixel = likelihood.draw(raw)
        if known is not None:
            value, is_given = (tensor[:, step] for tensor in known)
            pixel = torch.where(is_given, value, pixel)  # in the type of more digits
        column.copy_(likelihood.network_input(pixel))
        pixels.append(pixel)
    return network.to_image(torch.stack(pixels, -1))
