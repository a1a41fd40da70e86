"""The graph of a Pyro program, read off its own sample statements."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import networkx as nx
import pyro
import torch
from torch import nn

from ppgen.graph.core import AnyDAG
from ppgen.graph.errors import GraphError
from ppgen.graph.provenance import Tracker
from ppgen.program import Program, as_program

LATENT = ("none", "unobserved")


def from_program(
    cls: type[AnyDAG],
    model: Any,
    *args: Any,
    latent: str = "none",
    deterministic: bool = False,
    **kwargs: Any,
) -> AnyDAG:
    """Read a DAG off a Pyro program: one node a sample site, parents as its distribution has them.

    The model runs once, with its sampled values followed through tensors (Wingate et al. 2011,
    Nonstandard interpretations of probabilistic programs). Where a value leaves the tensors, as by
    ``int(z)`` or ``if z > 0``, or decides the size of a tensor, as in ``x[z > 0]``, it may decide
    anything that follows, and so becomes a parent of every later site; a value written into a
    tensor is followed wherever this tensor goes. The graph so errs towards more edges, hence fewer
    independencies.

    Parameters
    ----------
    cls
        The class of the DAG; this is a class method of :class:`ppgen.graph.DAG`.
    model
        Any Pyro model, with its arguments ``args`` and ``kwargs``; or what
        :func:`ppgen.program.as_program` accepts. The model of such a pair, if no arguments are
        given, first generates, and then observes what it generated, so that the site ``"x"`` is
        marked as observed.
    latent
        ``"none"``: every site is a node that queries may condition on and independencies may
        name. ``"unobserved"``: sites without ``obs`` are latent in the DAG, and independencies
        are listed among the observed sites alone. ``d_separated`` answers alike in both.
    deterministic
        Whether ``pyro.deterministic`` sites are nodes too; else edges pass through them.

    Returns
    -------
    DAG
        Node attributes: ``latent``; ``observed``, whether the site had ``obs``; ``plates``, the
        names of its plates, outermost first; ``distribution``, the name of its class.

    Raises
    ------
    GraphError
        Where ``latent`` is neither of the two, or the model has no sample site.

    Notes
    -----
    A site in a plate is one node, the vector of all its copies. A ``pyro.factor`` is an observed
    node without children, and the program's distribution is that given this node. Parameters,
    the choice of a subsample and unobserved masks are no nodes. The graph is that of the run:
    sites in branches not taken are missing. A site whose distribution is computed from an
    argument counts as dependent on every earlier site that was observed as part of that argument.
    A tensor is followed as a whole: what uses one entry of a stack depends on all of the stack.
    Nothing is known of what passes through ``torch.vmap``, functions of ``torch.jit``, sparse
    tensors, the text of a tensor or global variables: edges are then missing. The parameter store,
    the random state and modules' training modes are left as they were.

    Examples
    --------
    >>> import pyro.distributions as dist
    >>> def model(data):
    ...     p = pyro.sample("p", dist.Beta(1, 1))
    ...     with pyro.plate("tosses", len(data)):
    ...         pyro.sample("coin", dist.Bernoulli(p), obs=data)
    >>> from ppgen.graph import DAG
    >>> graph = DAG.from_program(model, torch.ones(3)).graph
    >>> graph.edges, graph.nodes["coin"]["plates"]
    (OutEdgeView([('p', 'coin')]), ('tosses',))
    """
    if latent not in LATENT:
        raise GraphError(f"latent is {latent!r}; expected one of {', '.join(map(repr, LATENT))}")
    pair = isinstance(model, Program | tuple) or (
        hasattr(model, "model") and hasattr(model, "guide")
    )
    run: Callable[..., Any] = as_program(model).model if pair or not callable(model) else model
    with _undisturbed(run):
        tracker = Tracker.of(run, args, kwargs, deterministic)
        graph = tracker.graph()
        if pair and not args and not kwargs and "x" in tracker.sites:
            observing = Tracker.of(run, (tracker.sites["x"].value,), {}, deterministic)
            graph = nx.compose(graph, observing.graph())
    if not graph:
        raise GraphError("model has no sample site; expected one pyro.sample or more")
    if latent == "none":
        return cls(graph)
    return cls(graph, latent=[n for n, seen in graph.nodes(data="observed") if not seen])


@contextmanager
def _undisturbed(model: Callable[..., Any]) -> Iterator[None]:
    """Run a model without lasting effects on parameters, random numbers and batch norms."""
    store = pyro.get_param_store()
    before = set(store.keys())
    function = model.func if isinstance(model, functools.partial) else model
    owner = getattr(function, "__self__", function)
    modules = list(owner.modules()) if isinstance(owner, nn.Module) else []
    training = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        with torch.random.fork_rng(), torch.no_grad(), pyro.validation_enabled(False):
            yield
    finally:
        for name in set(store.keys()) - before:
            del store[name]
        for module, mode in zip(modules, training, strict=True):
            module.training = mode
