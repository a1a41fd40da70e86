"""One epoch's data handling on MNIST: ppgen's batches beside torch's DataLoader.

    PPGEN_DATA=... python benchmarks/epoch_data.py

Both go through the 50,000 training images once, shuffled, in batches of 128 floating-point images.
"""

import argparse
import os

import torch
from timing import interleaved, print_table
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

from ppgen import data
from ppgen.batches import Batches


def exhaust(batches):
    for _ in batches:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", default=os.environ.get("PPGEN_DATA"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(2)
    images = data.load("mnist", options.data_root).train.images
    ours = Batches(images, 128, transform=lambda x: x.float() / 255)
    mnist = datasets.MNIST(options.data_root, transform=transforms.ToTensor())
    subset = Subset(mnist, range(50_000))
    ways = {
        "DataLoader": lambda: exhaust(DataLoader(subset, 128, shuffle=True)),
        "DataLoader, two workers": lambda: exhaust(
            DataLoader(subset, 128, shuffle=True, num_workers=2)
        ),
        "ppgen": lambda: exhaust(ours.shuffled(seed=0, epoch=1)),
    }
    print_table(interleaved(ways, options.rounds, repeats=1), ["ppgen"], unit="s")


if __name__ == "__main__":
    main()
