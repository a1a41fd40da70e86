"""Tell apart the entries of a program's arguments."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import as_strided

# Casts and copies, and operators under names that torch's operations do not have.
ENTRYWISE = {"to", "float", "double", "half", "long", "int", "bool", "contiguous", "__invert__"}


class Part(NamedTuple):
    """The entries of a tensor, as places in the memory of the argument that they are from.

    Examples
    --------
    >>> first, second, both = Part(0, 0, (3,), (2,)), Part(0, 1, (3,), (2,)), Part(0, 2, (2,), (1,))
    >>> first.overlaps(second), first.overlaps(both)
    (False, True)
    """

    root: int  # the address of the memory
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def end(self) -> int:
        """The place behind the last entry."""
        return (
            self.offset + 1 + sum((n - 1) * s for n, s in zip(self.size, self.stride, strict=True))
        )

    def overlaps(self, other: "Part") -> bool:
        """Whether two parts have an entry in common; if that is hard to tell, they have."""
        if self.root != other.root or self.end <= other.offset or other.end <= self.offset:
            return False
        memory = np.empty(max(self.end, other.end), np.uint8)  # never touched
        mine, its = (as_strided(memory[p.offset :], p.size, p.stride) for p in (self, other))
        try:
            return np.shares_memory(mine, its, max_work=10**6)  # type: ignore[arg-type]
        except np.exceptions.TooHardError:
            return True


def is_entrywise(name: str) -> bool:
    """Whether each entry of a torch function's result is from the same entry of its argument."""
    if name in ENTRYWISE:
        return True
    operation = getattr(torch.ops.aten, name.strip("_"), None)
    overloads = operation.overloads() if operation else ()
    return any(torch.Tag.pointwise in getattr(operation, o).tags for o in overloads)
