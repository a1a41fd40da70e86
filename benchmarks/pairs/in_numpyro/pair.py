"""A model and its guide in NumPyro, and their first values."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpyro
from numpyro.infer.initialization import init_to_uniform, init_to_value


@dataclass(frozen=True)
class Pair:
    """A model, its guide and the objective."""

    model: Callable[..., Any]
    guide: Callable[..., Any]
    elbo: Any


def start_at(values):
    """Start sites at these values, others at zero in their unconstrained space."""
    return partial(first_value, values=values)


def first_value(site=None, values=None):
    if site is None:
        return start_at(values)
    if site["name"] in values:
        return init_to_value(site, values)
    return init_to_uniform(site, radius=0.0)


def perceptron(start, name, x):
    """Run a perceptron whose weights are parameters with first values."""
    keys = [key for key in start if key.startswith(name) and key.endswith("weight")]
    for i, key in enumerate(keys):
        weight = numpyro.param(key, start[key])
        bias_key = key.replace("weight", "bias")
        x = (jax.nn.relu(x) if i else x) @ weight.T + numpyro.param(bias_key, start[bias_key])
    return x
