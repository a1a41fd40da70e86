"""What autoregressive networks cost: drawing images, and NADE's training step.

    python benchmarks/autoregressive.py
    python benchmarks/autoregressive.py --only NADE

Drawing: 100 images of 28×28 pixels by a network's own steps, against the plain way, the base
class's steps, which are one whole parallel pass for each pixel. Both have the same weights and
random numbers, and whether they give the same images is checked. The plain way takes minutes, and
each of its passes the same time, so that it draws the first few pixels and its time is scaled.

Training: forward and backward pass of NADE on a batch of 128, with the gradient by hand and by a
loop over the pixels through autograd, and the memory that either has allocated at most.
"""

import argparse
import statistics
from itertools import islice

import torch
from timing import interleaved, print_table
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from ppgen.autoregressive import (
    LSTM,
    MADE,
    NADE,
    AutoregressiveNetwork,
    GatedPixelCNN,
    PixelCNN,
    Transformer,
)
from ppgen.autoregressive.sampling import ancestral_sample

IMAGE_SHAPE = (1, 28, 28)
IMAGES = 100

# A row each.
NETWORKS = {
    "MADE, 2 layers of 1,000": lambda: MADE(IMAGE_SHAPE, hidden=[1000, 1000]),
    "NADE, 300 hidden units": lambda: NADE(IMAGE_SHAPE, hidden=300),
    "NADE, 500 hidden units": lambda: NADE(IMAGE_SHAPE, hidden=500),
    "PixelCNN, 7 blocks, 64 channels": lambda: PixelCNN(IMAGE_SHAPE, channels=64, blocks=7),
    "GatedPixelCNN, 7 + 1 layers of 32": lambda: GatedPixelCNN(IMAGE_SHAPE, channels=32, layers=7),
    "LSTM, 128 hidden units": lambda: LSTM(IMAGE_SHAPE, hidden=128),
    "Transformer, 4 layers of 64": lambda: Transformer(IMAGE_SHAPE, width=64, layers=4, heads=2),
}


@torch.no_grad()
def first_pixels_plainly(network, pixels):
    """Draw the first pixels of each image, ``(images, pixels)`` in drawing order."""
    x = torch.zeros(IMAGES, network.pixels)
    drawn = []
    for step, raw in enumerate(islice(AutoregressiveNetwork.steps(network, x), pixels)):
        drawn.append(network.likelihood.draw(raw))
        x[:, step] = network.likelihood.network_input(drawn[-1])
    return torch.stack(drawn, -1)


def drawing(name, pixels, rounds):
    """Measure a row, and print it."""
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    for parameter in network.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)  # so that no part is zero

    torch.manual_seed(1)
    plain = first_pixels_plainly(network, pixels)
    torch.manual_seed(1)
    ours = network.in_order(ancestral_sample(network, IMAGES))[:, :pixels]
    same = (
        "the same images" if torch.equal(plain, ours) else f"{(plain != ours).sum()} pixels DIFFER"
    )

    ways = {
        "ours": lambda: ancestral_sample(network, IMAGES),
        "plain": lambda: first_pixels_plainly(network, pixels),
    }
    times = interleaved(ways, rounds, repeats=1)
    ours, plain = (statistics.median(times[way]) for way in ways)
    plain *= network.pixels / pixels
    print(
        f"{name:32} {1e3 * ours:9.1f} {1e3 * plain:11.0f} {plain / ours:7.0f}  {same}", flush=True
    )


def nade_loop(network, x):
    """Give NADE's raw outputs by the definition, all of it through autograd."""
    sums, raw = network.bias.expand(len(x), -1), []
    rows = zip(x.flatten(1).unbind(1), network.weight, network.output_weight, strict=True)
    for pixel, weight, output in rows:
        raw.append(sums.sigmoid() @ output.mT)
        sums = sums + pixel[:, None] * weight
    return (torch.stack(raw, 1) + network.output_bias).mT.view(len(x), 1, *IMAGE_SHAPE)


def training(rounds):
    """Measure NADE's step by hand and by autograd, and print it."""
    torch.manual_seed(0)
    network = NADE(IMAGE_SHAPE, hidden=300)
    x = torch.bernoulli(torch.full((128, *IMAGE_SHAPE), 0.13))

    def step(raw):
        network.zero_grad()
        F.binary_cross_entropy_with_logits(raw(x).squeeze(1), x, reduction="sum").backward()
        return network.weight.grad.clone()

    ways = {
        "gradient by hand": lambda: step(network),
        "loop through autograd": lambda: step(lambda x: nade_loop(network, x)),
    }
    print("\nNADE, a training step: 784 pixels, 300 hidden units, batch 128")
    print_table(interleaved(ways, rounds, repeats=1), ["loop through autograd"])
    for name, way in ways.items():
        print(f"{name:32} {peak_memory(way) / 2**20:9.1f} MiB at most")
    one, other = (way() for way in ways.values())
    difference = (one - other).abs().max() / one.abs().max()
    print(f"largest difference of the gradient of W, relative: {difference:.0e}")


def peak_memory(run):
    """Bytes that torch's CPU allocator has given out at most while ``run`` ran."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events = profiler.profiler.kineto_results.events()
    memory = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    total = peak = 0
    for _, size in memory:
        total += size
        peak = max(peak, total)
    return peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="networks whose names hold this")
    parser.add_argument("--pixels", type=int, default=16, help="that the plain way draws")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{IMAGES} images of 28×28 pixels, milliseconds; plain is scaled from the first "
          f"{options.pixels} pixels")  # fmt: skip
    print(f"{'':32} {'ours':>9} {'plain':>11} {'ratio':>7}")
    for name in NETWORKS:
        if options.only in name:
            drawing(name, options.pixels, options.rounds)
    if options.only in "NADE":
        training(options.rounds)


if __name__ == "__main__":
    main()
