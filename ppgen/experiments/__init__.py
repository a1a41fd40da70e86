"""Shared parts of scripts: options, run folders and the record of results."""

from ppgen.experiments.experiment import Experiment, arguments, sized_argument, training_arguments

__all__ = ["Experiment", "arguments", "sized_argument", "training_arguments"]
