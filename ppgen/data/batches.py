"""Minibatches from tensors that live in memory, on the device that computes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from math import ceil
from numbers import Integral

import numpy as np
import pyro
import torch
from torch import Tensor

from ppgen.arguments import check_kind
from ppgen.images import known_pixels

Batch = tuple[Tensor, ...]
"""Images ``(batch, channel, height, width)``, and whatever else a program takes with them."""

Data = Tensor | Batch

Transform = Callable[[Tensor], Tensor]

EVALUATION_BATCH = 1000


class Batches:
    """Images, and whatever else the program takes with them, in minibatches.

    Every epoch is one permutation of the data, fixed by seed and epoch; the last batch may be
    short. There is no worker process and no Python code that runs once an image.

    Parameters
    ----------
    data
        Images ``(batch, channel, height, width)``, or a tuple of them and further tensors of the
        same length, such as labels.
    batch_size
        Images a batch; at most as many as there are. None: as suits evaluation, 1,000.
    transform
        Applied to the images of each batch, for instance to draw binary pixels anew.
    device
        Where the data is kept and the batches are made.
    dtype
        Floating-point type in which the images are given; by default torch's.

    Raises
    ------
    TypeError
        Where the data is no tensor.
    ValueError
        Where there is no data, tensors differ in length, values are not finite, or the batch size
        is not between 1 and the number of images.

    Examples
    --------
    >>> batches = Batches(torch.arange(10).view(10, 1, 1, 1), batch_size=4)
    >>> [len(x) for x, in batches.shuffled(seed=0, epoch=1)]
    [4, 4, 2]
    """

    def __init__(
        self,
        data: Data,
        batch_size: int | None = None,
        transform: Transform | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> None:
        tensors = as_tensors(data)
        images = len(tensors[0])
        if batch_size is None:
            batch_size = min(EVALUATION_BATCH, images)
        check_kind("batch_size", batch_size, Integral, "a whole number")
        if not 1 <= batch_size <= images:
            raise ValueError(
                f"batch_size is {batch_size}; expected between 1 and the {images} images"
            )
        for tensor in tensors:
            if tensor.is_floating_point() and not tensor.isfinite().all():
                first = int((~tensor.reshape(len(tensor), -1).isfinite().all(1)).nonzero()[0])
                raise ValueError(
                    f"data holds NaN or infinite values, first in image {first}; expected finite "
                    "numbers"
                )
        self.tensors = tuple(tensor.to(device) for tensor in tensors)
        self.batch_size = batch_size
        self.transform = transform
        self.dtype = dtype or torch.get_default_dtype()

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.tensors[0])

    def __len__(self) -> int:
        """Count the batches of one epoch."""
        return ceil(self.images / self.batch_size)

    def checksum(self) -> int:
        """Compute a number that changes with the data."""
        checksum = 0
        for tensor in self.tensors:
            in_bytes = tensor.detach().cpu().contiguous().view(torch.uint8)  # of any type
            checksum = zlib.crc32(in_bytes.numpy().data, checksum)
        return checksum

    def __iter__(self) -> Iterator[Batch]:
        """Go through the data once, in its own order; the transform runs with Pyro's validation on.

        So images that cannot be transformed are found here, and need not be looked for again.
        """
        for start in range(0, self.images, self.batch_size):
            with pyro.validation_enabled(True):
                batch = self._batch(*(t[start : start + self.batch_size] for t in self.tensors))
            yield batch

    def shuffled(self, seed: int, epoch: int, part: int = 0, parts: int = 1) -> Iterator[Batch]:
        """Go through the data once, in the order of this seed and epoch.

        Of each batch, only one of several parts of equal size may be asked for; where the images
        do not divide among them, the first of the epoch come again at its end.
        """
        mixed = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(mixed[0]))
        order = torch.randperm(self.images, generator=generator).to(self.tensors[0].device)
        order = torch.cat([order, order[: -len(order) % parts]])
        for index in order.split(self.batch_size):
            yield self._batch(*(tensor[index[part::parts]] for tensor in self.tensors))

    def _batch(self, images: Tensor, *context: Tensor) -> Batch:
        if self.transform is not None:
            images = self.transform(images)
        return images.to(self.dtype), *context


def as_tensors(data: Data) -> Batch:
    """Give images, and what comes with them, as a tuple.

    Raises
    ------
    TypeError
        Where they are no tensors.
    ValueError
        Where there are none, or tensors differ in length.
    """
    tensors = data if isinstance(data, tuple) else (data,)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"data holds a {type(tensor).__name__}; expected tensors of images, such as "
                "load('digits').train.images, and perhaps of labels"
            )
    lengths = [len(tensor) if tensor.dim() else 0 for tensor in tensors]
    if min(lengths, default=0) == 0:
        raise ValueError(f"data has {lengths} images; expected one or more")
    if len(set(lengths)) > 1:
        raise ValueError(f"data has tensors of the lengths {lengths}; expected equal lengths")
    return tensors


def largest_batch(data: Data, images: int) -> int:
    """Give the size of the largest batch of at most so many images, but of one at least."""
    return max(1, min(images, len(as_tensors(data)[0])))


def observed_batches(
    data: Batch,
    observed: Tensor | None,
    batch_size: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> Batches:
    """Give images in batches of at most so many, and last their masks where there are some.

    What stands at missing pixels becomes 0.

    Raises
    ------
    ValueError
        Where the masks have the wrong type or shape, or observed pixels are not finite.
    """
    if observed is not None:
        images, observed = known_pixels(data[0], observed)
        data = (images, *data[1:], observed)
    return Batches(data, min(batch_size, len(data[0])), device=device, dtype=dtype)
