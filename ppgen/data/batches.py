"""Minibatches of the arguments of a program, from tensors that live in memory."""

import warnings
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import ceil
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ppgen.data.batch import Batch, Data
from ppgen.images import check_observed
from ppgen.program import Program, floating_type
from ppgen.running import validated

Transform = Callable[[Tensor], Tensor]

EVALUATION_BATCH = 1000

LEAST_PRECISION = 1e-3
"""Rounding, of the spread of a column, beyond which its differences count as lost."""


class Batches:
    """Rows of data in minibatches; an epoch is a permutation of them, fixed by seed and epoch.

    The last batch may be short; a last batch of one row joins the batch before it, since a program
    may broadcast one row silently.

    Parameters
    ----------
    data
        A tensor, a tuple or a dict of tensors, see :meth:`Batch.of`. Floating-point tensors are
        cast to ``dtype``, and so are images in bytes, ``(batch, channel, height, width)``, unless
        ``floating_images`` is False; other integers and booleans stay what they are.
    batch_size
        Rows a batch; at most as many as there are. None: as suits evaluation, 1,000.
    transform
        Applied to the first tensor of each batch, for instance to draw binary pixels.
    device
        Device that keeps the data and makes the batches.
    dtype
        Floating-point type; None: tensors keep theirs, arrays and images become torch's default.

    Raises
    ------
    TypeError, ValueError
        If the data is of another kind, values are not finite, or the batch size is not between 1
        and the number of rows.

    Examples
    --------
    >>> batches = Batches(torch.arange(10.0), batch_size=4)
    >>> [len(batch) for batch in batches.shuffled(seed=0, epoch=1)]
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
        batch = Batch.of(data)
        self.rows = len(batch)
        if batch_size is None:
            batch_size = min(EVALUATION_BATCH, self.rows)
        if not 1 <= batch_size <= self.rows:
            raise ValueError(
                f"batch_size is {batch_size}; expected between 1 and the {self.rows} rows of data"
            )
        batch.check_finite()
        self.data = batch.map(lambda tensor: tensor.to(device))
        self.batch_size = batch_size
        self.transform = transform
        self.dtype = dtype

    floating_images = True  # whether images in bytes are cast
    keeps_order = False  # whether rows are not shuffled
    ends_in_one_row = False  # whether the last batch is a single row

    def __len__(self) -> int:
        """Count the batches of one epoch."""
        joined = self.rows % self.batch_size == 1 < self.batch_size < self.rows
        return ceil(self.rows / self.batch_size) - joined

    def checksum(self, checksum: int = 0) -> int:
        """Compute a number that changes with the data, from the checksum of what comes before."""
        for tensor in self.data.tensors:
            # Flat, since a view as bytes needs a stride of 1, which a dimension of size 1 may lack.
            in_bytes = tensor.detach().cpu().flatten().contiguous().view(torch.uint8)
            checksum = zlib.crc32(in_bytes.numpy().data, checksum)
        return checksum

    def first(self, rows: int | None = None) -> Batch:
        """Return the first rows, or all, as one batch."""
        return self.firsts(rows)[0]

    def firsts(self, rows: int | None = None) -> list[Batch]:
        """Return the first rows, or all, once for each set of arguments that batches may hold."""
        with validated():
            return [self.batch(slice(0, rows))]

    def cast_for(self, program: Program) -> Self:
        """Let batches have the program's floating-point type, and bytes as its images want them."""
        self.floating_images = program.floating_images
        dtype = floating_type(program)
        if dtype is not None and dtype != self.dtype:
            self.dtype = dtype
            self._warn_of_rounding(torch.finfo(dtype))
        return self

    def _warn_of_rounding(self, kind: torch.finfo) -> None:
        """Warn if a type is too short for the differences between rows, as of times in seconds."""
        if kind.bits < 32:  # half precision is a choice
            return
        for name in self.data.rows[self.transform is not None :]:
            rows = self.data[name]
            if not rows.is_floating_point() or torch.finfo(rows.dtype).bits <= kind.bits:
                continue
            rows = rows.flatten(1) if rows.dim() > 1 else rows[:, None]
            spread, rounding = rows.amax(0) - rows.amin(0), kind.eps * rows.abs().amax(0)
            lost = (spread > 0) & (rounding > LEAST_PRECISION * spread)
            if lost.any():
                worst = int((rounding / spread).where(lost, 0).argmax())
                warnings.warn(
                    f"data[{name!r}] is of {rows.dtype} and the program of {self.dtype}, which "
                    f"rounds it by up to {rounding[worst]:.2g}, and its values spread over "
                    f"{spread[worst]:.3g}; subtract an offset from it, or make the parameters of "
                    f"{rows.dtype}",
                    stacklevel=2,
                )

    def take_whole(self, why: str) -> None:
        """Make one batch of all rows in their order, which the program needs for some reason."""
        self.batch_size = self.rows
        self.keeps_order = True

    def __iter__(self) -> Iterator[Batch]:
        """Go through the data once, in its own order, the transform with Pyro's validation on."""
        for rows in self._slices():
            with validated():
                batch = self.batch(rows)
            yield batch

    def shuffled(self, seed: int, epoch: int, part: int = 0, parts: int = 1) -> Iterator[Batch]:
        """Go through the data once, in the order of this seed and epoch.

        Several processes take a part of each batch each, see :func:`rows_of_part`.
        """
        if self.keeps_order and parts == 1:
            yield from map(self.batch, self._slices())
            return
        order = self._order(seed, epoch)
        if self.data.rows:
            order = order.to(self.data.tensors[0].device)
        for index in self._split(order):
            yield self.batch(index[rows_of_part(len(index), part, parts)])

    def _slices(self) -> list[slice]:
        """Split the rows into batches; a last one of one row joins the one before."""
        starts = [*range(0, self.rows, self.batch_size)]
        if self.rows - starts[-1] == 1 < self.batch_size and len(starts) > 1:
            starts.pop()
        return [slice(*ends) for ends in pairwise([*starts, self.rows])]

    def _order(self, seed: int, epoch: int) -> Tensor:
        if self.keeps_order:
            return torch.arange(self.rows)
        mixed = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(mixed[0]))
        return torch.randperm(self.rows, generator=generator)

    def _split(self, order: Tensor) -> list[Tensor]:
        return [order[rows] for rows in self._slices()]

    def batch(self, index: slice | Tensor) -> Batch:
        """Return some rows as they are given to a program."""
        # New tensors each time: transforms with caches know a value by its identity.
        if self.transform is None:
            return self.data.map(lambda tensor: self._floating(tensor[index]))
        return self.cast(self.data[index] if self.data.rows else self.data)

    def cast(self, batch: Batch) -> Batch:
        """Apply the transform to the first tensor; cast floating tensors and images in bytes."""
        if self.transform is not None:
            first, *others = batch.tensors
            batch = batch.with_tensors((self.transform(first), *others))
        return batch.map(self._floating)

    def _floating(self, tensor: Tensor) -> Tensor:
        in_bytes = tensor.dtype == torch.uint8 and tensor.dim() == 4
        if self.floating_images and in_bytes:
            return tensor.to(self.dtype or torch.get_default_dtype())
        return tensor.to(self.dtype or tensor.dtype) if tensor.is_floating_point() else tensor


def rows_of_part(rows: int, part: int, parts: int) -> slice | Tensor:
    """Return which rows of a batch one of several processes takes: as many as each of the others.

    The first rows come again if they do not divide, or if there are fewer than two for each.

    Examples
    --------
    >>> [rows_of_part(5, part, 2).tolist() for part in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """
    if parts == 1:
        return slice(None)
    each = max(2, ceil(rows / parts))
    return torch.arange(part, each * parts, parts) % rows


def parts_of_draws(draws: int, rows: int, at_once: int) -> Iterator[int]:
    """Split the draws for each row into numbers that, times the rows, are at most ``at_once``.

    Examples
    --------
    >>> list(parts_of_draws(5, rows=100, at_once=250))
    [2, 2, 1]
    """
    most = max(1, at_once // max(1, rows))
    for start in range(0, draws, most):
        yield min(most, draws - start)


def observed_batches(
    data: tuple[Tensor, ...],
    observed: Tensor | None,
    batch_size: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> Batches:
    """Return images in batches, and last their masks if there are some; missing pixels become 0.

    Raises a ValueError if masks have the wrong type or shape, or observed pixels are not finite.
    """
    images, *others = data
    if images.dtype == torch.bool:
        images = images.byte()
    if observed is not None:
        observed = check_observed(observed, images.shape).to(images.device)
        images = images.where(observed, 0)
        others.append(observed)
    return Batches((images, *others), min(batch_size, len(images)), device=device, dtype=dtype)
