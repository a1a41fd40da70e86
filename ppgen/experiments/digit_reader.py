"""A small convolutional classifier that checks which class drawn images show."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ppgen.data.batches import Batches

BATCH = 64


class DigitReader(nn.Sequential):
    """Classify images with values between 0 and 1."""

    def __init__(self, image_shape: tuple[int, int, int], classes: int) -> None:
        channel, height, width = image_shape
        super().__init__(
            nn.Conv2d(channel, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout2d(0.2),
            nn.Flatten(),
            nn.Linear(64 * (height // 2) * (width // 2), 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, classes),
        )

    def learn(
        self,
        images: Tensor,
        labels: Tensor,
        transform: Callable[[Tensor], Tensor] | None,
        steps: int,
    ) -> None:
        """Minimise the cross-entropy of images; ``transform`` may binarise each batch at random."""
        batches = Batches((images, labels), min(BATCH, len(images)), transform)
        epochs = max(1, round(steps / len(batches)))
        optimizer = torch.optim.Adam(self.parameters(), lr=2e-3)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, epochs * len(batches))
        self.train()
        for epoch in range(epochs):
            for x, y in batches.shuffled(0, epoch):
                optimizer.zero_grad()
                F.cross_entropy(self(x), y).backward()
                optimizer.step()
                scheduler.step()
        self.eval()

    @torch.no_grad()
    def read(self, images: Tensor) -> Tensor:
        """Return the most probable class of each image, ``(batch,)``."""
        return torch.cat([self(x).argmax(-1) for (x,) in Batches(images)])

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Return the share of images whose most probable class is their label."""
        return (self.read(images) == labels).float().mean().item()
