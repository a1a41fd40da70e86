"""What is optimised: evidence lower bounds in tensors alone."""

from ppgen.objectives.beta import BetaELBO
from ppgen.objectives.elbo import MeanFieldELBO, TensorELBO
from ppgen.objectives.enumerated import EnumeratedELBO
from ppgen.objectives.importance import ImportanceWeightedELBO
from ppgen.objectives.wake_sleep import WakeSleepELBO

__all__ = [
    "BetaELBO",
    "EnumeratedELBO",
    "ImportanceWeightedELBO",
    "MeanFieldELBO",
    "TensorELBO",
    "WakeSleepELBO",
]
