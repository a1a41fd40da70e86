"""Convolutions that see earlier pixels only.

Van den Oord et al. 2016, Pixel recurrent neural networks, section 3.4.
"""

from __future__ import annotations

from numbers import Integral
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.arguments import check_kind, check_size

MaskType = Literal["A", "B"]


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
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        mask_type: MaskType,
        colours: int = 1,
        context_size: int = 0,
    ) -> None:
        sizes = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
        expected = "odd numbers, 1 or more, so that the kernel has a centre"
        for size in sizes:
            check_kind("kernel_size", size, Integral, expected)
        if len(sizes) != 2 or any(size < 1 or size % 2 == 0 for size in sizes):
            raise ValueError(f"kernel_size is {kernel_size}; expected {expected}")
        height, width = sizes
        if mask_type not in ("A", "B"):
            raise ValueError(f"mask_type is {mask_type!r}; expected 'A' or 'B'")
        check_size("colours", colours)
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
        seeing = _colours(self.out_channels, self.colours)[:, None]
        seen = _colours(self.in_channels, self.colours)
        mask[:, :, -1, centre] = (seen < seeing) if self.mask_type == "A" else (seen <= seeing)
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


def _colours(channels: int, colours: int) -> Tensor:
    # The colour of each channel.
    return torch.arange(colours).repeat_interleave(channels // colours)
