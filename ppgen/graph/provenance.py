"""Which sample sites a value was computed from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx
import torch
from pyro import poutine
from pyro.ops.provenance import detach_provenance, get_provenance, track_provenance
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch.distributions import Distribution, Transform
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from ppgen.graph.reads import opened, read

Marks = frozenset[Any]  # names of sites, and arguments


@dataclass(frozen=True)
class Argument:
    """Mark of what comes from a tensor among the model's arguments."""

    number: int


@dataclass(frozen=True)
class Site:
    """What a run says of a sample site."""

    parents: frozenset[str]
    observed: bool
    plates: tuple[str, ...]
    distribution: str
    value: Any
    arguments: Marks

    @property
    def attributes(self) -> dict[str, Any]:
        """Node attributes of the site."""
        return {
            "observed": self.observed,
            "plates": self.plates,
            "distribution": self.distribution,
        }


class Tracker(Messenger):
    """Marks the value of each sample site, and reads the marks that reach each distribution.

    Parameters
    ----------
    deterministic
        Whether ``pyro.deterministic`` sites are marked too.

    Examples
    --------
    >>> import pyro, pyro.distributions as dist
    >>> def model():
    ...     z = pyro.sample("z", dist.Bernoulli(0.5))
    ...     pyro.sample("x", dist.Normal(torch.tensor([-1.0, 1.0])[z.long()], 1.0))
    >>> Tracker.of(model, (), {}).sites["x"].parents
    frozenset({'z'})
    """

    def __init__(self, deterministic: bool = False) -> None:
        super().__init__()
        self.deterministic = deterministic
        self.sites: dict[str, Site] = {}
        self.watch = Watch()

    @classmethod
    def of(
        cls,
        model: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        deterministic: bool = False,
    ) -> Tracker:
        """Run a model once."""
        tracker = cls(deterministic)
        numbers = iter(range(len(tree_leaves((args, kwargs)))))

        def mark(leaf: Any) -> Any:
            return track_provenance(leaf, frozenset({Argument(next(numbers))}))

        args, kwargs = tree_map(mark, (args, dict(kwargs)))
        # The trace refuses two sites of one name.
        with tracker, tracker.watch:
            poutine.trace(model).get_trace(*args, **kwargs)
        return tracker

    def graph(self) -> nx.DiGraph:
        """Sites in the order of the run, with edges from their parents."""
        graph = nx.DiGraph()
        for name, site in self.sites.items():
            graph.add_node(name, **site.attributes)
        for name, site in self.sites.items():
            graph.add_edges_from((parent, name) for parent in self.sites if parent in site.parents)
        return graph

    def _pyro_sample(self, msg: Any) -> None:
        # A sampler may branch on its parameters, which concerns this site alone.
        self.watch.paused = True

    def _pyro_post_sample(self, msg: Any) -> None:
        try:
            if not site_is_subsample(msg):
                self._note(msg)
        finally:
            self.watch.paused = False

    def _note(self, msg: Any) -> None:
        value, name = detach_provenance(msg["value"]), msg["name"]
        computed = bool(msg["infer"].get("_deterministic"))
        if computed and not self.deterministic:
            return
        obs = self.watch.marks(msg["value"]) if msg["is_observed"] else frozenset()
        if computed:
            marks = obs
        else:
            sources = (*_contents(msg["fn"], set()), msg["mask"], msg["scale"])
            marks = self.watch.marks(sources) | self._density_marks(msg["fn"], value)
            marks |= frozenset(mark for mark in obs if isinstance(mark, str))
        arguments = frozenset(mark for mark in marks if isinstance(mark, Argument))
        parents = {mark for mark in marks | self.watch.decided if isinstance(mark, str)}
        parents |= {n for n, earlier in self.sites.items() if earlier.arguments & arguments}
        self.sites[name] = Site(
            parents=frozenset(parents),
            observed=msg["is_observed"] and not computed,
            plates=tuple(frame.name for frame in msg["cond_indep_stack"]),
            distribution="Deterministic" if computed else _class_name(msg["fn"]),
            value=value,
            arguments=frozenset(mark for mark in obs if isinstance(mark, Argument)),
        )
        # A copy, so that a value that is part of a larger tensor doesn't share what is noted of it.
        msg["value"] = track_provenance(tree_map(_copy, value), frozenset({name}))

    def _density_marks(self, fn: Any, value: Any) -> Marks:
        try:
            return self.watch.marks(fn.log_prob(value))
        except NotImplementedError:
            return frozenset()


class Watch(TorchFunctionMode):
    """Follows marks where Pyro's provenance loses them: into written tensors, and out to Python."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = False
        self.decided: Marks = frozenset()
        self.written: dict[int, tuple[Tensor, Marks]] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of torch, and mark its result."""
        kwargs = kwargs or {}
        marks = self.marks((opened(args), kwargs))
        if not marks:
            return func(*args, **kwargs)
        # `Tensor.new` takes a size that went through Pyro's provenance for data.
        plain = [a if isinstance(a, torch.Size) else detach_provenance(a) for a in args]
        result = func(*plain, **detach_provenance(kwargs))
        name = getattr(func, "__name__", "")
        if not self.paused:
            self.decided |= self.marks(read(name, args, kwargs))
        if name in ("__setitem__", "__set__") or (name.endswith("_") and not name.endswith("__")):
            self._write(args[:1], marks)
        if "out" in kwargs:
            self._write(kwargs["out"], marks)
        return track_provenance(result, marks)

    def marks(self, values: Any) -> Marks:
        """Find everything that values were computed from."""
        marks = get_provenance(values)
        if self.written:
            for key, _ in _storages(values):
                marks |= self.written[key][1] if key in self.written else frozenset()
        return marks

    def _write(self, targets: Any, marks: Marks) -> None:
        for key, tensor in _storages(targets):
            before = self.written[key][1] if key in self.written else frozenset()
            # Holding the tensor keeps its memory from being given to another.
            self.written[key] = (tensor, before | marks)


def _storages(values: Any) -> list[tuple[int, Tensor]]:
    leaves = (detach_provenance(leaf) for leaf in tree_leaves(values) if isinstance(leaf, Tensor))
    dense = [leaf for leaf in leaves if leaf.layout == torch.strided]
    keys = [leaf.untyped_storage().data_ptr() for leaf in dense]
    return [(key, leaf) for key, leaf in zip(keys, dense, strict=True) if key]


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _contents(thing: Any, seen: set[int]) -> list[Tensor]:
    """List the tensors in a distribution, also those that its density leaves unused."""
    if isinstance(thing, Tensor):
        return [thing]
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, Distribution | Transform):
        parts = list(vars(thing).values())
    elif isinstance(thing, functools.partial):
        parts = [*thing.args, *thing.keywords.values()]
    elif isinstance(thing, dict):
        parts = list(thing.values())
    else:
        parts = list(thing) if isinstance(thing, list | tuple) else []
    return [tensor for part in parts for tensor in _contents(part, seen)]


def _class_name(fn: Any) -> str:
    # Independent, Expanded and Masked say how a distribution is used; the base says which it is.
    wrappers = ("Independent", "ExpandedDistribution", "MaskedDistribution")
    while type(fn).__name__ in wrappers:
        fn = fn.base_dist
    return type(fn).__name__
