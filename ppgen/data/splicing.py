"""Images spliced of halves that do not belong together."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ppgen.data.dataset import DataError


class Splices(NamedTuple):
    """Spliced images, and where their halves come from.

    Attributes
    ----------
    images
        ``(n, channel, height, width)``, of the type of the images that were cut.
    left, right
        Which image each half was cut from, ``(n,)``, int64.
    """

    images: Tensor
    left: Tensor
    right: Tensor


def spliced(images: Tensor, labels: Tensor | None, n: int, *, seed: int = 0) -> Splices:
    """Put the left half of one image beside the right half of another of a different class.

    All ordered pairs of images of different classes are equally probable, and draws are
    independent, with replacement. Where the width is odd, the middle column is the right image's.

    Parameters
    ----------
    images
        ``(batch, channel, height, width)``.
    labels
        Class of each image, ``(batch,)``: any integers.
    n
        Number of splices.
    seed
        Of the pairs.

    Raises
    ------
    DataError
        Where there are no labels or not one an image, images are of one class only or less than
        two pixels wide, or ``n`` is below 1.

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
    if n < 1:
        raise DataError(f"n is {n}; expected 1 or more splices")
    left, right = (index.to(images.device) for index in _pairs(labels.cpu(), n, seed))
    middle = images.shape[-1] // 2
    halves = images[left][..., :middle], images[right][..., middle:]
    return Splices(torch.cat(halves, -1), left, right)


def _pairs(labels: Tensor, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw pairs of images with different labels, each equally probable."""
    classes, label, counts = labels.unique(return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise DataError(
            f"labels has {len(classes)} classes; expected 2 or more, to splice across them"
        )
    # The pairs are numbered image by image; number k is that of the first image whose running
    # total of partners exceeds k.
    partners = len(labels) - counts[label]
    totals = partners.cumsum(0)
    numbers = torch.randint(int(totals[-1]), (n,), generator=torch.Generator().manual_seed(seed))
    left = torch.searchsorted(totals, numbers, right=True)
    # In a ring of all images sorted by class, its partners follow the last image of its class.
    own_class_ends = counts.cumsum(0)[label[left]]
    steps = numbers - (totals - partners)[left]
    return left, label.argsort()[(own_class_ends + steps) % len(labels)]
