"""Model families, one file each."""

from ppgen.models.autoregressive import AutoregressiveModel
from ppgen.models.bernoulli_mixture import BernoulliMixture
from ppgen.models.hierarchical_vae import HierarchicalVAE
from ppgen.models.linear_gaussian import LinearGaussian
from ppgen.models.ppca import PPCA
from ppgen.models.sigmoid_belief_net import ExactSigmoidBeliefNet, SigmoidBeliefNet
from ppgen.models.textbook.exponential import Exponential
from ppgen.models.textbook.position_graph import (
    KnownPositionGraph,
    LatentPositionGraph,
    PositionGraph,
)
from ppgen.models.textbook.regression import LinearRegression, LogisticRegression, Regression
from ppgen.models.vae import VAE

__all__ = [
    "PPCA",
    "VAE",
    "AutoregressiveModel",
    "BernoulliMixture",
    "ExactSigmoidBeliefNet",
    "Exponential",
    "HierarchicalVAE",
    "KnownPositionGraph",
    "LatentPositionGraph",
    "LinearGaussian",
    "LinearRegression",
    "LogisticRegression",
    "PositionGraph",
    "Regression",
    "SigmoidBeliefNet",
]
