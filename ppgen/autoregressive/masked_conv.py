"""Convolutions that see earlier pixels only, at all pixels at once or at one after the other.

Van den Oord et al. 2016, Pixel recurrent neural networks, section 3.4.

A network of masked convolutions is a function of its input and of ``apply``, which applies a
layer. ``apply(layer, x) = layer(x, context)`` computes all pixels at once. A :class:`Columns`
computes one pixel from those before it, at the cost of one pixel, and a :class:`Rows` one row. All
other operations of the network act on each pixel by itself, on axis 1.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import Count, Size, Such, checked

MaskType = Literal["A", "B"]
Apply: TypeAlias = "Callable[[MaskedConv2d, Tensor], Tensor]"


def is_odd(size: int | tuple[int, int]) -> bool:
    """Whether the size of a kernel, or both of a pair, are positive and odd."""
    sizes = size if isinstance(size, tuple) else (size, size)
    return len(sizes) == 2 and all(each > 0 and each % 2 for each in sizes)


ODD = Such(is_odd, "odd numbers, 1 or more, so that the kernel has a centre")


@checked
class MaskedConv2d(nn.Conv2d):
    """W ∗ x + b + V·y, where W sees the pixels above, and those to the left in the same row.

    The kernel ends with the row of its centre; it has no rows below, which a mask would remove.
    Weights to the right of the centre are masked: they are zero and have no gradient.

    In colour images, the channels of a layer form equal consecutive groups, one for each colour. At
    the centre a group sees the groups of earlier colours and, with type ``"B"``, its own (paper,
    figure 2, right).

    Raises a TypeError if a size is not a whole number, and a ValueError if it is even or too small,
    the type is unknown, or channels do not form equal groups.

    Parameters
    ----------
    in_channels, out_channels
        As for ``torch.nn.Conv2d``.
    kernel_size
        Odd size of the kernel before masking, or a pair (height, width).
    mask_type
        ``"A"`` for the layer that reads the image: the centre is masked; ``"B"`` for all others.
    colours
        Number of groups of channels: that of the image's channels.
    context_size
        Length of the vectors y; 0 for none.

    Examples
    --------
    >>> layer = MaskedConv2d(1, 16, 7, "A", context_size=10)
    >>> layer.weight.shape  # three rows above and that of the centre
    torch.Size([16, 1, 4, 7])
    >>> layer(torch.zeros(5, 1, 28, 28), torch.eye(10)[:5]).shape
    torch.Size([5, 16, 28, 28])
    """

    mask: Tensor

    def __init__(
        self,
        in_channels: Size,
        out_channels: Size,
        kernel_size: Annotated[int | tuple[int, int], ODD],
        mask_type: MaskType,
        colours: Size = 1,
        context_size: Count = 0,
    ) -> None:
        sizes = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
        height, width = sizes
        if in_channels % colours or out_channels % colours:
            raise ValueError(
                f"in_channels is {in_channels} and out_channels {out_channels}; expected "
                f"multiples of colours, which is {colours}"
            )
        super().__init__(in_channels, out_channels, (height // 2 + 1, width))
        self.mask_type, self.colours = mask_type, colours
        self.register_buffer("mask", self.make_mask(), persistent=False)
        self.weight.data *= self.mask
        self.from_context = (
            nn.Linear(context_size, out_channels, bias=False) if context_size else None
        )

    def make_mask(self) -> Tensor:
        """Return ones and zeros in the shape of the weight."""
        mask = torch.ones_like(self.weight)
        centre = self.kernel_size[1] // 2
        mask[:, :, -1, centre + 1 :] = 0
        colours = torch.arange(self.colours)
        seeing, seen = (colours.repeat_interleave(n // self.colours) for n in mask.shape[:2])
        sees = torch.lt if self.mask_type == "A" else torch.le
        mask[:, :, -1, centre] = sees(seen, seeing[:, None])
        return mask

    @property
    def masked_weight(self) -> Tensor:
        """W with zeros at masked places, ``(out_channels, in_channels, rows, width)``."""
        return self.weight * self.mask

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the outputs at every pixel, ``(batch, out_channels, height, width)``."""
        above = self.kernel_size[0] - 1
        return self.convolve(F.pad(x, (0, 0, above, 0)) if above else x, context)

    def convolve(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the outputs at those rows that have all rows of the kernel above them."""
        padding = (0, self.kernel_size[1] // 2)
        y = F.conv2d(x, self.masked_weight, self.bias, padding=padding)
        y = y.contiguous(memory_format=torch.channels_last)  # faster, and so is all that follows
        if self.from_context is None:
            return y
        return y + self.from_context(context)[..., None, None]

    def bias_given(self, context: Tensor | None) -> Tensor:
        """Return b + V·y, ``(batch, out_channels)``; without a context b, ``(out_channels,)``."""
        bias = cast(Tensor, self.bias)
        return bias if self.from_context is None else bias + self.from_context(context)


class VerticalConv2d(MaskedConv2d):
    """A convolution that sees whole rows with all colours: those above, with type ``"B"`` its own.

    Outputs of a stack depend on earlier rows alone if its first layer is of type ``"A"`` (van den
    Oord et al. 2016, Conditional image generation with PixelCNN decoders, figure 1).
    """

    def make_mask(self) -> Tensor:
        """Return ones and zeros in the shape of the weight."""
        mask = torch.ones_like(self.weight)
        if self.mask_type == "A":
            mask[:, :, -1] = 0
        return mask


class Columns:
    """Applies layers at the current pixel and colour of ``batch`` images.

    Features are those of the current colour alone, ``(batch, channels // colours)``.
    """

    def __init__(self, image_shape: Sequence[int], batch: int, context: Tensor | None) -> None:
        self.colours, _, self.width = image_shape
        self.batch, self.context = batch, context
        self.row = self.column = self.colour = 0
        self._windows: dict[MaskedConv2d, _Window | _Pointwise] = {}

    def move_to(self, row: int, column: int, colour: int) -> None:
        """Set the current pixel and colour; visit all of them in raster order."""
        self.row, self.column, self.colour = row, column, colour

    def __call__(self, layer: MaskedConv2d, x: Tensor) -> Tensor:
        """Return the outputs of a layer of type ``"B"``, given its inputs at the current pixel."""
        self.put(layer, x)
        return self.before(layer)

    def before(self, layer: MaskedConv2d) -> Tensor:
        """Return the outputs of a layer of type ``"A"``, which masks its input at the pixel."""
        return self._window(layer).look(self)

    def put(self, layer: MaskedConv2d, x: Tensor) -> None:
        """Pass a layer of type ``"A"`` its input at the current pixel, after its outputs."""
        self._window(layer).put(x, self)

    def _window(self, layer: MaskedConv2d) -> "_Window | _Pointwise":
        if layer not in self._windows:
            pointwise = layer.kernel_size == (1, 1) and self.colours == 1
            kind = _Pointwise if pointwise and layer.mask_type == "B" else _Window
            self._windows[layer] = kind(layer, self)
        return self._windows[layer]


class _Pointwise:
    """A 1×1 convolution of all channels, of type ``"B"``: only the current input is kept."""

    def __init__(self, layer: MaskedConv2d, at: Columns) -> None:
        self.weight = layer.masked_weight[..., 0, 0].T.contiguous()
        self.bias = layer.bias_given(at.context)

    def put(self, x: Tensor, at: Columns) -> None:
        self.x = x

    def look(self, at: Columns) -> Tensor:
        return torch.addmm(self.bias, self.x, self.weight)


class _Window:
    """A layer's inputs in the rows that its kernel still reaches, and its outputs at one pixel.

    Rows form a ring: row r is in slot r modulo their number. For each slot of the current row, the
    weights are stored with their rows in the order of the ring. The rows of a column are adjacent,
    so the inputs under the kernel are one slice for each image, and the outputs one matrix product
    without a copy. Inputs of rows no longer needed are under masked weights.
    """

    def __init__(self, layer: MaskedConv2d, at: Columns) -> None:
        slots, across = layer.kernel_size
        channels, width, colours = layer.in_channels, at.width, at.colours
        weight = layer.masked_weight.permute(3, 2, 1, 0)  # (across, rows, in, out)
        self.slots = slots
        self.weights = [
            [part.contiguous() for part in ring.flatten(0, 2).chunk(colours, -1)]
            for ring in (weight.roll(slot + 1, 1) for slot in range(slots))
        ]
        self.biases = layer.bias_given(at.context).chunk(colours, -1)
        inputs = weight.new_zeros(at.batch, width + across - 1, slots, channels)
        flat, column_size = inputs.flatten(1), slots * channels
        self.windows = [
            flat[:, column * column_size : (column + across) * column_size]
            for column in range(width)
        ]
        inside = inputs[:, across // 2 : across // 2 + width]
        self.cells = [
            [cell.chunk(colours, -1) for cell in inside[:, :, slot].unbind(1)]
            for slot in range(slots)
        ]

    def put(self, x: Tensor, at: Columns) -> None:
        self.cells[at.row % self.slots][at.column][at.colour].copy_(x)

    def look(self, at: Columns) -> Tensor:
        weight = self.weights[at.row % self.slots][at.colour]
        return torch.addmm(self.biases[at.colour], self.windows[at.column], weight)


class Rows:
    """Applies layers at the current row, ``(batch, channels, 1, width)``."""

    def __init__(self, batch: int, width: int, context: Tensor | None) -> None:
        self.batch, self.width, self.context = batch, width, context
        self._above: dict[MaskedConv2d, Tensor] = {}

    def __call__(self, layer: MaskedConv2d, x: Tensor) -> Tensor:
        """Return the outputs of a layer of type ``"B"``, given its inputs in the current row."""
        window = self._window(layer, x)
        self._above[layer] = window[:, :, 1:]
        return layer.convolve(window, self.context)

    def before(self, layer: MaskedConv2d) -> Tensor:
        """Return the outputs of a layer of type ``"A"``, which masks its inputs in the row."""
        hidden = layer.weight.new_zeros(self.batch, layer.in_channels, 1, self.width)
        return layer.convolve(self._window(layer, hidden), self.context)

    def put(self, layer: MaskedConv2d, x: Tensor) -> None:
        """Pass a layer of type ``"A"`` its inputs in the current row, which ends the row."""
        self._above[layer] = self._window(layer, x)[:, :, 1:]

    def _window(self, layer: MaskedConv2d, x: Tensor) -> Tensor:
        # The current row below those that the kernel still reaches.
        if layer not in self._above:
            rows = layer.kernel_size[0] - 1
            self._above[layer] = x.new_zeros(self.batch, layer.in_channels, rows, self.width)
        return torch.cat([self._above[layer], x], 2)
