"""Minibatches of the arguments of a program, from tensors that live in memory."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ppgen.arguments import checked
from ppgen.data.dataset import Dataset, Part
from ppgen.images import check_observed
from ppgen.running import validated
from ppgen.tensors import as_tensor, check_finite

Data = Any
"""A tensor, a tuple or a dict of tensors and arrays, a part of a data set; or, for calls that say
so, a ``torch.utils.data`` data set or loader."""

Transform = Callable[[Tensor], Tensor]

EVALUATION_BATCH = 1000
FINITE = "finite numbers, and a boolean mask beside them if values are missing"


@checked
@dataclass(frozen=True, eq=False)
class Setting:
    """A ``value`` among the arguments of a program that is no row of its data, although a tensor.

    Examples
    --------
    >>> Batch.of((torch.zeros(5), Setting(torch.ones(3)))).tensors
    (tensor([0., 0., 0., 0., 0.]),)
    """

    value: Any


@dataclass(frozen=True)
class Batch:
    """The arguments with which model and guide are called once: rows of data, and settings.

    ``rows`` says which of the positional and keyword arguments are rows of data.

    Examples
    --------
    >>> batch = Batch.of({"x": torch.arange(4.0), "scale": 2.0})
    >>> len(batch), batch.kwargs["scale"], batch[1:3].kwargs["x"]
    (4, 2.0, tensor([1., 2.]))
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    rows: tuple[int | str, ...]
    size: int = field(init=False)  # counted once: the training step asks for it

    def __post_init__(self) -> None:
        """Count the rows; a batch without tensors counts as one."""
        object.__setattr__(self, "size", len(self[self.rows[0]]) if self.rows else 1)

    @classmethod
    def of(cls, data: Data) -> "Batch":
        """Read data as arguments; raise a ValueError if tensors differ in length or are empty."""
        if isinstance(data, Batch):
            return data
        if isinstance(data, Dataset):
            raise TypeError(
                f"data is the data set {data.name!r}; expected one of its parts, such as "
                "data.train, or images of it"
            )
        if isinstance(data, Part):
            data = data.images
        if data is None or isinstance(data, str | bool | int | float):
            raise TypeError(
                f"data is {data!r}; expected a tensor or array, a tuple of arguments, a dict of "
                "them by keyword, or a torch.utils.data data set or loader; an empty tuple () "
                "calls a program that takes no arguments"
            )
        by_name = isinstance(data, Mapping)
        if by_name and not all(isinstance(name, str) for name in data):
            raise TypeError(f"data has the keys {list(data)}; expected names of arguments, strings")
        if not by_name:  # a named tuple, such as a PackedSequence, is one argument
            data = dict(enumerate(data if type(data) in (tuple, list) else (data,)))
        named = {name: _as_tensor(name, value) for name, value in data.items()}
        lengths = {n: len(v) for n, v in named.items() if isinstance(v, Tensor) and v.dim() > 0}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"data has tensors of the lengths {lengths}; expected the same number of rows in "
                "each; bind a tensor that is no row of the data by functools.partial, or wrap it: "
                "ppgen.data.Setting(tensor)"
            )
        if 0 in lengths.values():
            raise ValueError(f"data has tensors of the lengths {lengths}; expected one row or more")
        given = {n: v.value if isinstance(v, Setting) else v for n, v in named.items()}
        args, kwargs = ((), given) if by_name else (tuple(given.values()), {})
        return cls(args, kwargs, tuple(lengths))

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Any]:
        """Go through the arguments."""
        return iter((*self.args, *self.kwargs.values()))

    def __getitem__(self, key: Any) -> Any:
        """Return one argument by its position or keyword, or a batch of the rows in a slice."""
        if isinstance(key, int):
            return self.args[key]
        if isinstance(key, str):
            return self.kwargs[key]
        return self.map(lambda tensor: tensor[key])

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The arguments that are rows."""
        return tuple(self[name] for name in self.rows)

    @property
    def shapes(self) -> str:
        """Shapes of the tensors, as text for messages."""
        shapes = (f"{n if isinstance(n, str) else ''} {tuple(self[n].shape)}" for n in self.rows)
        return ", ".join(shape.strip() for shape in shapes) or "no tensors"

    @property
    def form(self) -> dict[int | str, int]:
        """Number of dimensions of each argument that is rows."""
        return {name: self[name].dim() for name in self.rows}

    def check_finite(self, before: int = 0) -> None:
        """Raise a ValueError if a value is no finite number; rows are counted from ``before``."""
        for tensor in self.tensors:
            if tensor.is_floating_point():
                check_finite("data", tensor, FINITE, before)

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Apply a function to each tensor of rows."""
        args = tuple(function(v) if i in self.rows else v for i, v in enumerate(self.args))
        kwargs = {k: function(v) if k in self.rows else v for k, v in self.kwargs.items()}
        return type(self)(args, kwargs, self.rows)

    def with_tensors(self, tensors: tuple[Tensor, ...]) -> Self:
        """Put other rows in place of these."""
        waiting = iter(tensors)
        return self.map(lambda _: next(waiting))

    def repeated(self, times: int) -> Self:
        """Repeat all rows, one copy of the batch after the other."""
        return self.map(lambda tensor: repeat_rows(tensor, times))


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


def _as_tensor(name: int | str, value: Any) -> Any:
    if isinstance(value, Tensor) and value.layout is not torch.strided:
        raise TypeError(
            f"data[{name!r}] has the layout {value.layout}; expected a dense tensor: "
            "tensor.to_dense()"
        )
    if hasattr(value, "to_numpy"):  # columns of pandas
        value = value.to_numpy(copy=True)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biufc":
            raise TypeError(f"data holds an array of type {value.dtype}; expected numbers")
        tensor = as_tensor(value)
        return tensor.to(torch.get_default_dtype()) if tensor.is_floating_point() else tensor
    return value


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


def repeat_rows(tensor: Tensor, times: int) -> Tensor:
    """Repeat all rows of a tensor, one copy of it after the other.

    Examples
    --------
    >>> repeat_rows(torch.tensor([3, 7]), 2)
    tensor([3, 7, 3, 7])
    """
    return tensor.repeat(times, *[1] * (tensor.dim() - 1))


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
