"""The table of targets: a valid call of each public function, constructor and method."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from . import calls_distributions, calls_graph, calls_models, calls_networks, calls_training

ROOMS = {
    "data": calls_training.DATA,
    "distributions": calls_distributions.DISTRIBUTIONS,
    "likelihoods": calls_distributions.LIKELIHOODS,
    "autoregressive": calls_networks.AUTOREGRESSIVE,
    "objectives": calls_models.OBJECTIVES,
    "models": calls_models.MODELS,
    "inference": calls_training.INFERENCE,
    "training": calls_training.TRAINING,
    "graph": calls_graph.GRAPH,
    "plots": calls_graph.PLOTS,
    "experiments": calls_graph.EXPERIMENTS,
    "ppgen": calls_training.PPGEN,
}

Call = tuple[Callable[..., Any], dict[str, Any]]

TARGETS: dict[str, Callable[[], Call]] = {
    f"{room}.{name}": valid for room, calls in ROOMS.items() for name, valid in calls.items()
}
"""From names to functions that return a callable and valid arguments by their names."""


def run(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call a function with arguments by their names, and go through the first of an iterator."""
    signature = inspect.signature(function)
    bound = signature.bind_partial()
    known = [name for name in signature.parameters if name in arguments]
    bound.arguments = {name: arguments[name] for name in known}
    unknown = {name: value for name, value in arguments.items() if name not in known}
    returned = function(*bound.args, **bound.kwargs, **unknown)
    if isinstance(returned, Iterator):
        return [item for item, _ in zip(returned, range(3), strict=False)]
    return returned
