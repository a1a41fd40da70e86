"""The neural autoregressive distribution estimator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral

import torch
from torch import Tensor, nn

from ppgen.arguments import check_kind
from ppgen.autoregressive.nade_function import NADEFunction
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.autoregressive.weights import uniform
from ppgen.likelihoods import Likelihood


class NADE(AutoregressiveNetwork):
    """Each pixel from sigmoid hidden units of its own, with weights that all pixels share.

    h_t = σ(c + Σ_{s<t} x_s W_s + U y) and raw_t = V_t h_t + b_t + S_t y, for pixel t of the
    ordering and the context y (Larochelle and Murray 2011, The neural autoregressive distribution
    estimator, section 3; the context is added here). From one pixel to the next, the sum changes
    by one term, so that likelihood and sampling cost O(pixels × hidden) operations an image.
    Training keeps the sums of one pixel in 16 in memory; gradients of gradients are not supported.

    Parameters
    ----------
    image_shape, likelihood, context_size, ordering
        As for :class:`AutoregressiveNetwork`.
    hidden
        Hidden units of each pixel.

    Raises
    ------
    TypeError
        Where ``hidden`` is no number.
    ValueError
        Where ``hidden`` is less than 1.

    Examples
    --------
    >>> network = NADE((1, 8, 8), hidden=20)
    >>> network(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 1, 1, 8, 8])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: Likelihood | None = None,
        context_size: int = 0,
        ordering: Tensor | Sequence[int] | None = None,
        *,
        hidden: int = 500,
    ) -> None:
        super().__init__(image_shape, likelihood, context_size, ordering)
        check_kind("hidden", hidden, Integral, "one number: NADE has one hidden layer")
        if hidden < 1:
            raise ValueError(f"hidden is {hidden}; expected 1 hidden unit or more")
        pixels, outputs = self.pixels, self.likelihood.outputs
        # Rows in drawing order.
        self.weight = uniform(pixels, hidden, fan_in=pixels)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.output_weight = uniform(pixels, outputs, hidden, fan_in=hidden)
        self.output_bias = nn.Parameter(torch.zeros(pixels, outputs))
        self.context_weight = uniform(context_size, hidden, fan_in=context_size)
        self.output_context_weight = uniform(context_size, pixels, outputs, fan_in=context_size)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Raw outputs of all pixels, ``(batch, outputs, channel, height, width)``."""
        with one_floating_type(x.device):
            start, bias = self._biases(len(x), context)
            pixels = self.in_order(x).mT.unsqueeze(-1).contiguous()
            raw = NADEFunction.apply(pixels, start, self.weight, self.output_weight)
            return self.to_image(raw.permute(1, 2, 0) + bias.mT)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Give the outputs of one pixel after the other, adding one term to the sum at a time."""
        start, biases = self._biases(len(x), context)
        sums, units = start.clone(), torch.empty_like(start)
        rows = (self.weight, self.output_weight.mT, biases.unbind(-2), x.mT.unsqueeze(-1))
        for weight, output, bias, pixel in zip(*rows, strict=True):
            torch.sigmoid(sums, out=units)
            yield torch.addmm(bias, units, output)
            sums.addcmul_(pixel, weight)  # by now drawn: a view of x

    def _biases(self, n: int, context: Tensor | None) -> tuple[Tensor, Tensor]:
        # Of hidden units (n, hidden) and outputs (n or 1, pixels, outputs), context included
        start, bias = self.bias.expand(n, -1), self.output_bias[None]
        if context is not None:
            start = start + context @ self.context_weight
            bias = bias + torch.tensordot(context, self.output_context_weight, 1)
        return start, bias


def one_floating_type(device: torch.device) -> AbstractContextManager:
    """Switch autocast off where there is any: the gradient by hand is written for one type."""
    kind = device.type
    available = torch.amp.is_autocast_available(kind)
    return torch.autocast(kind, enabled=False) if available else nullcontext()
