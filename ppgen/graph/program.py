"""Read the DAG of a Pyro program from a run of its sample statements."""

import functools
from contextlib import suppress
from typing import Any

import networkx as nx

from ppgen.arguments import checked
from ppgen.graph.core import AnyDAG
from ppgen.graph.nodes import GraphError

LATENT = ("none", "unobserved")


@checked
def from_program(
    cls: type[AnyDAG],
    model: Any,
    *args: Any,
    latent: str = "none",
    deterministic: bool = False,
    **kwargs: Any,
) -> AnyDAG:
    """DAG of a Pyro program: one node for each sample site, with an edge for each dependence.

    The model runs once, on draws of its sites or, if it cannot, with discrete ones summed out, and
    its values are tracked through tensors (Wingate et al. 2011, Nonstandard interpretations of
    probabilistic programs). A value that leaves the tensors, as in ``int(z)`` or ``if z > 0``, or
    determines the size of one, as in ``x[z > 0]``, becomes a parent of every later site, as it can
    affect everything that follows. If a value is written into a tensor, all uses of that tensor
    depend on it. The graph can thus have too many edges, and then implies too few independencies.

    Parameters
    ----------
    model
        Any Pyro model, called with ``args`` and ``kwargs`` as they are; or a pair of
        model and guide that :func:`ppgen.as_program` accepts, whose arguments are cast as
        :func:`ppgen.fit` casts them. One argument alone is then data in any form that ``fit``
        takes. Without arguments, such a program runs again on what its model returned, if it can:
        a tensor, a tuple of arguments or a dict of keyword arguments. The sites that it then
        observes are marked as observed.
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
        If ``latent`` is invalid, the model has no sample site, or it runs neither on draws of its
        discrete sites nor with them summed out. Other errors of the model are raised as they are.

    Notes
    -----
    - A site in a plate is one node: the vector of all its copies. Parameters, subsample indices and
      unobserved masks are no nodes. A ``pyro.factor`` is an observed node without children;
      condition on it to get the distribution of the program.
    - If a distribution is computed from an argument, its site depends on all earlier sites that
      were observed from the same entries of it. Entries are told apart in views of an argument, and
      in what is computed from it entry by entry.
    - Other tensors are tracked as a whole: the use of one entry depends on all entries.
    - Missing are sites in branches that the run did not take, and edges by ``torch.jit`` functions,
      the text of a tensor or global variables.
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
    from ppgen.graph.provenance import FAILURES, as_fit_calls, track, undisturbed
    from ppgen.program import as_program
    from ppgen.running import noting_missing_arguments

    if latent not in LATENT:
        raise GraphError(f"latent is {latent!r}; expected one of {', '.join(map(repr, LATENT))}")
    pair = not callable(model) or (hasattr(model, "model") and hasattr(model, "guide"))
    # The modes of the modules of a partial function's function are switched, too.
    program = as_program(model.func if isinstance(model, functools.partial) else model)
    run = program.model if pair else model
    if pair:
        args, kwargs = as_fit_calls(program, args, kwargs)
    with (
        undisturbed(program),
        noting_missing_arguments("from_program takes the model's arguments after the model"),
    ):
        graph, returned = track(run, args, kwargs, deterministic)
        if pair and not args and not kwargs and returned is not None:
            data = returned if isinstance(returned, dict | tuple) else (returned,)
            args, kwargs = ((), data) if isinstance(data, dict) else (data, {})
            with suppress(*FAILURES):  # what a model returns need not be data that it takes
                graph = nx.compose(graph, track(run, args, kwargs, deterministic)[0])
    if not graph:
        raise GraphError("model has no sample site; expected at least one pyro.sample")
    unobserved = [node for node, seen in graph.nodes(data="observed") if not seen]
    return cls(graph, latent=unobserved if latent == "unobserved" else ())
