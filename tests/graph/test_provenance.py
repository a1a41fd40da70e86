"""Programs in which the size of a tensor depends on a sampled value."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from ppgen.graph import DAG


def scaled_by(scale):
    """A model whose x depends on z only through its scale; z is a vector of four counts."""

    def model():
        z = pyro.sample("z", dist.Poisson(torch.tensor([2.0, 2.0, 2.0, 2.0])).to_event(1))
        pyro.sample("x", dist.Normal(0.0, 1.0 + scale(z)))

    return model


@pytest.mark.parametrize(
    "scale",
    [
        lambda z: len(z.nonzero()),
        lambda z: torch.nonzero(z).shape[0],
        lambda z: len(torch.argwhere(z)),
        lambda z: len(torch.where(z > 0)[0]),
        lambda z: len(z[z > 0]),
        lambda z: len(torch.ones(4, 2)[z > 0, 1]),
        lambda z: torch.masked_select(torch.ones(4), z > 0).numel(),
        lambda z: len(z.unique()),
        lambda z: torch.unique(z, return_counts=True)[0].numel(),
        lambda z: len(torch.unique_consecutive(z)),
        lambda z: len(torch.bincount(z.long())),
        lambda z: len(torch.ones(4).repeat_interleave(z.long())),
        lambda z: torch.nn.functional.one_hot(z.long()).shape[1],
        lambda z: len(torch.ones(99)[: z.sum().long()]),
        lambda z: torch.ones(99)[: z.sum().long()].sum(),
        lambda z: len(torch.zeros(z.sum().long())),
        lambda z: len(torch.ones(1).expand(z.sum().long())),
        lambda z: torch.from_dlpack(z).sum(),
        lambda z: torch.empty(0).set_(z.untyped_storage()).sum(),
    ],
)
def test_sizes_that_depend_on_values_are_dependencies(scale):
    assert DAG.from_program(scaled_by(scale)).graph.has_edge("z", "x")


@pytest.mark.parametrize(
    "scale",
    [
        lambda z: len(z[torch.tensor([True, False, True, True])]),
        lambda z: len(torch.ones(99)[z.long()]),
        lambda z: len(z[:2]),
        lambda z: len(z.repeat_interleave(3)),
        lambda z: len(torch.where(z > 0, z, z)),
        lambda z: torch.nn.functional.one_hot(z.long().clamp(max=2), 3).shape[1],
        lambda z: len(z.expand(2, 4).reshape(-1)),
    ],
)
def test_sizes_that_do_not_depend_on_values_are_not(scale):
    assert not DAG.from_program(scaled_by(scale)).graph.edges
