"""Random graphs of nodes with positions: formulas, unbiased sampled pairs, and memory."""

from functools import partial
from math import comb

import networkx as nx
import pyro
import pytest
import torch
from programs import prepared
from scipy.stats import chisquare
from torch.distributions import Normal
from torch.optim import Adam
from torch.utils._python_dispatch import TorchDispatchMode

import ppgen
from ppgen.data.batch import Batch
from ppgen.inference import NoMaximumError, maximum_likelihood
from ppgen.models import KnownPositionGraph, LatentPositionGraph, PositionGraph
from ppgen.models.textbook.dyads import NonEdges, dyads

FAILURE_RATE = 1e-5  # of each statistical test below


def simulated(nodes=40, slope=1.5, intercept=-2.0):
    """Return a program with known positions and parameters, and a graph drawn from it."""
    positions = torch.randn(nodes, 2).double()
    program = KnownPositionGraph(positions).double()
    with torch.no_grad():
        program.slope.fill_(slope)
        program.intercept.fill_(intercept)
    return program, program.draw()


def log_likelihood(program, graph):
    """Return value and gradient in slope and intercept, by formulas on the matrix of all pairs."""
    e = torch.from_numpy(nx.to_numpy_array(graph))
    similarity = program.known @ program.known.mT
    p = torch.sigmoid(program.slope * similarity + program.intercept)
    upper = torch.triu(torch.ones_like(e), 1)
    value = (upper * (e * p.log() + (1 - e) * (1 - p).log())).sum()
    residual = upper * (e - p)
    return value, torch.stack([(residual * similarity).sum(), residual.sum()])


def estimates(program, data, number):
    """Return log-likelihoods of all rows with their gradients in slope and intercept."""
    objective, batch = prepared(program, *data), Batch.of(data)
    values = [-objective(batch) * len(data[0]) for _ in range(number)]
    by = [program.slope, program.intercept]
    return [(value, torch.stack(torch.autograd.grad(value, by))) for value in values]


# positions that are known


def test_value_and_gradient_are_the_formulas():
    program, graph = simulated()
    ((value, gradient),) = estimates(program, program.observations(graph), 1)
    exact, exact_gradient = log_likelihood(program, graph)
    assert value.item() == pytest.approx(exact.item(), rel=1e-5)  # a sum of float32
    torch.testing.assert_close(gradient, exact_gradient, rtol=1e-10, atol=1e-10)


def test_gradient_equals_finite_differences():
    program, graph = simulated(12)
    x, pairs = program.observations(graph)
    objective = prepared(program, x, pairs)

    def loss(slope, intercept):
        swapped = {"program.slope": slope, "program.intercept": intercept}
        return torch.func.functional_call(objective, swapped, (Batch.of((x.double(), pairs)),))

    at = torch.tensor(0.7).double().requires_grad_(), torch.tensor(-1.0).double().requires_grad_()
    assert torch.autograd.gradcheck(loss, at)


@pytest.mark.parametrize(
    ("nodes", "slope", "intercept"), [(40, 1.5, -2), (100, 5, -6), (60, -1, 0)]
)
def test_newton_needs_ten_iterations_at_most(nodes, slope, intercept):
    program, graph = simulated(nodes, slope, intercept)
    fitted = KnownPositionGraph(program.known).double()
    found = maximum_likelihood(fitted, fitted.observations(graph))
    assert found.maximum.iterations <= 10
    assert found.maximum.gradient_norm <= 1e-8
    assert log_likelihood(fitted, graph)[1].norm() <= 1e-8
    for name, truth in {"slope": slope, "intercept": intercept}.items():
        error = abs(getattr(fitted, name).item() - truth)
        assert error < 5 * found.standard_errors[name]


def test_svi_equals_newton():
    program, graph = simulated()
    exact = KnownPositionGraph(program.known).double()
    data = exact.observations(graph)
    maximum_likelihood(exact, data)
    fitted = KnownPositionGraph(program.known).double()
    optimizer = partial(Adam, lr=0.05)
    ppgen.fit(
        fitted, data, epochs=400, batch_size=len(data[0]), optimizer=optimizer, progress=False
    )
    assert fitted.slope.item() == pytest.approx(exact.slope.item(), rel=1e-3)
    assert fitted.intercept.item() == pytest.approx(exact.intercept.item(), rel=1e-3)


def test_new_graphs_have_the_models_number_of_edges():
    """A z-test of the number of edges of 30 graphs, since edges are independent."""
    program, _ = simulated()
    x, pairs = dyads(nx.empty_graph(40))
    p = program.edge(program.known, pairs).probs
    drawn = sum(program.draw().number_of_edges() for _ in range(30))
    z = (drawn - 30 * p.sum()) / (30 * p * (1 - p)).sum().sqrt()
    assert abs(z) < Normal(0.0, 1.0).icdf(torch.tensor(1 - FAILURE_RATE / 2))
    again = ppgen.sample(program, len(pairs), pairs)
    assert again.shape == x.shape
    assert set(again.unique().tolist()) == {0, 1}


def test_drawing_in_blocks_covers_every_pair(monkeypatch):
    monkeypatch.setattr("ppgen.models.textbook.position_graph.BLOCK", 7)
    program, _ = simulated(9, slope=0.0, intercept=50.0)
    assert program.draw().number_of_edges() == comb(9, 2)


# pairs without an edge, sampled


def sampled(program, graph, controls=1):
    thin = KnownPositionGraph(program.known, NonEdges(graph), controls).double()
    thin.load_state_dict(program.state_dict())
    return thin, thin.observations(graph)


def test_the_estimate_is_without_bias():
    """Value and gradient, by z-tests of the mean over 600 estimates, Bonferroni's correction."""
    program, graph = simulated()
    thin, data = sampled(program, graph)
    assert len(data[0]) == graph.number_of_edges()
    with pyro.validation_enabled(False):
        rows = [torch.cat([v[None].detach(), g]) for v, g in estimates(thin, data, 600)]
    found = torch.stack(rows)
    value, gradient = log_likelihood(program, graph)
    exact = torch.cat([value[None], gradient]).detach()
    z = (found.mean(0) - exact) / (found.std(0) / len(found) ** 0.5)
    assert z.abs().max() < Normal(0.0, 1.0).icdf(torch.tensor(1 - FAILURE_RATE / 6))
    assert (found.std(0) > 0).all()


def test_batches_of_edges_add_up_to_the_same_mean():
    """Each batch estimates its share of the pairs without an edge; the shares sum to all."""
    program, graph = simulated()
    thin, (x, pairs) = sampled(program, graph)
    objective = prepared(thin, x, pairs)
    rows = []
    with pyro.validation_enabled(False), torch.no_grad():
        for _ in range(150):
            batches = [Batch.of(pair) for pair in zip(x.split(50), pairs.split(50), strict=True)]
            rows.append(sum(-objective(batch) * len(batch) for batch in batches))
    values = torch.stack(rows)
    exact = log_likelihood(program, graph)[0]
    z = (values.mean() - exact) / (values.std() / len(values) ** 0.5)
    assert abs(z) < Normal(0.0, 1.0).icdf(torch.tensor(1 - FAILURE_RATE / 2))


def test_all_pairs_without_an_edge_are_drawn_equally_often():
    _, graph = simulated(12)
    non_edges = NonEdges(graph)
    drawn = non_edges.at(torch.randint(non_edges.count, (20_000,)))
    counts = drawn.unique(dim=0, return_counts=True)[1]
    assert len(counts) == non_edges.count == comb(12, 2) - graph.number_of_edges()
    assert chisquare(counts.numpy()).pvalue > FAILURE_RATE


def test_svi_on_sampled_pairs_comes_near_newton():
    """Within half a standard error, with averaged parameters."""
    program, graph = simulated(100)
    exact = KnownPositionGraph(program.known).double()
    found = maximum_likelihood(exact, exact.observations(graph))
    thin, data = sampled(KnownPositionGraph(program.known).double(), graph, controls=20)
    optimizer = partial(Adam, lr=0.03)
    ppgen.fit(
        thin, data, epochs=100, batch_size=200, average=0.995, optimizer=optimizer, progress=False
    )
    for name, se in found.standard_errors.items():
        assert abs(getattr(thin, name) - getattr(exact, name)) < 0.5 * se


class Largest(TorchDispatchMode):
    """Record the number of elements of the largest tensor that is created."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.elements = max(self.elements, tensor.numel())
        return out


@pytest.mark.parametrize("nodes", [1000, 8000])
def test_memory_grows_with_edges_not_pairs(nodes):
    graph = nx.gnm_random_graph(nodes, 5 * nodes, seed=0)
    with Largest() as largest:
        program = LatentPositionGraph.from_graph(graph, controls=2)
        data = program.observations(graph)
        prepared(program, *data)(Batch.of(data)).backward()
    assert largest.elements <= 2 * 2 * graph.number_of_edges() < comb(nodes, 2) / 10


def test_newton_refuses_sampled_pairs():
    program, graph = simulated()
    thin, data = sampled(program, graph)
    with pytest.raises(ValueError, match="the log-likelihood is random"):
        maximum_likelihood(thin, data)


# positions that are latent


def test_a_simulated_graphs_positions_are_recovered():
    """Up to rotation: inner products of fitted and of true positions are correlated."""
    program, graph = simulated(60, slope=3.0, intercept=-1.0)
    latent = LatentPositionGraph.from_graph(graph)
    data = latent.observations(graph)
    optimizer = partial(Adam, lr=0.05)
    ppgen.fit(
        latent, data, epochs=300, batch_size=len(data[0]), optimizer=optimizer, progress=False
    )
    i, j = data[1].unbind(1)
    fitted = latent.posterior().mean.detach()
    products = [(p[i] * p[j]).sum(1).float() for p in (fitted, program.known)]
    assert torch.corrcoef(torch.stack(products))[0, 1] > 0.8
    assert 0.5 < latent.draw().number_of_edges() / graph.number_of_edges() < 2


def test_positions_are_recovered_from_sampled_pairs():
    """A step uses a fifth of the edges of a sparse graph and as many pairs without an edge."""
    program, graph = simulated(200, slope=2.0, intercept=-4.5)
    latent = LatentPositionGraph.from_graph(graph, controls=1)
    data = latent.observations(graph)
    assert len(data[0]) == graph.number_of_edges() < comb(200, 2) / 10
    optimizer = partial(Adam, lr=0.03)
    size = len(data[0]) // 5
    ppgen.fit(latent, data, epochs=100, batch_size=size, optimizer=optimizer, progress=False)
    i, j = dyads(graph)[1].unbind(1)
    products = [
        (p[i] * p[j]).sum(1).float() for p in (latent.posterior().mean.detach(), program.known)
    ]
    assert torch.corrcoef(torch.stack(products))[0, 1] > 0.8


def test_the_bound_is_that_of_all_pairs_and_the_divergence_of_the_prior():
    graph = nx.karate_club_graph()
    latent = LatentPositionGraph.from_graph(graph).double()
    x, pairs = latent.observations(graph)
    bound = ppgen.elbo(latent, (x, pairs), particles=600).total
    q = latent.posterior()
    divergence = torch.distributions.kl_divergence(q, Normal(torch.zeros(()).double(), 1.0)).sum()
    draws = [latent.edge(q.sample(), pairs).log_prob(x.double()).sum() for _ in range(600)]
    exact = torch.stack(draws) - divergence
    standard_error = exact.std() * (2 / len(draws)) ** 0.5
    assert abs(bound - exact.mean()) < 5 * standard_error


def test_many_particles_at_once():
    latent = LatentPositionGraph(5, 3)
    pairs = dyads(nx.path_graph(5))[1]
    with pyro.plate("particles", 7, dim=-2):
        assert latent.model(None, pairs, n=10).shape == (7, 10)


# bad input


def test_separable_edges_are_refused():
    positions = torch.randn(20, 2).double()
    similarity = positions @ positions.mT
    adjacency = (similarity > 0.3).long().fill_diagonal_(0)
    program = KnownPositionGraph(positions).double()
    with pytest.raises(ValueError, match="graph is separable: all its edges lie on one side"):
        program.observations(adjacency)
    with pytest.raises(ValueError, match="graph is separable"):
        program.observations((1 - adjacency).fill_diagonal_(0))
    with pytest.raises(NoMaximumError, match="lies at infinity, in the direction slope"):
        maximum_likelihood(program, dyads(adjacency))
    adjacency[0, 1] = adjacency[1, 0] = 1 - adjacency[0, 1]
    maximum_likelihood(program, program.observations(adjacency))


@pytest.mark.parametrize("graph", [nx.empty_graph(6), nx.complete_graph(6)], ids=["none", "all"])
@pytest.mark.parametrize("program", [KnownPositionGraph(torch.eye(6)), LatentPositionGraph(6)])
def test_graphs_without_edges_or_with_all_are_refused(graph, program):
    with pytest.raises(ValueError, match=r"graph has \d+ of 15 edges: .* runs to infinity"):
        program.observations(graph)


def test_equal_positions_leave_the_slope_open():
    program = KnownPositionGraph(torch.ones(6, 2)).double()
    with pytest.raises(ValueError, match="x_iᵀx_j is 2 for all pairs"):
        program.observations(nx.path_graph(6))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="graph has 5 nodes; expected 6"):
        LatentPositionGraph(6).observations(nx.path_graph(5))
    with pytest.raises(ValueError, match="nodes is 1; expected a whole number, 2 or more"):
        LatentPositionGraph(1)
    with pytest.raises(ValueError, match="dimensions is 0"):
        LatentPositionGraph(6, 0)
    with pytest.raises(ValueError, match=r"density is 1\.0; expected a number between 0 and 1"):
        LatentPositionGraph(6, density=1.0)
    with pytest.raises(ValueError, match=r"density is 0\.0; expected a number between 0 and 1"):
        LatentPositionGraph.from_graph(nx.empty_graph(6))
    with pytest.raises(ValueError, match="controls is 0"):
        LatentPositionGraph(6, controls=0)
    with pytest.raises(ValueError, match=r"known has the shape \(6,\)"):
        KnownPositionGraph(torch.ones(6))
    with pytest.raises(ValueError, match="expected finite positions"):
        KnownPositionGraph(torch.full((6, 2), torch.nan))
    with pytest.raises(ValueError, match=r"pairs has the shape None; expected .*\(3, 2\)"):
        LatentPositionGraph(6).model(n=3)


def test_a_graph_without_positions_is_none():
    with pytest.raises(TypeError, match="abstract"):
        PositionGraph(6)
