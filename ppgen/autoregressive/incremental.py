"""Masked convolutions at one pixel, or one row, after the other.

A network of masked convolutions is a function of its input and of ``apply``, which applies a
layer. ``apply(layer, x) = layer(x, context)`` computes all pixels at once. A :class:`Columns`
computes one pixel from those before it, at the cost of one pixel, and a :class:`Rows` one row. All
other operations of the network act on each pixel by itself, on axis 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ppgen.autoregressive.masked_conv import MaskedConv2d

Apply = Callable[[MaskedConv2d, Tensor], Tensor]


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
        window = self._window(layer)
        window.put(x, self)
        return window.look(self)

    def before(self, layer: MaskedConv2d) -> Tensor:
        """Return the outputs of a layer of type ``"A"``, which masks its input at the pixel."""
        return self._window(layer).look(self)

    def put(self, layer: MaskedConv2d, x: Tensor) -> None:
        """Pass a layer of type ``"A"`` its input at the current pixel, after its outputs."""
        self._window(layer).put(x, self)

    def _window(self, layer: MaskedConv2d) -> _Window | _Pointwise:
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
