"""The arguments of one call of a program: rows of data, and what all rows share."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ppgen.arguments import checked
from ppgen.data.dataset import Dataset, Part
from ppgen.tensors import as_tensor, check_finite

Data = Any
"""A tensor, a tuple or a dict of tensors and arrays, a part of a data set; or, for calls that say
so, a ``torch.utils.data`` data set or loader."""

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


def repeat_rows(tensor: Tensor, times: int) -> Tensor:
    """Repeat all rows of a tensor, one copy of it after the other.

    Examples
    --------
    >>> repeat_rows(torch.tensor([3, 7]), 2)
    tensor([3, 7, 3, 7])
    """
    return tensor.repeat(times, *[1] * (tensor.dim() - 1))


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
