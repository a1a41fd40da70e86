"""Autoregressive networks: drawing images, and NADE's training step.

Drawing: 100 images of 28×28 pixels (10,000 on a GPU) by a network's incremental steps, against the
base class's steps, which are a full parallel pass for each pixel. Both have the same weights and
random numbers, and must draw the same images. Full passes take minutes and equal times, so only the
first pixels are drawn that way and the time is scaled.

Training: forward and backward pass of NADE on a batch of 128, with the gradient by hand and by a
loop over the pixels through autograd, and the peak memory of both.
"""

from functools import partial
from itertools import islice

import torch
from torch.nn import functional as F

from benchmarks.comparison import Comparison, Settings, Way
from ppgen.autoregressive import (
    LSTM,
    MADE,
    NADE,
    AutoregressiveNetwork,
    GatedPixelCNN,
    PixelCNN,
    Transformer,
)

PLAIN_PIXELS = 16
"""Pixels of each image that are drawn by full passes."""

IMAGES = {"cpu": 100, "cuda": 10_000}
"""Images drawn at once: enough to keep the device busy."""

# A row each.
NETWORKS = {
    "MADE, 2 layers of 1,000": partial(MADE, hidden=[1000, 1000]),
    "NADE, 300 hidden units": partial(NADE, hidden=300),
    "NADE, 500 hidden units": partial(NADE, hidden=500),
    "PixelCNN, 7 blocks, 64 channels": partial(PixelCNN, channels=64, blocks=7),
    "GatedPixelCNN, 7 + 1 layers of 32": partial(GatedPixelCNN, channels=32, blocks=7),
    "LSTM, 128 hidden units": partial(LSTM, hidden=128),
    "Transformer, 4 layers of 64": partial(Transformer, width=64, layers=4, heads=2),
}


@torch.no_grad()
def first_pixels_plainly(network, images):
    """Draw the first pixels of each image by full passes, ``(images, pixels)`` in drawing order."""
    x = torch.zeros(images, network.pixels, device=network.ordering.device)
    drawn = []
    for step, raw in enumerate(islice(AutoregressiveNetwork.steps(network, x), PLAIN_PIXELS)):
        drawn.append(network.likelihood.draw(raw))
        x[:, step] = drawn[-1]
    return torch.stack(drawn, -1)


def drawing(settings: Settings, network):
    shape, images = settings.size(((1, 28, 28), IMAGES[settings.device.type]), ((1, 6, 6), 4))
    network = network(shape).eval().to(settings.device)
    for parameter in network.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)  # else some parameters are 0

    def check():
        torch.manual_seed(1)
        plain = first_pixels_plainly(network, images)
        torch.manual_seed(1)
        ours = network.in_order(network.ancestral_sample(images))[:, :PLAIN_PIXELS]
        differ = int((plain != ours).sum())
        return f"{differ} of {plain.numel()} pixels DIFFER" if differ else "the same images"

    plain = partial(first_pixels_plainly, network, images)
    return Comparison(
        ours=Way(f"{images:,} by its steps", lambda: network.ancestral_sample(images)),
        others=(Way("one pass a pixel", plain, network.pixels / PLAIN_PIXELS, check),),
    )


def nade_loop(network, x):
    """Compute NADE's raw outputs by a loop over the pixels."""
    sums, raw = network.bias.expand(len(x), -1), []
    rows = zip(x.flatten(1).unbind(1), network.weight, network.output_weight, strict=True)
    for pixel, weight, output in rows:
        raw.append(sums.sigmoid() @ output.mT)
        sums = sums + pixel[:, None] * weight
    return (torch.stack(raw, 1) + network.output_bias).mT.view(len(x), 1, *x.shape[1:])


def training(settings: Settings):
    shape, batch = settings.size(((1, 28, 28), 128), ((1, 6, 6), 4))
    network = NADE(shape, hidden=300).to(settings.device)
    x = torch.bernoulli(torch.full((batch, *shape), 0.13, device=settings.device))

    def step(raw):
        network.zero_grad()
        F.binary_cross_entropy_with_logits(raw(x).squeeze(1), x, reduction="sum").backward()
        return network.weight.grad

    ours, loop = partial(step, network), partial(step, partial(nade_loop, network))

    def check():
        gradient, other = ours(), loop()
        difference = (gradient - other).abs().max() / other.abs().max()
        return f"gradients of W differ by {difference:.0e} of the largest"

    return Comparison(
        ours=Way("gradient by hand", ours),
        others=(Way("loop through autograd", loop, check=check),),
        memory=True,
    )


ROWS = {f"images by {name}": partial(drawing, network=n) for name, n in NETWORKS.items()}
ROWS["a training step of NADE, 300 hidden units, batch 128"] = training
