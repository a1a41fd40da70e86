"""Follow marks of where values come from through the functions of torch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from pyro.ops.provenance import detach_provenance, get_provenance, track_provenance
from torch import Tensor
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

from ppgen.graph.parts import Part, is_entrywise

Marks = frozenset[Any]  # names of sites, and parts of the model's arguments

# Functions through which a value leaves the tensors, where no mark can follow it.
READS = {
    "item", "tolist", "numpy", "__array__", "__bool__", "__int__", "__float__", "__complex__",
    "__index__", "__contains__", "is_nonzero", "equal", "allclose", "storage", "untyped_storage",
    "__dlpack__",
}  # fmt: skip

# The size of their results depends on values, and a size carries no mark.
SIZED = {
    "nonzero", "argwhere", "unique", "unique_consecutive", "bincount", "arange", "eye", "zeros",
    "ones", "empty", "rand", "randn", "randperm",
}  # fmt: skip
SIZED_IF_ALONE = {"where", "one_hot", "repeat_interleave"}  # if called with one argument
SIZED_BY_OTHERS = {  # the size depends on all but the first argument
    "masked_select", "repeat_interleave", "repeat", "tile", "expand", "view", "reshape", "narrow",
    "split", "tensor_split", "pad", "new_zeros", "new_ones", "new_empty",
}  # fmt: skip


class Watch(TorchFunctionMode):
    """Follows marks that Pyro's provenance loses: of tensors written to, and of values read.

    ``decided`` has the marks of all values that have left the tensors. While ``paused``, none do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.paused = False
        self.decided: Marks = frozenset()
        self.written: dict[int, Marks] = {}  # by the address of the memory
        self.entries: dict[int, tuple[int, int, int]] = {}  # there, of arguments: see `_part`
        self.kept: list[Tensor] = []  # while these are, no other tensor gets their memory

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a torch function, and mark its result."""
        return self.call(func, *args, **(kwargs or {}))

    def call(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function, and mark its result."""
        marks = self.marks((_opened(args), kwargs))
        if not marks:
            return func(*args, **kwargs)
        # Pyro's provenance makes a tuple of a size, which `Tensor.new` would take for data.
        plain = [a if isinstance(a, torch.Size) else detach_provenance(a) for a in args]
        result = func(*plain, **detach_provenance(kwargs))
        name = getattr(func, "__name__", "")
        if not self.paused:
            self.decided |= self.marks(_read(name, args, kwargs))
        if name in ("__setitem__", "__set__") or (name.endswith("_") and not name.endswith("__")):
            self._write(args[:1], marks)
        self._write(kwargs.get("out"), marks)
        parts = [mark for mark in marks if isinstance(mark, Part)]
        # Each use of the part must be entry by entry, unlike that in `x + x.sum()`.
        used = [x for x in tree_leaves((args, kwargs)) if any(p in self.marks(x) for p in parts)]
        aligned = all(key in self.entries for key, _ in _storages(used))
        if len(parts) == 1 and aligned and isinstance(result, Tensor) and is_entrywise(name):
            self._align(result, parts[0])
        return self.track(result, marks)

    def tell_apart(self, arguments: Any) -> None:
        """Follow the entries of each tensor among a model's arguments."""
        for key, tensor in _storages(arguments):
            self.entries[key] = (key, 0, tensor.itemsize)
            self.kept.append(tensor)

    def _align(self, tensor: Tensor, part: Part) -> None:
        """Follow the entries of a new tensor that are each from one entry of a part."""
        if tensor.layout == torch.strided and (tensor.shape, tensor.stride()) == part[2:]:
            for key, kept in _storages(tensor):
                shift = part.offset - int(tensor.storage_offset())
                self.entries.setdefault(key, (part.root, shift, tensor.itemsize))
                self.kept.append(kept)

    def _part(self, key: int, tensor: Tensor) -> Part:
        root, shift, itemsize = self.entries[key]
        if tensor.layout != torch.strided:
            return Part(root, 0, (1,), (1,))
        if tensor.itemsize != itemsize:  # all entries, as in a view of another type
            return Part(root, shift, (tensor.untyped_storage().nbytes() // itemsize,), (1,))
        offset = shift + int(tensor.storage_offset())
        return Part(root, offset, tuple(tensor.shape), tensor.stride())

    def track(self, values: Any, marks: Marks) -> Any:
        """Mark the tensors among values; those that Pyro's provenance cannot, by their memory."""

        def mark(leaf: Tensor) -> Tensor:
            if leaf.layout == torch.strided and not is_functorch_wrapped_tensor(leaf):
                return track_provenance(leaf, marks)
            self._write(leaf, marks)
            return leaf

        return tree_map_only(Tensor, mark, values)

    def marks(self, values: Any) -> Marks:
        """All marks of values, including those of the tensors that they share memory with."""
        found: set[Any] = set()
        for leaf in map(_inner, tree_leaves(values)):
            marks = get_provenance(leaf)
            for key, tensor in _storages(leaf):
                if key in self.entries:
                    names = (mark for mark in marks if not isinstance(mark, Part))
                    marks = frozenset((*names, self._part(key, tensor)))
                found.update(self.written.get(key, ()))
            found.update(marks)
        return frozenset(found)

    def _write(self, targets: Any, marks: Marks) -> None:
        for key, tensor in _storages(targets):
            self.written[key] = marks.union(self.written.get(key, ()))
            self.kept.append(tensor)


def _storages(values: Any) -> list[tuple[int, Tensor]]:
    """Tensors with the addresses of their memory; sparse ones, without one, with their own."""
    leaves = (_inner(leaf) for leaf in tree_leaves(values) if isinstance(leaf, Tensor))
    tensors = (detach_provenance(leaf) for leaf in leaves)
    keys = ((_address(tensor), tensor) for tensor in tensors)
    return [(key, tensor) for key, tensor in keys if key]


def _address(tensor: Tensor) -> int:
    strided = tensor.layout == torch.strided
    return tensor.untyped_storage().data_ptr() if strided else id(tensor)


def _inner(leaf: Any) -> Any:
    """Take a tensor out of the wrappers of torch.func's gradients and maps."""
    while isinstance(leaf, Tensor) and is_functorch_wrapped_tensor(leaf):
        leaf = get_unwrapped(leaf)
    return leaf


def _opened(values: Any) -> Any:
    """Replace slices by tuples, as torch's trees do not look into slices."""
    return tree_map_only(slice, lambda s: (s.start, s.stop, s.step), values)


def _read(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """Arguments of a torch function whose values Python learns, also by the size of the result."""
    tensors = [leaf for leaf in tree_leaves((_opened(args), kwargs)) if isinstance(leaf, Tensor)]
    if name in READS | SIZED or (name in SIZED_IF_ALONE and len(args) + len(kwargs) == 1):
        return tensors
    if name == "__getitem__":
        return _opened([i for i in tree_leaves(args[1]) if isinstance(i, slice) or _is_mask(i)])
    return tensors[1:] if name in SIZED_BY_OTHERS else []


def _is_mask(index: Any) -> bool:
    return isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8)
