import random

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from oracles import (
    all_graphs,
    is_open,
    minimal,
    paths,
    random_graph,
    random_graphs,
    random_sets,
    seeds,
    subsets,
)

from ppgen.graph import DAG, GraphError


def valid(graph, x, y, given):
    """The back-door criterion by its definition: all paths with an arrow into x are blocked."""
    if given & nx.descendants(graph, x):
        return False
    back = [path for path in paths(graph, {x}, {y}) if graph.has_edge(path[1], x)]
    return not any(is_open(graph, path, given) for path in back)


def agrees_with_the_criterion(graph, x, y, latent):
    dag = DAG(graph, latent=latent)
    pool = set(graph) - {x, y} - latent
    expected = [s for s in subsets(pool) if valid(graph, x, y, s)]
    for s in subsets(pool):
        assert dag.backdoor_valid(x, y, s) is (s in expected)
    found = dag.backdoor_set(x, y)
    assert found in minimal(expected) if expected else found is None


def test_backdoor_on_every_dag_of_four_nodes():
    for i, graph in enumerate(all_graphs("abcd")):
        for x, y in (("a", "b"), ("b", "a"), ("c", "d"), ("d", "a")):
            latent = set("abcd"[i % 4]) - {x, y} if i % 2 else set()
            agrees_with_the_criterion(graph, x, y, latent)


@settings(max_examples=80, deadline=None, database=None)
@given(seeds)
def test_backdoor_on_random_dags(seed):
    generator = random.Random(seed)
    graph = random_graph(seed, 2, 7)
    x, y, *rest = generator.sample(list(graph), len(graph))
    agrees_with_the_criterion(graph, x, y, set(rest[: generator.choice([0, 0, 1, 2])]))


def covariance(graph, weights):
    nodes = list(graph)
    mixing = np.linalg.inv(np.eye(len(nodes)) - nx.to_numpy_array(graph, nodes).T * weights.T)
    return mixing @ mixing.T, mixing, {node: i for i, node in enumerate(nodes)}


@settings(max_examples=150, deadline=None, database=None)
@given(seeds)
def test_adjusting_gives_the_effect_in_linear_models(seed):
    """In a regression on x and the back-door set, the coefficients of x are its effects."""
    graph = random_graph(seed, 3, 12)
    x, y, _ = random_sets(seed, graph)
    dag = DAG(graph)
    weights = np.random.default_rng(seed).normal(size=(len(graph), len(graph)))
    found = dag.backdoor_set(x, y)
    if found is not None:
        assert dag.backdoor_valid(x, y, found)
        variance, _, index = covariance(graph, weights)
        xs, ys, zs = ([index[n] for n in nodes] for nodes in (x, y, found))
        both = xs + zs
        slopes = np.linalg.solve(variance[np.ix_(both, both)], variance[np.ix_(both, ys)])
        _, effects, _ = covariance(dag.do(x).graph, weights)
        np.testing.assert_allclose(
            slopes[: len(xs)], effects[np.ix_(ys, xs)].T, atol=1e-6 * abs(effects).max()
        )


@settings(max_examples=60, deadline=None, database=None)
@given(random_graphs(2, 30), seeds)
def test_do_removes_the_edges_into_x(graph, seed):
    x, _, _ = random_sets(seed, graph)
    dag = DAG(graph, latent=list(graph)[:2])
    cut = dag.do(x)
    assert set(cut.graph.edges) == {(a, b) for a, b in graph.edges if b not in x}
    assert cut.nodes == dag.nodes
    assert cut.latent == dag.latent
    assert set(dag.graph.edges) == set(graph.edges)


def test_the_front_door_graph_has_no_back_door_set():
    dag = DAG("smoking -> tar -> cancer; smoking <-> cancer")
    assert dag.backdoor_set("smoking", "cancer") is None
    assert not dag.backdoor_valid("smoking", "cancer", "tar")
    assert dag.backdoor_set("tar", "cancer") == {"smoking"}


def test_m_bias_comes_from_adjusting():
    dag = DAG("u1 [latent]; u2 [latent]; u1 -> {x m}; u2 -> {m y}; x -> y")
    assert dag.backdoor_set("x", "y") == frozenset()
    assert dag.backdoor_valid("x", "y")
    assert not dag.backdoor_valid("x", "y", "m")


def test_invalid_queries_raise_errors():
    dag = DAG("x <-> y; z -> x")
    with pytest.raises(
        GraphError, match=r"^given contains latent nodes, U\(x, y\); expected observed nodes"
    ):
        dag.backdoor_valid("x", "y", "U(x, y)")
    with pytest.raises(GraphError, match=r"^x and y both contain x; expected disjoint sets$"):
        dag.backdoor_set("x", "x")
    with pytest.raises(GraphError, match=r"^y is empty"):
        dag.backdoor_valid("x", [])
    with pytest.raises(GraphError, match=r"^x contains 'w', which is not a node"):
        dag.do("w")
