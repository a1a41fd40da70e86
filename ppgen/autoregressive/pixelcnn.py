"""PixelCNN and gated PixelCNN: networks of masked convolutions.

Van den Oord, Kalchbrenner and Kavukcuoglu 2016, Pixel recurrent neural networks; van den Oord et
al. 2016, Conditional image generation with PixelCNN decoders.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import Count, Share, Size, checked
from ppgen.autoregressive.inputs import AnyInputs
from ppgen.autoregressive.masked_conv import (
    ODD,
    Apply,
    Columns,
    MaskedConv2d,
    MaskType,
    Rows,
    VerticalConv2d,
)
from ppgen.autoregressive.network import AutoregressiveNetwork
from ppgen.autoregressive.ordering import Shape, as_image
from ppgen.likelihoods import AnyLikelihood


@checked
class ConvolutionalNetwork(AutoregressiveNetwork):
    """Base of networks of masked convolutions, in raster order.

    A subclass makes its layers in :meth:`make_layers`, all but the last two, of size 1×1. A shape
    without channels or rows is an image with one of them, see
    :func:`ppgen.autoregressive.ordering.as_image`: a sequence is a row.
    """

    least_channels = 1
    dropout: float = 0  # of networks saved before it could be chosen

    def __init__(
        self,
        shape: Shape,
        likelihood: AnyLikelihood = None,
        context_size: Count = 0,
        *,
        inputs: AnyInputs = None,
        channels: Size = 32,
        blocks: Count = 7,
        kernel_size: Annotated[int, ODD] = 3,
        dropout: Share = 0,
    ) -> None:
        super().__init__(shape, likelihood, context_size, inputs=inputs)
        self.dropout = dropout
        if channels < self.least_channels:
            raise ValueError(f"channels is {channels}; expected {self.least_channels} or more")
        self.image = as_image(self.shape)
        self.colours, self.channels = self.image[0], channels
        width, outputs = self.colours * channels, self.colours * self.likelihood.outputs
        self.make_layers(self.colours * self.inputs.features, width, blocks, kernel_size)
        self.combine = MaskedConv2d(width, width, 1, "B", self.colours, context_size)
        self.write = MaskedConv2d(width, outputs, 1, "B", self.colours, context_size)

    @abstractmethod
    def make_layers(self, inputs: int, width: int, blocks: int, kernel_size: int) -> None:
        """Make the first layer, from ``inputs`` to ``width`` channels, and the blocks."""

    def to_maps(self, x: Tensor) -> Tensor:
        """Encode images as channels, ``(batch, colours * features, height, width)``."""
        return self.features(x.reshape(-1, *self.image)).movedim(-1, 2).flatten(1, 2)

    def from_maps(self, maps: Tensor) -> Tensor:
        """Convert channels ``(batch, colours * outputs, height, width)`` to raw outputs."""
        raw = maps.unflatten(1, (self.colours, -1)).transpose(1, 2)
        return raw.reshape(*raw.shape[:2], *self.shape)

    def last_layers(self, h: Tensor, apply: Apply) -> Tensor:
        """Return the outputs of the last two layers, at all pixels or at one."""
        h = apply(self.combine, h.relu())
        return apply(self.write, h.relu())


class ResidualBlock(nn.Module):
    """h + W₃ ∗ ReLU(W₂ ∗ ReLU(W₁ ∗ ReLU(h))), through half the channels (figure 5, left).

    ``kernel_size`` is that of the middle convolution; the others are 1×1. Dropout comes before the
    last, as in wide residual networks.
    """

    dropout: float = 0  # of blocks saved before it could be chosen

    def __init__(
        self, channels: int, kernel_size: int, colours: int, context_size: int, dropout: float
    ) -> None:
        super().__init__()
        self.dropout, half = dropout, channels // 2
        self.narrow = MaskedConv2d(channels, half, 1, "B", colours, context_size)
        self.look = MaskedConv2d(half, half, kernel_size, "B", colours, context_size)
        self.widen = MaskedConv2d(half, channels, 1, "B", colours, context_size)

    def forward(self, h: Tensor, apply: Apply) -> Tensor:
        """Return the outputs, in the shape of ``h``; ``apply`` applies the layers."""
        inner = apply(self.narrow, h.relu())
        inner = F.dropout(apply(self.look, inner.relu()).relu(), self.dropout, self.training)
        return h + apply(self.widen, inner)


class PixelCNN(ConvolutionalNetwork):
    """Masked convolutions: 7×7 of type A, residual blocks of type B, two layers 1×1 (table 1).

    Each conditional sees a growing triangle of pixels above. Pixels to the right just above stay
    unseen however many blocks there are: the blind spot. :class:`GatedPixelCNN` has none.

    Sampling computes each layer at one pixel a step from the few rows that it still needs. An image
    costs the arithmetic of about one parallel pass, and memory does not grow with its height.

    Parameters
    ----------
    shape, likelihood, context_size, inputs
        As for :class:`AutoregressiveNetwork`; the ordering is always raster. The context enters
        every layer as V·y.
    channels
        Number of feature maps 2h for each colour, even; the blocks compute in half as many.
    blocks
        Number of residual blocks.
    kernel_size
        Of the blocks, odd.
    dropout
        Probability with which training sets a feature inside a block to zero.

    Examples
    --------
    >>> network = PixelCNN((1, 28, 28), channels=16, blocks=2, context_size=10)
    >>> network(torch.zeros(5, 1, 28, 28), torch.eye(10)[:5]).shape
    torch.Size([5, 1, 1, 28, 28])
    """

    least_channels = 2

    def make_layers(self, inputs: int, width: int, blocks: int, kernel_size: int) -> None:
        """Make the layer that reads the image, and the residual blocks."""
        if self.channels % 2:
            raise ValueError(f"channels is {self.channels}; expected an even number")
        shared = self.colours, self.context_size
        self.read = MaskedConv2d(inputs, width, 7, "A", *shared)
        self.blocks = nn.ModuleList(
            ResidualBlock(width, kernel_size, *shared, self.dropout) for _ in range(blocks)
        )

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the raw outputs of every pixel, ``(batch, outputs, *shape)``."""
        apply = partial(MaskedConv2d.__call__, context=context)
        return self.from_maps(self._outputs(apply(self.read, self.to_maps(x)), apply))

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the raw outputs of one pixel after the other."""
        colours, height, width = self.image
        columns = Columns(self.image, len(x), context)
        for pixel, place in zip(
            x.unbind(-1), product(range(height), range(width), range(colours)), strict=True
        ):
            columns.move_to(*place)
            yield self._outputs(columns.before(self.read), columns)
            columns.put(self.read, self.features(pixel))

    def _outputs(self, h: Tensor, apply: Apply) -> Tensor:
        # From the first layer's features to raw outputs, at all pixels or at one.
        for block in self.blocks:
            h = block(h, apply)
        return self.last_layers(h, apply)


class GatedLayer(nn.Module):
    """Convolutions of one layer of the vertical and of the horizontal stack (figure 2)."""

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
        shared = (colours, context_size)
        whole = (1, context_size)  # the rows above are seen with all colours
        self.vertical = VerticalConv2d(inputs, 2 * outputs, kernel_size, mask_type, *whole)
        self.link = VerticalConv2d(2 * outputs, 2 * outputs, 1, "B", *whole)
        self.horizontal = MaskedConv2d(inputs, 2 * outputs, (1, kernel_size), mask_type, *shared)
        self.mix = MaskedConv2d(outputs, outputs, 1, "B", *shared)


class GatedPixelCNN(ConvolutionalNetwork):
    """Two stacks of gated convolutions, which together see every earlier pixel: no blind spot.

    The vertical stack sees all rows above. The horizontal stack sees the pixels to the left in the
    same row, adds the vertical stack's output at each layer, and is residual. Both are gated:
    tanh(W_f ∗ x + V_f·y) ⊙ σ(W_g ∗ x + V_g·y) (equation 4).

    Sampling computes the vertical stack once a row, and the horizontal stack at one pixel a step.

    Parameters
    ----------
    shape, likelihood, context_size, inputs, kernel_size
        As for :class:`PixelCNN`.
    channels
        Number of feature maps p for each colour.
    blocks
        Number of layers of both stacks after the first, which is 7×7.
    dropout
        Probability with which training sets a gate's output to zero.

    Examples
    --------
    >>> network = GatedPixelCNN((3, 8, 8), channels=8, blocks=2)
    >>> network(torch.zeros(5, 3, 8, 8)).shape
    torch.Size([5, 1, 3, 8, 8])
    """

    def make_layers(self, inputs: int, width: int, blocks: int, kernel_size: int) -> None:
        """Make the layers of both stacks."""
        shared = self.colours, self.context_size
        self.read = GatedLayer(inputs, width, 7, "A", *shared)
        self.layers: Sequence[GatedLayer] = nn.ModuleList(  # type: ignore[assignment]
            GatedLayer(width, width, kernel_size, "B", *shared) for _ in range(blocks)
        )

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the raw outputs of every pixel, ``(batch, outputs, *shape)``."""
        apply = partial(MaskedConv2d.__call__, context=context)
        maps = self.to_maps(x)
        links = self._links(apply(self.read.vertical, maps), apply)
        return self.from_maps(self._outputs(apply(self.read.horizontal, maps), links, apply))

    def steps(self, x: Tensor, context: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the raw outputs of one pixel after the other."""
        colours, height, width = self.image
        image = x.unflatten(1, (height, width, colours))
        rows, columns = Rows(len(x), width, context), Columns(self.image, len(x), context)
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
                columns.put(self.read.horizontal, self.features(image[:, row, column, colour]))
            rows.put(self.read.vertical, self.features(image[:, row]).flatten(2).mT.unsqueeze(2))

    def _links(self, features: Tensor, apply: Apply) -> list[Tensor]:
        # The vertical stack after its first convolution: what the horizontal stack adds.
        links = [apply(self.read.link, features)]
        for layer in self.layers:
            features = apply(layer.vertical, self._gate(features))
            links.append(apply(layer.link, features))
        return links

    def _outputs(self, features: Tensor, links: Sequence[Tensor], apply: Apply) -> Tensor:
        # The horizontal stack after its first convolution, and raw outputs.
        h = apply(self.read.mix, self._gate(features + links[0]))
        for layer, link in zip(self.layers, links[1:], strict=True):
            h = h + apply(layer.mix, self._gate(apply(layer.horizontal, h) + link))
        return self.last_layers(h, apply)

    def _gate(self, features: Tensor) -> Tensor:
        # Equation 4. Of each colour's channels the first half is for tanh, the second for σ.
        halves = features.split(self.channels, 1)
        value, gate = (torch.cat(half, 1) for half in (halves[::2], halves[1::2]))
        return F.dropout(value.tanh() * gate.sigmoid(), self.dropout, self.training)
