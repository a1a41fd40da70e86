"""What the graph of a program says of its sites: latent, observed, plates, distributions."""

from contextlib import nullcontext

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs_of_graphs import as_edges, computed, eight_schools, topics
from pyro import poutine
from pyro.infer.reparam import LocScaleReparam, TransformReparam

from ppgen.graph import DAG


def test_node_attributes():
    nodes = DAG.from_program(topics, torch.zeros(4, 2).long()).graph.nodes
    assert nodes["w"] == {
        "latent": False,
        "observed": True,
        "plates": ("documents", "words"),
        "distribution": "Categorical",
    }
    assert nodes["phi"]["plates"] == ("topics",)
    assert not nodes["z"]["observed"]


def test_nothing_is_latent_unless_asked():
    y = torch.zeros(4)
    assert DAG.from_program(eight_schools, y).latent == frozenset()
    dag = DAG.from_program(eight_schools, y, latent="unobserved")
    assert dag.latent == {"mean", "scale", "theta"}
    assert list(dag.implied_independencies()) == []
    assert dag.d_separated("mean", "y", given="theta")


def test_deterministic_sites_are_nodes_if_asked():
    dag = DAG.from_program(computed, deterministic=True)
    assert set(dag.graph.edges) == as_edges("a-b b-c")
    assert dag.graph.nodes["b"]["distribution"] == "Deterministic"
    assert not dag.graph.nodes["b"]["observed"]


@pytest.mark.parametrize(
    ("reparam", "edges"),
    [
        (LocScaleReparam(), "mean-z_decentered mean-z z_decentered-z z-y"),
        (TransformReparam(), "mean-z_base z_base-z z-y"),
    ],
)
def test_reparametrised_sites_are_not_observed(reparam, edges):
    def model(y):
        mean = pyro.sample("mean", dist.Normal(0, 1))
        base = dist.LogNormal if isinstance(reparam, TransformReparam) else dist.Normal
        z = pyro.sample("z", base(mean, torch.ones(2)).to_event(1))
        pyro.sample("y", dist.Normal(z.sum(), 1), obs=y)

    dag = DAG.from_program(
        poutine.reparam(model, config={"z": reparam}), torch.tensor(1.0), latent="unobserved"
    )
    assert set(dag.graph.edges) == as_edges(edges)
    assert set(dag.nodes) - dag.latent == {"y"}


@pytest.mark.parametrize("event", [0, 1])
def test_a_delta_is_observed_only_at_another_value_than_its_own(event):
    def model(y):
        a = pyro.sample("a", dist.Normal(torch.zeros(2), 1).to_event(1))
        with pyro.plate("two", 2) if event == 0 else nullcontext():
            pyro.sample("b", dist.Delta(2 * a, event_dim=event).mask(False), obs=2 * a)
            pyro.sample("c", dist.Delta(a, event_dim=event), obs=y)

    dag = DAG.from_program(model, torch.zeros(2))
    assert set(dag.graph.edges) == as_edges("a-b a-c")
    assert dict(dag.graph.nodes(data="observed")) == {"a": False, "b": False, "c": True}


def test_a_factor_is_an_observed_node():
    def model():
        a, b = (pyro.sample(name, dist.Normal(0, 1)) for name in "ab")
        pyro.factor("near", -((a - b) ** 2))

    dag = DAG.from_program(model)
    assert set(dag.graph.edges) == as_edges("a-near b-near")
    assert dag.graph.nodes["near"]["observed"]
    assert dag.d_separated("a", "b")
    assert not dag.d_separated("a", "b", given="near")


def test_later_sites_depend_on_observed_values():
    def model(x):
        a = pyro.sample("a", dist.Normal(0, 1), obs=x)
        pyro.sample("b", dist.Normal(a, 1))

    assert set(DAG.from_program(model, torch.tensor(1.0)).graph.edges) == {("a", "b")}


def test_dependence_through_the_data_is_found():
    def autoregression(x, scale):
        for t in range(3):
            past = x[t - 1] if t else torch.tensor(0.0)
            pyro.sample(f"x{t}", dist.Normal(past, scale), obs=x[t])

    dag = DAG.from_program(autoregression, torch.randn(3), torch.tensor(1.0))
    assert set(dag.graph.edges) == as_edges("x0-x1 x1-x2")


def test_partly_observed_sites():
    def model():
        mean = pyro.sample("mean", dist.Normal(0, 1))
        with pyro.plate("data", 3):
            mask = torch.tensor([True, False, True])
            pyro.sample("x", dist.Normal(mean, 1), obs=torch.zeros(3), obs_mask=mask)

    dag = DAG.from_program(model)
    assert set(dag.graph.edges) == as_edges("mean-x_observed mean-x_unobserved")
    assert dag.graph.nodes["x_observed"]["observed"]
    assert not dag.graph.nodes["x_unobserved"]["observed"]
