"""Shared parts of scripts: options, run folders, the record of results, and trained models."""

from ppgen.experiments.experiment import Experiment
from ppgen.experiments.options import arguments, sized_argument, training_arguments
from ppgen.experiments.shipped import Pretrained, pretrained

__all__ = [
    "Experiment",
    "Pretrained",
    "arguments",
    "pretrained",
    "sized_argument",
    "training_arguments",
]
