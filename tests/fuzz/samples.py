"""Small programs, networks and data: what the valid calls are made of."""

from pathlib import Path

import networkx as nx
import pyro
import pyro.distributions as dist
import torch
from torch import nn

import ppgen
from ppgen import autoregressive, data, graph, models
from ppgen.inference import Estimate
from ppgen.models.textbook.dyads import NonEdges, dyads

SHAPE = (1, 2, 3)
ROWS = 6


def binary(rows=ROWS):
    """Binary images."""
    return torch.bernoulli(torch.full((rows, *SHAPE), 0.5))


def grey(rows=ROWS):
    """Images of grey values from 0 to 1."""
    return torch.rand(rows, *SHAPE)


def levels(rows=ROWS):
    """Images of 17 grey levels."""
    return torch.randint(17, (rows, *SHAPE)).byte()


def mask(rows=ROWS):
    """Which pixels are known: the first four of each image."""
    return (torch.arange(6) < 4).view(SHAPE).expand(rows, *SHAPE).clone()


def raw(outputs=1):
    """Raw outputs of a network."""
    return torch.randn(ROWS, outputs, *SHAPE)


def vae():
    """A VAE of binary images."""
    return models.VAE.mlp(SHAPE, 2, hidden=[4])


def encoder():
    """The encoder of a VAE with two latents."""
    return nn.Sequential(nn.Flatten(-3), nn.Linear(6, 4))


def decoder():
    """The decoder of a VAE with two latents."""
    return nn.Sequential(nn.Linear(2, 6), nn.Unflatten(-1, (1, *SHAPE)))


def ppca():
    """A probabilistic PCA."""
    return models.PPCA.from_images(grey(20), 1)


def mixture():
    """A mixture of Bernoullis."""
    return models.BernoulliMixture(SHAPE, 2)


def belief_net():
    """A sigmoid belief net."""
    return models.SigmoidBeliefNet(SHAPE, [2], [3])


def nade(context_size=0):
    """An autoregressive network."""
    return autoregressive.NADE(SHAPE, context_size=context_size, hidden=3)


def labels(rows=ROWS):
    """Classes of images, for networks with a context of size 2."""
    return torch.arange(rows) % 2


def regression():
    """A Bayesian regression as plain functions, with data by keyword."""

    def model(x, y=None):
        slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Normal(slope * x, 0.1), obs=y)

    return ppgen.as_program((model, pyro.infer.autoguide.AutoNormal(model)))


def pairs():
    """Rows of the regression."""
    x = torch.linspace(-1, 1, ROWS)
    return {"x": x, "y": 2 * x}


def dataset():
    """A data set of three small parts."""
    part = data.Part(levels(), labels())
    return data.Dataset("tiny", 17, part, part, part)


def karate():
    """A small graph with overlap between edges and pairs without."""
    return nx.karate_club_graph().subgraph(range(8))


def position_graph():
    """A graph at known positions."""
    torch.manual_seed(0)
    return models.KnownPositionGraph(torch.randn(8, 2))


def non_edges():
    """The pairs without an edge."""
    return NonEdges(karate())


def karate_dyads():
    """All pairs as data."""
    return dict(zip(("x", "pairs"), dyads(karate()), strict=True))


def dag():
    """A DAG with a confounder, a mediator and an instrument."""
    return graph.DAG("z -> x -> m -> y; x <- u -> y; u -> w")


def columns():
    """Columns for the tests of a DAG."""
    return {name: torch.randn(30).numpy() for name in "zxmyuw"}


def estimate():
    """An estimate of the log-probability of some images."""
    return Estimate(torch.zeros(ROWS))


def file(name, text):
    """Write a file into the folder of this case."""
    path = Path(name)
    path.write_text(text)
    return path


def saved():
    """The path of a program that was saved."""
    path = Path("program.pt")
    ppgen.save(vae(), path)
    return path
