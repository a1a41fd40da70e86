"""Programs that use some entries of an argument, and observe others."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppgen.graph import DAG
from ppgen.graph.parts import Part


@pytest.mark.parametrize(
    "steps",
    [
        lambda x: [(x[t], x[t] == 0) for t in range(3)],
        lambda x: [(x[..., t], x[..., t] == 0) for t in range(3)],
        lambda x: [(x[:, t : t + 1].squeeze(1), ~(x[:, t] != 0)) for t in range(3)],
        lambda x: list(zip(x.T.unbind(), (x == 0).T.unbind(), strict=True)),
        lambda x: list(zip(torch.where(x == 0, 1.0, x), (1.0 * x).isnan(), strict=True)),
        lambda x: list(zip(x.double(), x.flatten().bool().chunk(3), strict=True)),
        lambda x: [(x.diagonal()[t : t + 1], x.T.diagonal()[t : t + 1] > 0) for t in range(3)],
    ],
    ids=["rows", "columns", "slices", "comparison", "imputed", "cast", "diagonal"],
)
@pytest.mark.parametrize("nested", [False, True])
def test_slices_of_an_argument_are_told_apart(steps, nested):
    """Zero-inflated observations, as of a hidden Markov model with missing values."""

    def model(config):
        z = torch.tensor(0.0)
        for t, (x, zero) in enumerate(steps(config["x"] if nested else config)):
            z = pyro.sample(f"z{t}", dist.Normal(z, 1))
            mixture = dist.MaskedMixture(zero, dist.Normal(z, 1.0), dist.Delta(torch.tensor(0.0)))
            pyro.sample(f"x{t}", mixture.to_event(1), obs=x)

    x = torch.rand(3, 3)
    edges = {("z0", "z1"), ("z1", "z2"), ("z0", "x0"), ("z1", "x1"), ("z2", "x2")}
    assert set(DAG.from_program(model, {"x": x} if nested else x).graph.edges) == edges


@pytest.mark.parametrize(
    "summary",
    [
        lambda x: x.sum(),
        lambda x: x[:2].sum(),
        lambda x: x.cumsum(0)[1],
        lambda x: x.flip(0)[2],
        lambda x: x[torch.tensor([0, 2])][0],
        lambda x: x.view(torch.int32)[0].float(),
        lambda x: torch.empty(0).set_(x)[0],
        lambda x: (x + x.sum())[2],
        lambda x: (x.sqrt() * 2)[0],
        lambda x: x.expand(2, 3)[1, 0],
    ],
)
def test_a_use_of_an_observed_entry_is_found(summary):
    def model(x):
        pyro.sample("a", dist.Normal(0, 1), obs=x[0])
        pyro.sample("b", dist.Normal(0, 1), obs=x[1])
        pyro.sample("c", dist.Normal(summary(x), 1))

    assert ("a", "c") in DAG.from_program(model, torch.rand(3)).graph.edges


@given(st.data())
def test_parts_overlap_if_they_have_an_entry_in_common(data):
    memory = torch.arange(48)

    def draw():
        view = memory.reshape(data.draw(st.sampled_from([(48,), (6, 8), (4, 3, 4), (2, 2, 3, 4)])))
        for dim in range(view.dim()):
            start = data.draw(st.integers(0, view.shape[dim] - 1))
            stop = data.draw(st.integers(start + 1, view.shape[dim]))
            steps = (slice(start, stop, data.draw(st.integers(1, 3))),)
            view = view[(slice(None),) * dim + steps]
        return view.permute(data.draw(st.permutations(range(view.dim()))))

    first, second = draw(), draw()
    parts = [Part(0, v.storage_offset(), tuple(v.shape), v.stride()) for v in (first, second)]
    common = set(first.flatten().tolist()) & set(second.flatten().tolist())
    assert parts[0].overlaps(parts[1]) == parts[1].overlaps(parts[0]) == bool(common)
