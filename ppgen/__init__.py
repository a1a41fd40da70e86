"""Generative models as Pyro programs."""

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
    "reconstruct",
    "sample",
    "save",
    "training",
]
