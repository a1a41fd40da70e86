"""Perceptrons and convolutional networks between images of any size and latent vectors."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil, prod
from typing import Annotated

from torch import Tensor, nn

from ppgen.arguments import Count, Size, Such, checked
from ppgen.images import ImageShape

Activation = Annotated[
    Callable[[], nn.Module],
    Such(
        lambda made: not isinstance(made, nn.Module),
        "a class or function that makes activations, such as torch.nn.ReLU",
    ),
]
Plane = tuple[int, int]  # height and width
Upsampling = Callable[[int, int, Plane, Plane], nn.Module]
"""Makes a layer from input channels, output channels, input size and output size (about twice)."""

Channels = Annotated[Sequence[Size], Such(len, "the channels of one or more convolutions")]


@checked
def mlp(sizes: Sequence[Size], activation: Activation = nn.ReLU) -> nn.Sequential:
    """Make a multilayer perceptron from the sizes of all its layers, input and output included.

    Examples
    --------
    >>> [type(layer).__name__ for layer in mlp([64, 32, 10])]
    ['Linear', 'ReLU', 'Linear']
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


@checked
def mlp_encoder(
    image_shape: ImageShape,
    outputs: Size,
    hidden: Sequence[Size] = (400,),
    activation: Activation = nn.ReLU,
) -> nn.Sequential:
    """Make a perceptron from images to ``(*batch, outputs)``, with these hidden layer sizes."""
    sizes = [prod(image_shape), *hidden, outputs]
    return nn.Sequential(nn.Flatten(-3), *mlp(sizes, activation))


@checked
def mlp_decoder(
    latent: Size,
    image_shape: ImageShape,
    outputs: Size,
    hidden: Sequence[Size] = (400,),
    activation: Activation = nn.ReLU,
) -> nn.Sequential:
    """Make a perceptron from ``(*batch, latent)`` to raw outputs of every pixel.

    These have the shape ``(*batch, outputs, channel, height, width)``.
    """
    sizes = [latent, *hidden, outputs * prod(image_shape)]
    return nn.Sequential(*mlp(sizes, activation), nn.Unflatten(-1, (outputs, *image_shape)))


def transposed(inputs: int, outputs: int, size: Plane, target: Plane) -> nn.Module:
    """Make a transposed convolution with stride 2, which doubles the size."""
    # A stride of 2 maps two sizes to `size`; the output padding selects the one that is meant.
    padding = (target[0] - 2 * size[0] + 1, target[1] - 2 * size[1] + 1)
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=padding)


def resized(inputs: int, outputs: int, size: Plane, target: Plane) -> nn.Module:
    """Make a layer that doubles the size by copying pixels, then convolves.

    It avoids the checkerboard artifacts of transposed convolutions (Odena, Dumoulin and Olah 2016,
    Deconvolution and checkerboard artifacts).
    """
    return nn.Sequential(nn.Upsample(target), nn.Conv2d(inputs, outputs, 3, padding=1))


class ResidualBlock(nn.Module):
    """x + two convolutions of x, activations before each (He et al. 2016, Identity mappings)."""

    def __init__(self, channels: int, activation: Activation = nn.ReLU) -> None:
        super().__init__()
        self.change = nn.Sequential(
            activation(),
            nn.Conv2d(channels, channels, 3, padding=1),
            activation(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, height, width)`` to the same shape."""
        return x + self.change(x)


class OverLeadingDimensions(nn.Module):
    """Apply a network that takes one batch dimension to inputs with any number of them.

    ``event_dims`` counts the dimensions of an input after the batch.
    """

    def __init__(self, network: nn.Module, event_dims: int) -> None:
        super().__init__()
        self.network = network
        self.event_dims = event_dims

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(*batch, *event)`` to ``(*batch, *output)``."""
        split = x.dim() - self.event_dims
        y = self.network(x.reshape(-1, *x.shape[split:]))
        return y.view(*x.shape[:split], *y.shape[1:])


@checked
def convolutional_encoder(
    image_shape: ImageShape,
    outputs: Size,
    channels: Channels = (32, 64),
    hidden: Size = 256,
    blocks: Count = 0,
    activation: Activation = nn.ReLU,
) -> nn.Module:
    """Make a convolutional network from images ``(*batch, *image_shape)`` to ``(*batch, outputs)``.

    ``channels`` are the outputs of each convolution with stride 2, followed by a number of residual
    ``blocks``; ``hidden`` is the size of the layer between the last convolution and the outputs.

    Examples
    --------
    >>> import torch
    >>> convolutional_encoder((3, 25, 31), outputs=20)(torch.zeros(2, 3, 25, 31)).shape
    torch.Size([2, 20])
    """
    layers: list[nn.Module] = []
    smallest = _sizes(image_shape, len(channels))[-1]
    for inputs, number in pairwise([image_shape[0], *channels]):
        layers += [nn.Conv2d(inputs, number, 3, stride=2, padding=1)]
        layers += [ResidualBlock(number, activation) for _ in range(blocks)]
        layers += [activation()]
    layers += [nn.Flatten(), nn.Linear(channels[-1] * prod(smallest), hidden), activation()]
    return OverLeadingDimensions(nn.Sequential(*layers, nn.Linear(hidden, outputs)), event_dims=3)


@checked
def convolutional_decoder(
    latent: Size,
    image_shape: ImageShape,
    outputs: Size,
    channels: Channels = (64, 32),
    hidden: Size = 256,
    blocks: Count = 0,
    activation: Activation = nn.ReLU,
    upsampling: Upsampling = transposed,
) -> nn.Module:
    """Make a convolutional network from latents ``(*batch, latent)`` to raw outputs of every pixel.

    These have the shape ``(*batch, outputs, channel, height, width)``. ``channels`` are the inputs
    of each ``upsampling`` layer, :func:`transposed` or :func:`resized`, which doubles the size; the
    other arguments are those of :func:`convolutional_encoder`.

    Examples
    --------
    >>> import torch
    >>> decoder = convolutional_decoder(20, (3, 25, 31), outputs=2, upsampling=resized)
    >>> decoder(torch.zeros(5, 4, 20)).shape
    torch.Size([5, 4, 2, 3, 25, 31])
    """
    sizes = _sizes(image_shape, len(channels))[::-1]
    start = (channels[0], *sizes[0])
    layers: list[nn.Module] = [nn.Linear(latent, hidden), activation()]
    layers += [nn.Linear(hidden, prod(start)), nn.Unflatten(1, start)]
    steps = pairwise([*channels, outputs * image_shape[0]])
    for (inputs, number), (size, target) in zip(steps, pairwise(sizes), strict=True):
        layers += [ResidualBlock(inputs, activation) for _ in range(blocks)]
        layers += [activation(), upsampling(inputs, number, size, target)]
    layers += [nn.Unflatten(1, (outputs, image_shape[0]))]
    return OverLeadingDimensions(nn.Sequential(*layers), event_dims=1)


def _sizes(image_shape: Sequence[int], halvings: int) -> list[Plane]:
    # Height and width of the image and after each convolution with stride 2.
    _, height, width = image_shape
    return [(ceil(height / 2**k), ceil(width / 2**k)) for k in range(halvings + 1)]
