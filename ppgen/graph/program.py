"""Read the DAG of a Pyro program from a run of its sample statements."""

from __future__ import annotations

from typing import Any

import networkx as nx

from ppgen.graph.core import AnyDAG
from ppgen.graph.nodes import GraphError

LATENT = ("none", "unobserved")


def from_program(
    cls: type[AnyDAG],
    model: Any,
    *args: Any,
    latent: str = "none",
    deterministic: bool = False,
    **kwargs: Any,
) -> AnyDAG:
    """DAG of a Pyro program: one node for each sample site, with an edge for each dependence.

    The model runs once, and its sampled values are tracked through tensors (Wingate et al. 2011,
    Nonstandard interpretations of probabilistic programs). If a value leaves the tensors, as in
    ``int(z)`` or ``if z > 0``, or determines the size of a tensor, as in ``x[z > 0]``, it can
    affect everything that follows, so it becomes a parent of every later site. If it is written
    into a tensor, all uses of that tensor depend on it. The graph can thus have too many edges, and
    then implies too few independencies.

    Parameters
    ----------
    model
        Any Pyro model, called with ``args`` and ``kwargs``, or any program that
        :func:`ppgen.as_program` accepts. If such a program has a guide and there are no arguments,
        the model first generates and then observes the generated data, so that the site ``"x"`` is
        marked as observed.
    latent
        ``"none"``: no node is latent; queries can condition on every site, and independencies can
        name it. ``"unobserved"``: sites without ``obs`` are latent, and only independencies of
        observed sites are listed. ``d_separated`` is the same in both cases.
    deterministic
        Whether ``pyro.deterministic`` sites are nodes; otherwise edges pass through them.

    Returns
    -------
    DAG
        Node attributes: ``latent``; ``observed``, whether the site has ``obs``; ``plates``, the
        names of its plates, outermost first; ``distribution``, the name of its class.

    Raises
    ------
    GraphError
        If ``latent`` is invalid or the model has no sample site.

    Notes
    -----
    - A site in a plate is one node: the vector of all its copies.
    - A ``pyro.factor`` is an observed node without children; condition on it to get the
      distribution of the program.
    - Parameters, subsample indices and unobserved masks are not nodes.
    - Sites in branches that the run did not take are missing.
    - If a distribution is computed from an argument, its site depends on all earlier sites that
      were observed from the same argument.
    - A tensor is tracked as a whole: the use of one entry depends on all entries.
    - Values are not tracked through ``torch.vmap``, ``torch.jit`` functions, sparse tensors, the
      text of a tensor or global variables; edges are then missing.
    - The parameter store, the random state and the training modes of modules do not change.

    Examples
    --------
    >>> import pyro, torch, pyro.distributions as dist
    >>> def model(data):
    ...     p = pyro.sample("p", dist.Beta(1, 1))
    ...     with pyro.plate("tosses", len(data)):
    ...         pyro.sample("coin", dist.Bernoulli(p), obs=data)
    >>> from ppgen.graph import DAG
    >>> graph = DAG.from_program(model, torch.ones(3)).graph
    >>> graph.edges, graph.nodes["coin"]["plates"]
    (OutEdgeView([('p', 'coin')]), ('tosses',))
    """
    # Here, so that other questions about graphs need not wait for torch.
    from ppgen.graph.provenance import Tracker, undisturbed
    from ppgen.program import as_program

    if latent not in LATENT:
        raise GraphError(f"latent is {latent!r}; expected one of {', '.join(map(repr, LATENT))}")
    pair = isinstance(model, tuple) or (hasattr(model, "model") and hasattr(model, "guide"))
    run = as_program(model).model if pair or not callable(model) else model
    with undisturbed(run):
        tracker = Tracker.of(run, args, kwargs, deterministic)
        graph = tracker.graph
        if pair and not args and not kwargs and "x" in graph:
            observing = Tracker.of(run, (tracker.values["x"],), {}, deterministic)
            graph = nx.compose(graph, observing.graph)
    if not graph:
        raise GraphError("model has no sample site; expected at least one pyro.sample")
    if latent == "none":
        return cls(graph)
    return cls(graph, latent=[n for n, seen in graph.nodes(data="observed") if not seen])
