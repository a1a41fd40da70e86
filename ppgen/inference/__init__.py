"""Evaluating any program, and drawing from it."""

from ppgen.inference.annealing import ais
from ppgen.inference.batch_testing import BatchTest, RejectionRate
from ppgen.inference.completion import Completion, complete, log_evidence
from ppgen.inference.estimation import MaximumLikelihood, maximum_likelihood
from ppgen.inference.evaluate import Estimate, elbo, iwae, log_predictive
from ppgen.inference.fitted_latents import FittedLatents, fit_latents
from ppgen.inference.graph_fit import GoodnessOfFit, goodness_of_fit
from ppgen.inference.l2 import L2Penalty
from ppgen.inference.newton import Maximum, NoMaximumError, maximise
from ppgen.inference.predict import Posterior, posterior, predict, reconstruct, sample

__all__ = [
    "BatchTest",
    "Completion",
    "Estimate",
    "FittedLatents",
    "GoodnessOfFit",
    "L2Penalty",
    "Maximum",
    "MaximumLikelihood",
    "NoMaximumError",
    "Posterior",
    "RejectionRate",
    "ais",
    "complete",
    "elbo",
    "fit_latents",
    "goodness_of_fit",
    "iwae",
    "log_evidence",
    "log_predictive",
    "maximise",
    "maximum_likelihood",
    "posterior",
    "predict",
    "reconstruct",
    "sample",
]
