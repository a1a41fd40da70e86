"""Gated PixelCNN: two stacks of masked convolutions.

Van den Oord et al. 2016, Conditional image generation with PixelCNN decoders; figures and equations
are those of the paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import torch
from torch import Tensor, nn

from ppgen.arguments import check_size
from ppgen.autoregressive.incremental import Apply, Columns, Rows
from ppgen.autoregressive.masked_conv import MaskedConv2d, MaskType, VerticalConv2d
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.likelihoods import Likelihood


class GatedLayer(nn.Module):
    """The convolutions of one layer of the vertical and of the horizontal stack (figure 2).

    Parameters
    ----------
    inputs, outputs
        Channels of the input and of the output, for each colour.
    kernel_size
        Odd.
    mask_type
        ``"A"`` for the layer that reads the image, ``"B"`` for all others.
    colours, context_size
        As for :class:`MaskedConv2d`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int,
        mask_type: MaskType,
        colours: int,
        context_size: int,
    ) -> None:
        super().__init__()
        inputs, outputs = inputs * colours, outputs * colours
        shared = (colours, context_size)
        self.vertical = VerticalConv2d(inputs, 2 * outputs, kernel_size, mask_type, context_size)
        self.link = VerticalConv2d(2 * outputs, 2 * outputs, 1, "B", context_size)
        self.horizontal = MaskedConv2d(inputs, 2 * outputs, (1, kernel_size), mask_type, *shared)
        self.mix = MaskedConv2d(outputs, outputs, 1, "B", *shared)


class GatedPixelCNN(AutoregressiveNetwork):
    """Two stacks of gated convolutions, which together see every earlier pixel: no blind spot.

    The vertical stack sees all of the rows above. The horizontal stack sees what lies to the left
    in the same row, adds at each layer what the vertical stack has found, and is residual. Both
    are gated: tanh(W_f ∗ x + V_f·y) ⊙ σ(W_g ∗ x + V_g·y) (equation 4).

    Sampling computes the vertical stack once a row, and the horizontal stack at one pixel a step.

    Parameters
    ----------
    image_shape, likelihood, context_size
        As for :class:`AutoregressiveNetwork`; the ordering is always raster. The context enters
        every layer as V·y.
    channels
        Feature maps p for each colour.
    blocks
        Number of layers of both stacks after the first, which is 7×7.
    kernel_size
        Of these, odd.

    Raises
    ------
    TypeError
        Where a number is no whole one.
    ValueError
        Where ``kernel_size`` is even, or a number too small.

    Examples
    --------
    >>> network = GatedPixelCNN((3, 8, 8), channels=8, blocks=2)
    >>> network(torch.zeros(5, 3, 8, 8)).shape
    torch.Size([5, 1, 3, 8, 8])
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
        check_size("channels", channels)
        check_size("blocks", blocks, least=0)
        colours = self.image_shape[0]
        shared = (colours, context_size)
        self.channels = channels
        self.read = GatedLayer(1, channels, 7, "A", *shared)
        self.layers: Sequence[GatedLayer] = nn.ModuleList(  # type: ignore[assignment]
            GatedLayer(channels, channels, kernel_size, "B", *shared) for _ in range(blocks)
        )
        self.combine = MaskedConv2d(channels * colours, channels * colours, 1, "B", *shared)
        outputs = self.likelihood.outputs * colours
        self.write = MaskedConv2d(channels * colours, outputs, 1, "B", *shared)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Raw outputs for every pixel, ``(batch, outputs, channel, height, width)``."""

        def apply(layer: MaskedConv2d, features: Tensor) -> Tensor:
            return layer(features, context)

        links = self._links(apply(self.read.vertical, x), apply)
        raw = self._outputs(apply(self.read.horizontal, x), links, apply)
        return raw.unflatten(1, (self.image_shape[0], -1)).transpose(1, 2)

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Raw outputs of one pixel after the other."""
        colours, height, width = self.image_shape
        image = x.unflatten(1, (height, width, colours))
        rows, columns = Rows(len(x), width, context), Columns(self.image_shape, len(x), context)
        for row in range(height):
            links = [
                [pixel.chunk(colours, 1) for pixel in link.squeeze(2).unbind(-1)]
                for link in self._links(rows.before(self.read.vertical), rows)
            ]
            for column, colour in product(range(width), range(colours)):
                columns.move_to(row, column, colour)
                features = columns.before(self.read.horizontal)
                here = [link[column][colour] for link in links]
                yield self._outputs(features, here, columns)
                columns.put(self.read.horizontal, image[:, row, column, colour, None])
            rows.put(self.read.vertical, image[:, row].mT.unsqueeze(2))

    def _links(self, features: Tensor, apply: Apply) -> list[Tensor]:
        # The vertical stack from its first convolution on: what the horizontal stack is to add.
        links = [apply(self.read.link, features)]
        for layer in self.layers:
            features = apply(layer.vertical, self._gate(features))
            links.append(apply(layer.link, features))
        return links

    def _outputs(self, features: Tensor, links: Sequence[Tensor], apply: Apply) -> Tensor:
        # The horizontal stack from its first convolution on, and raw outputs from it.
        h = apply(self.read.mix, self._gate(features + links[0]))
        for layer, link in zip(self.layers, links[1:], strict=True):
            h = h + apply(layer.mix, self._gate(apply(layer.horizontal, h) + link))
        h = apply(self.combine, h.relu())
        return apply(self.write, h.relu())

    def _gate(self, features: Tensor) -> Tensor:
        # Equation 4. Of each colour's channels the first half is for tanh, the second for σ.
        halves = features.split(self.channels, 1)
        value, gate = (torch.cat(half, 1) for half in (halves[::2], halves[1::2]))
        return value.tanh() * gate.sigmoid()
