"""Data loading of one epoch: ppgen's batches compared with torch's DataLoader.

All iterate once over 50,000 random images of 28×28 pixels in 256 levels, shuffled, in batches of
128 float images on the device. DataLoader reads them from torchvision's MNIST class, one at a time
through PIL and ``ToTensor``, or from a tensor, one at a time or a batch at a time by torch's
``BatchSampler``. The tensor holds floats, which need no conversion and four times the memory, or
bytes like ours.
"""

import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset
from torchvision import datasets, transforms

from benchmarks.comparison import Comparison, Settings, Way
from ppgen.data.batches import Batches


class MNISTOfNoise(datasets.MNIST):
    """torchvision's MNIST with images from memory, not from files."""

    def __init__(self, images):
        datasets.VisionDataset.__init__(self, transform=transforms.ToTensor())
        self.data, self.targets = images, torch.zeros(len(images), dtype=torch.long)


def grey(images):
    return images.float() / 255


def epoch(settings: Settings):
    images = torch.randint(256, (settings.size(50_000, 300), 28, 28), dtype=torch.uint8)
    mnist = MNISTOfNoise(images)
    in_bytes = TensorDataset(images.unsqueeze(1), mnist.targets)
    in_floats = TensorDataset(images.unsqueeze(1).float() / 255, mnist.targets)
    batches = Batches(in_bytes.tensors, 128, transform=grey, device=settings.device)

    def ours():
        for _ in batches.shuffled(seed=0, epoch=1):
            pass

    def singly(data, workers=0):
        for images, _ in DataLoader(data, 128, shuffle=True, num_workers=workers):
            images.to(settings.device)

    def by_batch(data, transform=lambda x: x):
        sampler = BatchSampler(RandomSampler(data), 128, drop_last=False)
        for images, _ in DataLoader(data, batch_size=None, sampler=sampler):
            transform(images.to(settings.device))

    def memory():
        return f"its floats take {in_floats.tensors[0].nbytes / images.nbytes:g} times the memory"

    return Comparison(
        ours=Way("Batches of bytes", ours),
        others=(
            Way("DataLoader, MNIST class", lambda: singly(mnist)),
            Way("DataLoader, MNIST class, two workers", lambda: singly(mnist, workers=2)),
            Way("DataLoader, tensor of floats", lambda: singly(in_floats), check=memory),
            Way("DataLoader, tensor of floats by batch", lambda: by_batch(in_floats), check=memory),
            Way("DataLoader, tensor of bytes by batch", lambda: by_batch(in_bytes, grey)),
        ),
    )


ROWS = {"an epoch of 50,000 images": epoch}
