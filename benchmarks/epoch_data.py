"""One epoch's data handling: ppgen's batches beside torch's DataLoader.

Both go through 50,000 images of 28×28 pixels in 256 levels once, shuffled, in batches of 128
floating-point images on the device. The images are noise, handed out by torchvision's MNIST.
"""

import torch
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.comparison import Comparison, Settings, Way
from ppgen.batches import Batches


class MNISTOfNoise(datasets.MNIST):
    """torchvision's MNIST with images from memory in place of those from files."""

    def __init__(self, images):
        datasets.VisionDataset.__init__(self, transform=transforms.ToTensor())
        self.data, self.targets = images, torch.zeros(len(images), dtype=torch.long)


def epoch(settings: Settings):
    images = torch.randint(256, (settings.size(50_000, 300), 28, 28), dtype=torch.uint8)
    mnist = MNISTOfNoise(images)
    batches = Batches(
        images.unsqueeze(1), 128, transform=lambda x: x.float() / 255, device=settings.device
    )

    def ours():
        for _ in batches.shuffled(seed=0, epoch=1):
            pass

    def loader(workers):
        for images, _ in DataLoader(mnist, 128, shuffle=True, num_workers=workers):
            images.to(settings.device)

    return Comparison(
        ours=Way("Batches", ours),
        others=(
            Way("DataLoader", lambda: loader(workers=0)),
            Way("DataLoader, two workers", lambda: loader(workers=2)),
        ),
    )


ROWS = {"an epoch of 50,000 images": epoch}
