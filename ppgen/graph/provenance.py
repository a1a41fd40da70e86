"""Track which sample sites of a Pyro program each value was computed from."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

import networkx as nx
import pyro
import torch
from pyro import poutine
from pyro.distributions import Delta
from pyro.infer import config_enumerate
from pyro.ops.provenance import detach_provenance, get_provenance, track_provenance
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor
from torch._higher_order_ops import utils as hops
from torch.distributions import Distribution, Transform
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

from ppgen.data.batches import Batch
from ppgen.data.streams import as_batches
from ppgen.graph.nodes import GraphError
from ppgen.graph.parts import Part, is_entrywise
from ppgen.program import Program
from ppgen.running import evaluating, random_state, set_random_state

Marks = frozenset[Any]  # names of sites, and parts of the model's arguments

# What a program raises when it runs on arguments that it does not take.
FAILURES = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

PLATES = 8  # dimensions that are left to plates while discrete sites are summed out

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


def track(
    model: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], deterministic: bool
) -> tuple[nx.DiGraph, Any]:
    """Graph of the sites of one run of a model, and what the model returned.

    A model that cannot run on draws of its discrete sites runs on all their states at once, as
    when Pyro sums them out.
    """
    first, second = Tracker(deterministic), Tracker(deterministic)
    try:
        return first.graph, first.run(model, args, kwargs)
    except FAILURES as error:
        if not first.discrete:
            raise
        on_draws = error
    summed_out = poutine.enum(config_enumerate(model), first_available_dim=-1 - PLATES)
    try:
        return second.graph, second.run(summed_out, args, kwargs)
    except FAILURES as error:
        raise GraphError(
            f"the model runs neither on draws of its discrete sites {', '.join(first.discrete)} "
            f"({_first_line(on_draws)}), nor with them summed out ({_first_line(error)}); for the "
            "same edges, pass it with values of these sites on which it runs: "
            f"pyro.condition(model, data={{{first.discrete[0]!r}: …}})"
        ) from on_draws


class Tracker(Messenger):
    """Marks the value of each sample site, and reads the marks that reach each distribution.

    ``graph`` has the sites in the order of the run, with edges from their parents; ``discrete`` are
    the latent ones with finite support; ``arguments`` are the parts of arguments that each observed
    one has its value from.
    """

    def __init__(self, deterministic: bool) -> None:
        super().__init__()
        self.deterministic = deterministic
        self.graph = nx.DiGraph()
        self.discrete: list[str] = []
        self.arguments: dict[str, set[Part]] = {}
        self.watch = Watch()

    def run(self, model: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run a model on arguments, and return what it returns, without marks."""
        self.watch.tell_apart((args, dict(kwargs)))
        set_ = Tensor.set_  # which torch's modes do not see
        # The trace raises an error if two sites have the same name.
        with (
            self,
            self.watch,
            patch.object(Tensor, "set_", lambda *args: self.watch.call(set_, *args)),
            # torch.cond and the like would compile what they call, which fails on marked tensors.
            patch.object(hops, "_hop_compile_and_call", lambda f, args: f(*args), create=True),
        ):
            trace = poutine.trace(model).get_trace(*args, **kwargs)
        return detach_provenance(trace.nodes["_RETURN"]["value"])

    def _pyro_sample(self, msg: Any) -> None:
        # If a sampler branches on its parameters, only this site depends on them.
        self.watch.paused = True

    def _pyro_post_sample(self, msg: Any) -> None:
        try:
            if not site_is_subsample(msg):
                self._note(msg)
        finally:
            self.watch.paused = False

    def _note(self, msg: Any) -> None:
        value, name, fn = detach_provenance(msg["value"]), msg["name"], msg["fn"]
        # A copy: otherwise a value that is part of a larger tensor would share that tensor's marks.
        # A sampler may have written its parameters' marks there, as Gamma's clamps its draws.
        copy = tree_map_only(Tensor, lambda tensor: detach_provenance(tensor.clone()), value)
        computed = bool(msg["infer"].get("_deterministic"))
        if computed and not self.deterministic:
            return
        obs = self.watch.marks(msg["value"]) if msg["is_observed"] else frozenset()
        if computed:
            marks = obs
        else:
            marks = self.watch.marks((*_contents(fn, set()), msg["mask"], msg["scale"]))
            marks |= frozenset(mark for mark in obs if isinstance(mark, str))
            with suppress(NotImplementedError):
                # Transforms that have no inverse know a draw by its identity.
                marks |= self.watch.marks(fn.log_prob(copy if msg["is_observed"] else value))
            if not msg["is_observed"] and getattr(fn, "has_enumerate_support", False):
                self.discrete.append(name)
        decided = marks | self.watch.decided
        parts = [mark for mark in marks if isinstance(mark, Part)]
        parents = [
            n
            for n in self.graph
            if n in decided or any(p.overlaps(q) for p in self.arguments[n] for q in parts)
        ]
        self.graph.add_node(
            name,
            observed=msg["is_observed"] and not computed and not _is_value_of(fn, value),
            plates=tuple(frame.name for frame in msg["cond_indep_stack"]),
            distribution="Deterministic" if computed else type(_base(fn)).__name__,
        )
        self.graph.add_edges_from((parent, name) for parent in parents)
        self.arguments[name] = {mark for mark in obs if isinstance(mark, Part)}
        msg["value"] = self.watch.track(copy, frozenset({name}))


class Watch(TorchFunctionMode):
    """Follows marks that Pyro's provenance loses: of tensors written to, and of values read."""

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


def _contents(thing: Any, seen: set[int]) -> list[Tensor]:
    """All tensors in a distribution, including those that its density does not use."""
    if isinstance(thing, Tensor):
        return [thing]
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, Distribution | Transform):
        thing = vars(thing)
    elif isinstance(thing, functools.partial):
        thing = (thing.args, thing.keywords)
    parts = list(thing.values()) if isinstance(thing, dict) else thing
    inside = parts if isinstance(parts, list | tuple) else ()
    return [tensor for part in inside for tensor in _contents(part, seen)]


def _base(fn: Any) -> Any:
    # Independent, Expanded and Masked are wrappers; the base is the distribution proper.
    wrappers = ("Independent", "ExpandedDistribution", "MaskedDistribution")
    while type(fn).__name__ in wrappers:
        fn = fn.base_dist
    return fn


def _is_value_of(fn: Any, value: Any) -> bool:
    """Whether a value is computed, not data: the one of a Delta, as of a reparametrised site."""
    base = _base(fn)
    if not isinstance(base, Delta):
        return False
    return bool(detach_provenance(base.v).isclose(value, 0, 0, equal_nan=True).all())


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


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


@contextmanager
def undisturbed(program: Program) -> Iterator[None]:
    """Run a program in evaluation mode, and leave parameters and random state as they were."""
    store, state = pyro.get_param_store(), random_state()
    before = set(store.keys())
    try:
        with evaluating(program, None):
            yield
    finally:
        set_random_state(state)
        for name in set(store.keys()) - before:
            del store[name]


def as_fit_calls(
    program: Program, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of a program as :func:`ppgen.fit` passes them: spread, as tensors, and cast."""

    def first(data: Any) -> Batch:
        dtype = program.dtype if any(p.is_floating_point() for p in program.parameters()) else None
        batches = as_batches(data, device=program.device, dtype=dtype)
        batches.floating_images = program.floating_images
        return batches.first()

    if len(args) == 1 and not kwargs and not isinstance(args[0], str | bool | int | float | None):
        batch = first(args[0])
        return batch.args, batch.kwargs
    return (
        tuple(first((value,))[0] for value in args),
        {name: first((value,))[0] for name, value in kwargs.items()},
    )
