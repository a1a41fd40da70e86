"""Programs whose values take ways that are hard to follow: sizes, gradients, memory, branches."""

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


IDENTITY = torch.tensor([[0, 1, 2], [0, 1, 2]])


@pytest.mark.parametrize(
    "through",
    [
        lambda a: torch.func.grad(lambda t: (t**3).sum())(a),
        lambda a: torch.func.grad(lambda t: (t**3 * a).sum())(torch.ones(3)),
        lambda a: torch.func.grad_and_value(lambda t: (t**3).sum())(a)[1].expand(3),
        lambda a: torch.func.jacrev(lambda t: t**3)(a).sum(0),
        lambda a: torch.func.jacfwd(lambda t: t**3)(a).sum(0),
        lambda a: torch.func.hessian(lambda t: (t**3).sum())(a).sum(0),
        lambda a: torch.func.vmap(lambda t: t**3)(a),
        lambda a: torch.func.vmap(torch.func.grad(lambda t: t**3))(a),
        lambda a: torch.empty(0).set_(a),
        lambda a: torch.empty(0).set_(2 * a),
        lambda a: torch.cond(a.sum() > 0, lambda t: t + 1, lambda t: t - 1, (a,)),
        lambda a: torch.cond(a.sum() > 0, lambda t: t + 1, lambda t: t - 1, (torch.ones(3),)),
        lambda a: torch.cond(torch.tensor(True), lambda: a + 1, lambda: a - 1, ()),
        lambda a: torch.sparse.mm(torch.diag(a).to_sparse(), torch.ones(3, 1))[:, 0],
        lambda a: torch.diag(a).to_sparse_csr() @ torch.ones(3),
        lambda a: (torch.sparse_coo_tensor(IDENTITY, a, (3, 3)) * 2).coalesce().values(),
        lambda a: torch.eye(3).to_sparse() @ a,
    ],
)
def test_values_are_followed_through_transforms_memory_branches_and_sparse_tensors(through):
    def model():
        a = pyro.sample("a", dist.Normal(torch.zeros(3), 1).to_event(1))
        b = pyro.sample("b", dist.Normal(through(a), 1).to_event(1))
        pyro.sample("c", dist.Normal(b.sum(), 1))
        pyro.sample("d", dist.Normal(torch.zeros(3), 1).to_event(1))

    assert set(DAG.from_program(model).graph.edges) == {("a", "b"), ("b", "c")}


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_arguments_may_be_sparse(layout):
    def model(design):
        pyro.sample("x", dist.Normal(0, 1), obs=(design @ torch.ones(3, 1)).sum())
        pyro.sample("y", dist.Normal((design @ torch.ones(3, 1)).sum(), 1))

    sparse = torch.eye(3).to_sparse(layout=layout)
    assert set(DAG.from_program(model, sparse).graph.edges) == {("x", "y")}


def test_torch_is_as_before_after_a_run():
    def model():
        pyro.sample("x", dist.Normal(0, 1))
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        DAG.from_program(model)
    assert "set_" not in vars(torch.Tensor)
