"""Images spliced from halves of two images of different classes."""

from typing import NamedTuple

import torch
from torch import Tensor

from ppgen.arguments import Seed, Size, checked
from ppgen.data.dataset import DataError


class Splices(NamedTuple):
    """Spliced images ``(n, channel, height, width)``, and the image each half is from, ``(n,)``.

    Examples
    --------
    >>> images, left, right = spliced(torch.zeros(3, 1, 8, 8), torch.tensor([0, 0, 1]), 5)
    >>> images.shape, left.shape
    (torch.Size([5, 1, 8, 8]), torch.Size([5]))
    """

    images: Tensor
    left: Tensor
    right: Tensor


@checked
def spliced(images: Tensor, labels: Tensor | None, n: Size, *, seed: Seed = 0) -> Splices:
    """Splice left halves of images to right halves of images of another class.

    All ordered pairs of images of different classes are equally probable; draws are independent,
    with replacement, by ``seed``. If the width is odd, the middle column is the right image's.

    ``images`` are ``(batch, channel, height, width)``; ``labels``, ``(batch,)``, any integers.
    Raises a DataError if there is not one label per image, there are fewer than two classes, or
    images are less than two pixels wide.

    Examples
    --------
    >>> from ppgen import data
    >>> test = data.load("digits").test
    >>> splices = spliced(test.images, test.labels, 100)
    >>> splices.images.shape
    torch.Size([100, 1, 8, 8])
    >>> (test.labels[splices.left] == test.labels[splices.right]).any()
    tensor(False)
    """
    if labels is None:
        raise DataError("labels is None; expected a class for each image, as load('mnist') has")
    if images.dim() != 4 or images.shape[-1] < 2:
        raise DataError(
            f"images has the shape {tuple(images.shape)}; expected (batch, channel, height, width) "
            "with a width of 2 or more, to cut in halves"
        )
    if labels.shape != images.shape[:1]:
        raise DataError(
            f"labels has the shape {tuple(labels.shape)}; expected ({len(images)},), one an image"
        )
    left, right = (index.to(images.device) for index in _pairs(labels.cpu(), n, seed))
    middle = images.shape[-1] // 2
    halves = images[left][..., :middle], images[right][..., middle:]
    return Splices(torch.cat(halves, -1), left, right)


def _pairs(labels: Tensor, n: int, seed: int) -> tuple[Tensor, Tensor]:
    # Pairs of images with different labels, all equally probable.
    classes, label, counts = labels.unique(return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise DataError(
            f"labels has {len(classes)} classes; expected 2 or more, to splice across them"
        )
    # Pairs are numbered image by image: pair k belongs to the first image whose running total of
    # partners exceeds k.
    partners = len(labels) - counts[label]
    totals = partners.cumsum(0)
    numbers = torch.randint(int(totals[-1]), (n,), generator=torch.Generator().manual_seed(seed))
    left = torch.searchsorted(totals, numbers, right=True)
    # If all images are sorted by class in a ring, an image's partners follow the last image of its
    # class.
    own_class_ends = counts.cumsum(0)[label[left]]
    steps = numbers - (totals - partners)[left]
    return left, label.argsort()[(own_class_ends + steps) % len(labels)]
