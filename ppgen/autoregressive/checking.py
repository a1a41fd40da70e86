"""Trying out whether a network is autoregressive."""

from __future__ import annotations

import copy
from itertools import zip_longest

import torch
from torch import Tensor

from ppgen.autoregressive.network import AutoregressiveNetwork

IMAGES = 8


def check_network(network: AutoregressiveNetwork) -> None:
    """Refuse a network that is not autoregressive, or whose two views differ.

    A copy of the network, in evaluation mode and with noise on its parameters so that no weight
    that starts at zero hides anything, reads random binary images, of which each pixel is flipped
    in turn: as many parallel passes as there are pixels.

    Parameters
    ----------
    network
        Any :class:`AutoregressiveNetwork`; of several members each is tried.

    Raises
    ------
    ValueError
        Where ``forward`` or ``steps`` gives outputs of the wrong shape; naming the first pixel of
        the ordering whose outputs change with itself or a later pixel, or the first for which
        ``steps`` gives other outputs than ``forward``.

    Examples
    --------
    >>> from ppgen.autoregressive import MADE
    >>> check_network(MADE((1, 3, 3), hidden=[20]))
    """
    generator = torch.Generator().manual_seed(0)

    def noise(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator).to(like)

    network = copy.deepcopy(network).eval()
    device = network.ordering.device
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.is_floating_point():
                parameter.add_(0.1 * noise(parameter))
        shape = (IMAGES, *network.image_shape)
        x = (noise(torch.empty(shape, device=device)) > 0).to(network.dtype)
        context = None
        if network.context_size:
            context = noise(x.new_empty(IMAGES, network.context_size))
        for member in network.members:
            raw = member(x, context)
            outputs = network.likelihood.outputs
            network.likelihood.check_outputs(raw, (IMAGES, outputs, *network.image_shape))
            _check_order(member, x, context, member.in_order(raw))
            _check_steps(member, x, context, member.in_order(raw))


def _check_order(
    network: AutoregressiveNetwork, x: Tensor, context: Tensor | None, raw: Tensor
) -> None:
    # Sums over other inputs may be rounded otherwise.
    tolerance = 100 * torch.finfo(raw.dtype).eps * raw.abs().amax().clamp(min=1)
    found = []
    for number, position in enumerate(network.ordering.tolist()):
        flipped = x.flatten(1).clone()
        flipped[:, position] = 1 - flipped[:, position]
        change = (network.in_order(network(flipped.view_as(x), context)) - raw).abs()
        changed = ~(change[..., : number + 1] <= tolerance).flatten(0, 1).all(0)
        if changed.any():
            found.append((int(changed.nonzero()[0]), number))
    if found:
        first, source = min(found)
        raise ValueError(
            f"the outputs of {_named(network, first)} change with "
            f"{'that pixel itself' if first == source else _named(network, source)}; expected "
            "outputs of forward that depend on the pixels before it alone"
        )


def _check_steps(
    network: AutoregressiveNetwork, x: Tensor, context: Tensor | None, raw: Tensor
) -> None:
    tolerance = torch.finfo(raw.dtype).eps ** 0.5 * raw.abs().amax().clamp(min=1)
    known = network.in_order(x)
    filled = torch.full_like(known, torch.nan)  # so that reading ahead shows
    pairs = zip_longest(network.steps(filled, context), raw.unbind(-1))
    for number, (step, expected) in enumerate(pairs):
        if step is None or expected is None:
            raise ValueError(
                f"steps gives {'fewer' if step is None else 'more'} steps than there are pixels, "
                f"{network.pixels}; expected one for each"
            )
        network.likelihood.check_outputs(step, tuple(expected.shape))
        differ = ~((step - expected).abs() <= tolerance)
        if differ.any():
            raise ValueError(
                f"steps and forward give different outputs for {_named(network, number)}: "
                f"{step[differ][0].item():g} and {expected[differ][0].item():g}; expected the "
                "same, from pixels that are drawn by then"
            )
        filled[:, number] = known[:, number]


def _named(network: AutoregressiveNetwork, number: int) -> str:
    position = network.ordering[number].cpu()
    channel, row, column = (int(i) for i in torch.unravel_index(position, network.image_shape))
    return f"the pixel {(channel, row, column)} (number {number} of the ordering)"
