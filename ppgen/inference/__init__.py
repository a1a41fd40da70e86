"""Fitting, evaluating and sampling any program."""

from ppgen.inference.checkpoint import CheckpointError, load
from ppgen.inference.evaluate import Estimate, elbo, iwae
from ppgen.inference.finite import NotFiniteError
from ppgen.inference.fitting import fit
from ppgen.inference.history import Epoch, History
from ppgen.inference.sampling import reconstruct, sample

__all__ = [
    "CheckpointError",
    "Epoch",
    "Estimate",
    "History",
    "NotFiniteError",
    "elbo",
    "fit",
    "iwae",
    "load",
    "reconstruct",
    "sample",
]
