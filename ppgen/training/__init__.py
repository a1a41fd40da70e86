"""Fitting any program: the loop, its gradients, checkpoints and history."""

from ppgen.training.archive import CheckpointError
from ppgen.training.fitting import fit
from ppgen.training.history import Epoch, History
from ppgen.training.saving import load, save
from ppgen.training.step import NotFiniteError

__all__ = ["CheckpointError", "Epoch", "History", "NotFiniteError", "fit", "load", "save"]
