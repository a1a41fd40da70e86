"""Data, and graphs that are traced and not compiled."""

import pytest
import torch

from ppgen.training import compiled, whole_step


@pytest.fixture
def x():
    """Rows for the Gaussian program."""
    return torch.randn(60, 1, 1, 4) @ torch.tensor([1.0, 0.5, -0.5, 1.0]).diag()


@pytest.fixture
def images():
    return torch.bernoulli(torch.full((50, 1, 3, 3), 0.4))


@pytest.fixture
def uncompiled_graphs(monkeypatch):
    """Trace as usual, but skip the slow compiler: the traced graph itself is run."""
    graphs = []

    def keep(graph, inputs):
        graphs.append(graph)
        return graph

    for module in (compiled, whole_step):
        monkeypatch.setattr(module, "compiled", keep)
    return graphs
