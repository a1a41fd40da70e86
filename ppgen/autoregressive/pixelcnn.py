"""PixelCNN (van den Oord, Kalchbrenner and Kavukcuoglu 2016, Pixel recurrent neural networks)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from numbers import Integral

from torch import Tensor, nn

from ppgen.arguments import check_kind, check_size
from ppgen.autoregressive.incremental import Apply, Columns
from ppgen.autoregressive.masked_conv import MaskedConv2d
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.likelihoods import Likelihood


class ResidualBlock(nn.Module):
    """h + W₃ ∗ ReLU(W₂ ∗ ReLU(W₁ ∗ ReLU(h))), through half the channels (figure 5, left).

    Parameters
    ----------
    channels
        Of the input and the output, an even number for each colour.
    kernel_size
        Of the convolution in the middle; those around it are 1×1.
    colours, context_size
        As for :class:`MaskedConv2d`.
    """

    def __init__(self, channels: int, kernel_size: int, colours: int, context_size: int) -> None:
        super().__init__()
        half = channels // 2
        self.narrow = MaskedConv2d(channels, half, 1, "B", colours, context_size)
        self.look = MaskedConv2d(half, half, kernel_size, "B", colours, context_size)
        self.widen = MaskedConv2d(half, channels, 1, "B", colours, context_size)

    def forward(self, h: Tensor, apply: Apply) -> Tensor:
        """Give the outputs, in the shape of ``h``, where ``apply`` applies the layers."""
        inner = apply(self.narrow, h.relu())
        inner = apply(self.look, inner.relu())
        return h + apply(self.widen, inner.relu())


class PixelCNN(AutoregressiveNetwork):
    """Masked convolutions: 7×7 of type A, residual blocks of type B, two layers 1×1 (table 1).

    Each conditional sees a growing triangle of pixels above, and misses the others: what lies to
    the right of it just above stays unseen however many blocks there are, the blind spot.
    :class:`GatedPixelCNN` has none.

    Sampling computes each layer at one pixel a step from the few rows that it still needs, so an
    image costs the arithmetic of about one parallel pass, and memory doesn't grow with its height.

    Parameters
    ----------
    image_shape, likelihood, context_size
        As for :class:`AutoregressiveNetwork`; the ordering is always raster. The context enters
        every layer as V·y.
    channels
        Feature maps 2h for each colour, even; the blocks compute in half as many.
    blocks
        Number of residual blocks.
    kernel_size
        Of the blocks, odd.

    Raises
    ------
    TypeError
        Where a number is no whole one.
    ValueError
        Where ``channels`` is odd, ``kernel_size`` even, or a number too small.

    Examples
    --------
    >>> import torch
    >>> network = PixelCNN((1, 28, 28), channels=16, blocks=2, context_size=10)
    >>> network(torch.zeros(5, 1, 28, 28), torch.eye(10)[:5]).shape
    torch.Size([5, 1, 1, 28, 28])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: Likelihood | None = None,
        context_size: int = 0,
        *,
        channels: int = 32,
        blocks: int = 7,
        kernel_size: int = 3,
    ) -> None:
        super().__init__(image_shape, likelihood, context_size)
        check_kind("channels", channels, Integral, "a whole number")
        if channels < 2 or channels % 2:
            raise ValueError(f"channels is {channels}; expected an even number, 2 or more")
        check_size("blocks", blocks, least=0)
        colours = self.image_shape[0]
        width, shared = channels * colours, (colours, context_size)
        self.read = MaskedConv2d(colours, width, 7, "A", *shared)
        self.blocks = nn.ModuleList(
            ResidualBlock(width, kernel_size, *shared) for _ in range(blocks)
        )
        self.combine = MaskedConv2d(width, width, 1, "B", *shared)
        self.write = MaskedConv2d(width, self.likelihood.outputs * colours, 1, "B", *shared)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Raw outputs for every pixel, ``(batch, outputs, channel, height, width)``."""

        def apply(layer: MaskedConv2d, features: Tensor) -> Tensor:
            return layer(features, context)

        raw = self._outputs(apply(self.read, x), apply)
        return raw.unflatten(1, (self.image_shape[0], -1)).transpose(1, 2)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Raw outputs of one pixel after the other."""
        colours, height, width = self.image_shape
        columns = Columns(self.image_shape, len(x), context)
        for pixel, place in zip(
            x.split(1, -1), product(range(height), range(width), range(colours)), strict=True
        ):
            columns.move_to(*place)
            yield self._outputs(columns.before(self.read), columns)
            columns.put(self.read, pixel)

    def _outputs(self, h: Tensor, apply: Apply) -> Tensor:
        # From the features of the first layer to raw outputs, at all pixels or at one.
        for block in self.blocks:
            h = block(h, apply)
        h = apply(self.combine, h.relu())
        return apply(self.write, h.relu())
