"""Which calls of torch tell Python something of a tensor's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pyro.ops.provenance import detach_provenance
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

# Through these a value leaves the tensors, and no mark can follow it.
READS = {
    "item", "tolist", "numpy", "__array__", "__bool__", "__int__", "__float__", "__complex__",
    "__index__", "__contains__", "is_nonzero", "equal", "allclose", "storage", "untyped_storage",
    "__dlpack__",
}  # fmt: skip

# The size of what these give depends on values, and a size carries no mark.
SIZED = {
    "nonzero", "argwhere", "unique", "unique_consecutive", "bincount", "arange", "eye", "zeros",
    "ones", "empty", "rand", "randn", "randperm",
}  # fmt: skip
SIZED_IF_ALONE = {"where", "one_hot", "repeat_interleave"}  # by their one argument
SIZED_BY_OTHERS = {  # than the first argument
    "masked_select", "repeat_interleave", "repeat", "tile", "expand", "view", "reshape", "narrow",
    "split", "tensor_split", "pad", "new_zeros", "new_ones", "new_empty",
}  # fmt: skip


def opened(values: Any) -> Any:
    """Make tuples of slices, into which torch's trees do not look.

    Examples
    --------
    >>> opened((slice(1, 2), 3))
    ((1, 2, None), 3)
    """

    def one(leaf: Any) -> Any:
        return (leaf.start, leaf.stop, leaf.step) if isinstance(leaf, slice) else leaf

    return tree_map(one, values)


def read(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """Find those arguments whose values Python comes to know, or sees in the size of the result.

    Parameters
    ----------
    name
        Of the function of torch.
    args, kwargs
        With which it is called.

    Examples
    --------
    >>> x, z = torch.tensor([1.0, 2.0]), torch.tensor([True, False])
    >>> read("__getitem__", (x, z), {}), read("__getitem__", (x, 0), {})
    ([tensor([ True, False])], [])
    """
    tensors = [leaf for leaf in tree_leaves((opened(args), kwargs)) if isinstance(leaf, Tensor)]
    if name in READS | SIZED or (name in SIZED_IF_ALONE and len(args) + len(kwargs) == 1):
        return tensors
    if name == "__getitem__":
        index = tree_leaves(args[1])
        return opened([i for i in index if isinstance(i, slice) or _is_mask(i)])
    return tensors[1:] if name in SIZED_BY_OTHERS else []


def _is_mask(index: Any) -> bool:
    masks = (torch.bool, torch.uint8)
    return isinstance(index, Tensor) and detach_provenance(index).dtype in masks
