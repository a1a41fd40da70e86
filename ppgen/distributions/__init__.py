"""Custom distributions that follow all of Pyro's rules, for use in any program."""

from ppgen.distributions.autoregressive import Autoregressive
from ppgen.distributions.bernoulli_table import BernoulliTable
from ppgen.distributions.count_images import CountImages
from ppgen.distributions.sigmoid_belief import SigmoidBelief
from ppgen.distributions.states import all_images
from ppgen.distributions.tabulated_density import TabulatedDensity

__all__ = [
    "Autoregressive",
    "BernoulliTable",
    "CountImages",
    "SigmoidBelief",
    "TabulatedDensity",
    "all_images",
]
