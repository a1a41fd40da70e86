"""Generative models as Pyro programs.

Rooms are imported when they are first used: a question about a graph need not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppgen import (
        autoregressive,
        data,
        distributions,
        graph,
        inference,
        likelihoods,
        models,
        objectives,
        plots,
        training,
    )
    from ppgen.experiments import pretrained
    from ppgen.inference import elbo, iwae, log_predictive, posterior, predict, reconstruct, sample
    from ppgen.program import Program, as_program
    from ppgen.training import fit, load, save

__version__ = "0.1.0"
__all__ = [
    "Program",
    "as_program",
    "autoregressive",
    "data",
    "distributions",
    "elbo",
    "fit",
    "graph",
    "inference",
    "iwae",
    "likelihoods",
    "load",
    "log_predictive",
    "models",
    "objectives",
    "plots",
    "posterior",
    "predict",
    "pretrained",
    "reconstruct",
    "sample",
    "save",
    "training",
]

_INFERENCE = ("elbo", "iwae", "log_predictive", "posterior", "predict", "reconstruct", "sample")
_HOMES = {
    **dict.fromkeys(("Program", "as_program"), "program"),
    **dict.fromkeys(("fit", "load", "save"), "training"),
    **dict.fromkeys(_INFERENCE, "inference"),
    "pretrained": "experiments",
}
"""The room of each public name that is no room itself."""


if not TYPE_CHECKING:  # a type checker would take any name for an attribute

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        room = import_module(f"ppgen.{_HOMES.get(name, name)}")
        value = globals()[name] = getattr(room, name) if name in _HOMES else room
        return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
