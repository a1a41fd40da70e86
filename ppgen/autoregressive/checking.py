"""A check that a network is autoregressive."""

import copy
from itertools import zip_longest

import torch
from torch import Tensor

from ppgen.arguments import checked
from ppgen.autoregressive.network import AutoregressiveNetwork


@checked
def check_network(network: AutoregressiveNetwork) -> None:
    """Check that a network is autoregressive and that its two views agree.

    A copy of the network, in evaluation mode, reads random images of the lowest and the highest
    value of a pixel, and each pixel is changed in turn: one parallel pass for each pixel. Noise is
    added to the copy's parameters, so that a weight that starts at zero hides nothing. All members
    are checked.

    Raises a ValueError if ``forward`` or ``steps`` returns outputs of the wrong shape. It names the
    first pixel of the ordering whose outputs change with itself or a later pixel, or whose outputs
    differ between ``steps`` and ``forward``.

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
        highest = (network.likelihood.symbols or 2) - 1
        images = torch.empty(8, *network.shape, device=device)
        x = highest * (noise(images) > 0).to(network.dtype)
        context = noise(x.new_empty(8, network.context_size)) if network.context_size else None
        for member in network.members:
            raw = member(x, context)
            outputs = network.likelihood.outputs
            network.likelihood.check_outputs(raw, (len(x), outputs, *network.shape))
            _check_order(member, x, highest - x, context, member.in_order(raw))
            _check_steps(member, x, context, member.in_order(raw))


def _check_order(
    network: AutoregressiveNetwork, x: Tensor, other: Tensor, context: Tensor | None, raw: Tensor
) -> None:
    # Sums over changed inputs may be rounded differently.
    tolerance = 100 * torch.finfo(raw.dtype).eps * raw.abs().amax().clamp(min=1)
    found = []
    for number, position in enumerate(network.ordering.tolist()):
        changed = x.flatten(1).clone()
        changed[:, position] = other.flatten(1)[:, position]
        change = (network.in_order(network(changed.view_as(x), context)) - raw).abs()
        differs = ~(change[..., : number + 1] <= tolerance).flatten(0, 1).all(0)
        if differs.any():
            found.append((int(differs.nonzero()[0]), number))
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
                f"steps yields {'fewer' if step is None else 'more'} steps than there are pixels, "
                f"{network.pixels}; expected one for each"
            )
        network.likelihood.check_outputs(step, tuple(expected.shape))
        differ = ~((step - expected).abs() <= tolerance)
        if differ.any():
            raise ValueError(
                f"steps and forward return different outputs for {_named(network, number)}: "
                f"{step[differ][0].item():g} and {expected[differ][0].item():g}; expected the "
                "same, from pixels that are drawn by then"
            )
        filled[:, number] = known[:, number]


def _named(network: AutoregressiveNetwork, number: int) -> str:
    position = network.ordering[number].cpu()
    index = tuple(int(i) for i in torch.unravel_index(position, network.shape))
    return f"the pixel {index} (number {number} of the ordering)"
