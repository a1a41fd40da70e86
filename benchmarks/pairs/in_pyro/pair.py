"""A model and its guide in Pyro, and their first values."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyro.infer import ELBO, JitTrace_ELBO, JitTraceEnum_ELBO, Trace_ELBO, TraceEnum_ELBO
from pyro.infer.autoguide.initialization import init_to_uniform, init_to_value
from torch import Tensor, nn

Start = dict[str, Tensor]
"""First values of sites and parameters."""


@dataclass(frozen=True)
class Pair:
    """A model and its guide, and the objective in Pyro, plain and through ``torch.jit``."""

    model: Callable[..., Any]
    guide: Callable[..., Any]
    elbo: ELBO
    jit: ELBO


def pair(model, guide, plain=Trace_ELBO, jit=JitTrace_ELBO, **keywords) -> Pair:
    """Make a pair; ``keywords`` are for the objectives."""
    return Pair(model, guide, plain(**keywords), jit(ignore_jit_warnings=True, **keywords))


enumerated = partial(pair, plain=TraceEnum_ELBO, jit=JitTraceEnum_ELBO)


def start_at(values: Start):
    """Start sites at these values, others at zero in their unconstrained space."""
    return init_to_value(values=values, fallback=init_to_uniform(radius=0.0))


def network(start: Start, name: str) -> nn.Sequential:
    """Make a perceptron with first values of the weights."""
    weights = {k.removeprefix(f"{name}."): v for k, v in start.items() if k.startswith(name)}
    linear = [weight.T.shape for key, weight in weights.items() if key.endswith("weight")]
    layers = [layer for sizes in linear for layer in (nn.Linear(*sizes), nn.ReLU())]
    net = nn.Sequential(*layers[:-1])
    net.load_state_dict(weights)
    return net.to(next(iter(weights.values())).device)
