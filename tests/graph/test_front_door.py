import random
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from oracles import (
    effects,
    is_open,
    minimal,
    proper_paths,
    random_graph,
    random_problem,
    seeds,
    slopes,
    subsets,
)

from ppgen.graph import DAG, GraphError


def reaches(graph, start, end, known, closed):
    """Whether a path from ``start`` to ``end`` that follows no edge out of ``closed`` is open."""
    skeleton = graph.to_undirected()
    for a in start:
        for b in end:
            for path in nx.all_simple_paths(skeleton, a, b):
                both_ways = [edge for pair in pairwise(path) for edge in (pair, pair[::-1])]
                used = [edge for edge in both_ways if graph.has_edge(*edge)]
                if not any(tail in closed for tail, _ in used) and is_open(graph, path, known):
                    return True
    return False


def valid(graph, x, y, known):
    """The front-door criterion by its definition, path by path."""
    causal, _ = proper_paths(graph, x, y)
    return (
        all(set(path) & known for path in causal)
        and not reaches(graph, x, known, frozenset(), x)
        and not reaches(graph, known, y, x, known)
    )


@settings(max_examples=100, deadline=None, database=None)
@given(seeds)
def test_front_door_sets_of_random_dags(seed):
    graph, x, y, latent, must = random_problem(seed, 3, 7)
    pool = sorted(set(graph) - x - y - latent)
    dag = DAG(graph, latent=latent)
    expected = {s for s in subsets(pool) if valid(graph, x, y, s)}
    for s in subsets(pool):
        assert dag.explain_front_door(x, y, s).valid is (s in expected)
    assert dag.explain_front_door(x, y).valid is bool(expected)
    for needed, among in ((set(), pool), (must, pool[::2])):
        allowed = {s for s in expected if needed <= s <= needed | set(among)}
        found = list(dag.front_door_sets(x, y, must=needed, among=among))
        assert len(found) == len(allowed)
        assert set(found) == allowed
        one = dag.front_door_set(x, y, must=needed, among=among)
        assert one in minimal(allowed) if allowed else one is None


def mediated(seed):
    """A random DAG in which a latent node confounds cause and effect, and some mediators."""
    graph = random_graph(seed, 2, 7)
    mediators, generator = list(graph), random.Random(seed)
    for node in mediators:
        if generator.random() < 0.4:
            graph.add_edge("x", node)
        if generator.random() < 0.4:
            graph.add_edge(node, "y")
    graph.add_edges_from([("u", "x"), ("u", "y")])
    return graph, mediators


@settings(max_examples=100, deadline=None, database=None)
@given(seeds)
def test_the_front_door_gives_the_effect_in_linear_models(seed):
    """It is the effect of the cause on the set times those of the set on the effect."""
    graph, _ = mediated(seed)
    weights = np.random.default_rng(seed).normal(size=(len(graph), len(graph)))
    found = DAG(graph, latent="u").front_door_set("x", "y")
    if found is not None:
        first = slopes(graph, weights, {"x"}, found)
        second = slopes(graph, weights, found, {"y"}, {"x"})
        truth = effects(graph, weights, {"x"}, {"y"})
        tolerance = 1e-6 * max(1.0, abs(truth).max())
        np.testing.assert_allclose(first @ second, truth, atol=tolerance)


def test_most_mediated_effects_have_a_front_door_set():
    """The test above would pass if there were none."""
    found = [DAG(mediated(seed)[0], latent="u").front_door_set("x", "y") for seed in range(100)]
    assert sum(bool(each) for each in found) > 50


def test_large_sets_are_found_fast():
    """Two hundred parallel mediators."""
    edges = [edge for i in range(200) for edge in (("x", i), (i, "y"))]
    dag = DAG([*edges, ("u", "x"), ("u", "y")], latent="u")
    assert dag.front_door_set("x", "y") == set(range(200))


def test_text_without_a_front_door_set():
    dag = DAG("x -> m -> y; x -> y; x <-> y")
    assert str(dag.explain_front_door("x", "y")) == (
        "No set of observed nodes identifies the effect of x on y by the front door\n"
        "  no: every directed path from x to y passes m\n"
        "    x → y\n"
        "  yes: no back-door path from x to m is open\n"
        "    x ← U(x, y) → y ← m is blocked\n"
        "      y: a collider, and neither it nor a descendant is known\n"
        "  yes: x blocks all back-door paths from m to y\n"
        "    m ← x → y is blocked\n"
        "      x: a fork, and known\n"
        "    m ← x ← U(x, y) → y is blocked\n"
        "      x: a chain, and known"
    )
    assert str(DAG("a; b").explain_front_door("a", "b")) == (
        "The empty set identifies the effect of a on b by the front door\n"
        "  yes: every directed path from a to b passes the empty set\n"
        "  yes: no back-door path from a to the empty set is open\n"
        "  yes: a blocks all back-door paths from the empty set to b"
    )


def test_invalid_queries_raise_errors():
    dag = DAG("x -> m -> y; x <-> y")
    with pytest.raises(GraphError, match=r"^given contains latent nodes"):
        dag.explain_front_door("x", "y", "U(x, y)")
    with pytest.raises(GraphError, match=r"^cause and given both contain x"):
        dag.explain_front_door("x", "y", "x")
    with pytest.raises(GraphError, match=r"^cause is empty; expected nodes"):
        dag.front_door_set()
