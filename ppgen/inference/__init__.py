"""Fitting, evaluating and sampling any program."""

from ppgen.inference.annealed import ais
from ppgen.inference.batch_testing import BatchTest, RejectionRate
from ppgen.inference.checkpoint import CheckpointError, load
from ppgen.inference.completion import Completion, complete
from ppgen.inference.estimation import MaximumLikelihood, maximum_likelihood
from ppgen.inference.evaluate import Estimate, elbo, iwae
from ppgen.inference.finite import NotFiniteError
from ppgen.inference.fitting import fit
from ppgen.inference.graph_fit import GoodnessOfFit, goodness_of_fit
from ppgen.inference.history import Epoch, History
from ppgen.inference.l2 import L2Penalty
from ppgen.inference.newton import Maximum, NoMaximumError, maximise
from ppgen.inference.partial import log_evidence
from ppgen.inference.per_image import FittedLatents, fit_latents
from ppgen.inference.sampling import reconstruct, sample

__all__ = [
    "BatchTest",
    "CheckpointError",
    "Completion",
    "Epoch",
    "Estimate",
    "FittedLatents",
    "GoodnessOfFit",
    "History",
    "L2Penalty",
    "Maximum",
    "MaximumLikelihood",
    "NoMaximumError",
    "NotFiniteError",
    "RejectionRate",
    "ais",
    "complete",
    "elbo",
    "fit",
    "fit_latents",
    "goodness_of_fit",
    "iwae",
    "load",
    "log_evidence",
    "maximise",
    "maximum_likelihood",
    "reconstruct",
    "sample",
]
