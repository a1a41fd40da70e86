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
from pyro.ops.provenance import detach_provenance
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch.distributions import Distribution, Transform
from torch.utils._pytree import tree_map_only

from ppgen.data.batch import Batch
from ppgen.data.streams import as_batches
from ppgen.graph.nodes import GraphError
from ppgen.graph.parts import Part
from ppgen.graph.watch import Watch
from ppgen.program import Program
from ppgen.running import evaluating, random_state, set_random_state

# What a program raises when it runs on arguments that it does not take.
FAILURES = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

PLATES = 8  # dimensions that are left to plates while discrete sites are summed out


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
            torch.compiler.set_stance("force_eager"),
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
        return as_batches(data, device=program.device).cast_for(program).first()

    if len(args) == 1 and not kwargs and not isinstance(args[0], str | bool | int | float | None):
        batch = first(args[0])
        return batch.args, batch.kwargs
    return (
        tuple(first((value,))[0] for value in args),
        {name: first((value,))[0] for name, value in kwargs.items()},
    )
