"""Minibatches from torch's data sets and loaders, which are read batch by batch."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, default_collate
from torch.utils.data import Dataset as TorchDataset

from ppgen.data.batch import Batch, Data
from ppgen.data.batches import EVALUATION_BATCH, Batches, Transform, rows_of_part
from ppgen.running import own_random_state, validated


class StreamedBatches(Batches):
    """Batches of a ``torch.utils.data`` data set or loader, whose rows need not fit into memory.

    A data set is shuffled by seed and epoch. A loader keeps its own batch size and order; what it
    draws comes from the generator of the fit. A loader that makes its batches by itself is read
    once to count its rows; its batches may differ in which arguments they hold, such as labels in
    some of them, and in the sizes of dimensions other than the rows.

    Parameters
    ----------
    source
        A map-style data set, or a loader. It yields what a program takes: a tensor, a tuple or list
        (positional arguments), or a dict (by keyword). Raises a TypeError or ValueError if it has
        no length, is empty, or yields something else.
    batch_size, transform, device, dtype
        As for :class:`ppgen.data.batches.Batches`.

    Examples
    --------
    >>> batches = StreamedBatches(DataLoader(torch.arange(10.0), batch_size=4))
    >>> batches.rows, [len(batch) for batch in batches]
    (10, [4, 4, 2])
    """

    def __init__(
        self,
        source: TorchDataset | DataLoader,
        batch_size: int | None = None,
        transform: Transform | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> None:
        self.loader = source if isinstance(source, DataLoader) else None
        self.source: Any = source
        self.transform, self.dtype, self.device = transform, dtype, device
        self._known: dict[int | str, tuple[int, torch.dtype]] = {}
        self._complete = False  # whether all kinds of batches are known
        if self.loader is None:
            self.rows = _rows(source)
            self.batch_size = min(batch_size or EVALUATION_BATCH, self.rows)
        elif batch_size not in (None, self.loader.batch_size):
            raise ValueError(
                f"batch_size is {batch_size}, and the loader's is {self.loader.batch_size}; "
                "expected None, since the loader makes the batches"
            )
        # Batches that torch collates from rows of a data set are alike.
        own_batches = self.loader is not None and (
            self.loader.batch_size is None
            or isinstance(self.loader.dataset, IterableDataset)
            or self.loader.collate_fn is not default_collate
        )
        # The first batch of each set of arguments that batches hold, as it was read.
        self.kinds: dict[tuple[int | str, ...], Batch] = {}
        sizes = []
        if self.loader is not None or self.rows:
            with own_random_state(0):  # loaders draw from torch's generator
                for batch in islice(self._read(), None if own_batches else 1):
                    self.kinds.setdefault(batch.rows, batch)
                    sizes.append(len(batch))
        self._complete = True
        if not sizes:
            raise ValueError("data is an empty data set; expected one row or more")
        if self.loader is not None:
            self.batch_size = max(sizes)
            self._length, self.rows = len(sizes), sum(sizes)
            if not own_batches:
                self._length = len(self.loader)
                every = len(self.loader.sampler)  # type: ignore[arg-type]
                self.rows = self._length * self.batch_size if self.loader.drop_last else every
                self.ends_in_one_row = self.rows % self.batch_size == 1 < self.batch_size
        self.data = next(iter(self.kinds.values()))

    def __len__(self) -> int:
        """Count the batches of one epoch."""
        return super().__len__() if self.loader is None else self._length

    def checksum(self, checksum: int = 0) -> int:
        """Compute a number that changes with the first batch and the number of rows."""
        return super().checksum(self.rows)

    def firsts(self, rows: int | None = None) -> list[Batch]:
        """Return the first rows of each kind of batch, at most a batch."""
        some = slice(0, rows)
        batches = [batch[some] if batch.rows else batch for batch in self.kinds.values()]
        with validated():
            return [self.cast(batch) for batch in batches]

    def take_whole(self, why: str) -> None:
        """Make one batch of all rows; raise a ValueError if a loader has several batches."""
        if self.loader is not None and len(self) > 1:
            raise ValueError(
                f"the program needs all rows at once: {why}; expected tensors in memory, a data "
                "set, or a loader with one batch"
            )
        super().take_whole(why)

    def __iter__(self) -> Iterator[Batch]:
        """Go through the data once; a loader in its own order."""
        for batch in self._read():
            with validated():
                batch = self.cast(batch)
            yield batch

    def shuffled(self, seed: int, epoch: int, part: int = 0, parts: int = 1) -> Iterator[Batch]:
        """Go through the data once, a data set in the order of this seed and epoch."""
        order = self._order(seed, epoch) if self.loader is None else None
        for read in self._read(order):
            batch = self.cast(read)
            yield batch if parts == 1 else batch[rows_of_part(len(batch), part, parts)]

    def _source(self, order: Tensor | None = None) -> DataLoader:
        # The loader, or one of the data set in some order, by default its own.
        if self.loader is not None:
            return self.loader
        parts = self._split(torch.arange(self.rows) if order is None else order)
        return DataLoader(self.source, batch_sampler=[part.tolist() for part in parts])

    def _read(self, order: Tensor | None = None) -> Iterator[Batch]:
        reads, before = iter(self._source(order)), 0
        while True:
            try:
                read = next(reads)
            except StopIteration:
                return
            except (TypeError, RuntimeError, KeyError) as error:  # rows that cannot be collated
                raise ValueError(
                    f"data cannot be read in batches ({error}); expected the same structure and "
                    "shape in all rows"
                ) from error
            batch = Batch.of(read)
            batch.check_finite(before)
            self._check_kind(batch)
            before += len(batch)
            yield batch.map(lambda tensor: tensor.to(self.device))

    def _check_kind(self, batch: Batch) -> None:
        if self._complete and batch.rows not in self.kinds:
            raise ValueError(
                f"data yields a batch of {batch.shapes}, after batches of {self.data.shapes}; "
                "expected the same arguments in all batches; a loader that makes its batches "
                "itself may yield several kinds"
            )
        for name in batch.rows:
            dims, dtype = batch[name].dim(), batch[name].dtype
            known = self._known.setdefault(name, (dims, dtype))
            if known != (dims, dtype):
                raise ValueError(
                    f"data yields a batch of {batch.shapes}, of which the argument {name!r} has "
                    f"{dims} dimensions of {dtype}; before it had {known[0]} of {known[1]}; "
                    "expected the same in each batch"
                )


def as_batches(
    data: Data,
    batch_size: int | None = None,
    transform: Transform | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> Batches:
    """Return minibatches of data in any form that a program can be called with.

    Tensors that live in memory anyway are split there; other data sets are read batch by batch.
    """
    if isinstance(data, TensorDataset):
        data = data.tensors
    streamed = isinstance(data, DataLoader | TorchDataset)
    kind = StreamedBatches if streamed else Batches
    return kind(data, batch_size, transform, device, dtype)


def count_rows(data: Data) -> int:
    """Count the rows of data in memory or of a map-style data set; a loader counts as one.

    Examples
    --------
    >>> count_rows({"x": torch.zeros(5, 2), "scale": 1.0})
    5
    """
    return _rows(data) if isinstance(data, TorchDataset) else len(Batch.of(data))


def _rows(source: Any) -> int:
    if isinstance(source, IterableDataset) or not hasattr(source, "__len__"):
        raise TypeError(
            f"data is a {type(source).__name__} without a length; expected a map-style data set, "
            "with __len__ and __getitem__, or a DataLoader"
        )
    return len(source)
