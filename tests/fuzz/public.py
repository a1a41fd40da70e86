"""The public names of ppgen: functions, constructors and methods."""

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import ppgen

ROOMS = (
    *("data", "distributions", "likelihoods", "autoregressive", "objectives", "models"),
    *("inference", "training", "graph", "plots", "experiments"),
)

RECORDS = {
    *("inference.Completion", "inference.Estimate", "inference.FittedLatents"),
    *("inference.GoodnessOfFit", "inference.Maximum", "inference.MaximumLikelihood"),
    *("inference.Posterior", "inference.RejectionRate", "training.Epoch", "training.History"),
    *("graph.CPDAG", "graph.CausalExplanation", "graph.Explanation", "graph.Instrument"),
    *("graph.Passage", "graph.Trail", "experiments.Pretrained", "data.Splices", "plots.Figure"),
}
"""Classes whose objects the library makes, or whose arguments are matplotlib's to check."""

INSIDE = {
    *("convolve", "bias_given", "make_mask", "make_layers", "to_maps", "from_maps", "last_layers"),
    *("start", "terms", "latent_term", "draw_prior", "draw_posterior", "normal"),
    *("expand", "enumerate_support", "own_store", "extra_repr", "prior"),
    *("LSTM.read", "Transformer.read", "Program.model", "Program.guide", "node_set"),
    *("History.append", "Figure.add_subplot", "Figure.set"),
}
"""Methods that only a subclass, Pyro or torch calls, with arguments of their own making."""

HOT = {
    *("model", "guide", "forward", "steps", "log_prob", "log_probs", "sample", "features"),
    *("in_order", "to_image", "context_vectors", "ancestral_sample", "positions", "edge"),
    *("distribution", "of_images", "check_outputs", "draw", "mean", "grey", "network_input"),
    *("encoded", "decoded", "image", "observation", "at_least_float32"),
    *("differentiable_loss", "bounds", "per_example", "loss", "loss_and_grads", "log_weights"),
}
"""What runs within each step of a fit or of a draw, on arguments that an entrance has checked."""


def exported(room: Any) -> dict[str, Any]:
    """Return the public names of a module and what they stand for."""
    own = [n for n, v in vars(room).items() if getattr(v, "__module__", "") == room.__name__]
    names = getattr(room, "__all__", [n for n in own if n[0] != "_"])
    return {name: getattr(room, name) for name in names}


def methods(kind: type, public: set[Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public methods of a class that are its own, or of a base that is not public."""
    for base in kind.__mro__:
        if of_ppgen(base) and (base is kind or base not in public):
            for name, value in vars(base).items():
                function = getattr(value, "__func__", value)
                if name[0] != "_" and inspect.isfunction(function):
                    yield name, function


def of_ppgen(kind: type) -> bool:
    """Whether a class is defined in ppgen."""
    return kind.__module__.startswith("ppgen.")


def targets() -> dict[str, Callable[..., Any]]:
    """Return all public functions, constructors and methods that take arguments."""
    rooms = {room: exported(import_module(f"ppgen.{room}")) for room in ROOMS}
    rooms["ppgen"] = {n: v for n, v in exported(ppgen).items() if not inspect.ismodule(v)}
    public = {v for names in rooms.values() for v in names.values() if inspect.isclass(v)}
    found: dict[Any, str] = {}
    for room, names in rooms.items():
        for name, value in names.items():
            key = f"{room}.{name}"
            if inspect.isfunction(value):
                found.setdefault(value, key)
            if not inspect.isclass(value) or issubclass(value, Exception):
                continue
            own = any("__init__" in vars(b) for b in value.__mro__ if of_ppgen(b))
            if own and not inspect.isabstract(value) and key not in RECORDS:
                found.setdefault(value, key)
            for method, function in methods(value, public):
                inside = {method, f"{name}.{method}"} & INSIDE
                if not inside and not getattr(function, "__isabstractmethod__", False):
                    found.setdefault(function, f"{key}.{method}")
    return {key: value for value, key in found.items() if takes_arguments(value)}


def takes_arguments(value: Callable[..., Any]) -> bool:
    """Whether a call has parameters besides the object or class itself."""
    return bool(set(inspect.signature(value).parameters) - {"self", "cls", "dag"})


def is_hot(key: str) -> bool:
    """Whether a target runs within each step."""
    room, *owner, name = key.split(".")
    if name == "distribution" and owner[0] in ("AutoregressiveModel", "SigmoidBeliefNet"):
        return False
    return room != "graph" and name in HOT
