import random
from itertools import islice

import networkx as nx
import pytest
from hypothesis import given, settings
from oracles import (
    all_graphs,
    minimal,
    random_graph,
    random_graphs,
    random_sets,
    seeds,
    separated,
    separated_pairs,
    subsets,
)

from ppgen.graph import DAG, GraphError
from ppgen.graph.separators import all_separators


def agrees_with_the_definition(graph, latent, x, y, pairs):
    dag = DAG(graph, latent=latent)
    pool = set(graph) - latent - x - y
    expected = [s for s in subsets(pool) if separated(pairs, x, y, s)]
    found = list(dag.minimal_separators(x, y))
    assert set(found) == minimal(expected), (graph.edges, latent, x, y)
    assert len(found) == len(set(found))
    one = dag.minimal_separator(x, y)
    assert one in minimal(expected) if expected else one is None
    every = list(all_separators(dag, x, y))
    assert set(every) == set(expected)
    assert len(every) == len(expected)
    if pool:
        among = set(sorted(pool)[1:])
        expected = [s for s in expected if s <= among]
        one = dag.minimal_separator(x, y, among=among)
        assert one in minimal(expected) if expected else one is None
        assert set(dag.minimal_separators(x, y, among=among)) == minimal(expected)


def test_every_pair_on_every_dag_of_four_nodes():
    generator = random.Random(0)
    for graph in all_graphs("abcd"):
        pairs = separated_pairs(graph)
        for x, y in (("a", "b"), ("b", "a"), ("a", "c"), ("c", "d")):
            for latent in ((), generator.sample("abcd", 1)):
                agrees_with_the_definition(graph, set(latent), {x}, {y}, pairs)


@settings(max_examples=120, deadline=None, database=None)
@given(seeds)
def test_sets_on_random_dags(seed):
    generator = random.Random(seed)
    graph = random_graph(seed, 2, 7)
    x, y, _ = random_sets(seed, graph)
    latent = set(generator.sample(list(graph), generator.choice([0, 0, 1, len(graph) // 3])))
    agrees_with_the_definition(graph, latent, x, y, separated_pairs(graph))


@settings(max_examples=100, deadline=None, database=None)
@given(random_graphs(20, 60), seeds)
def test_separators_of_large_dags_separate_and_are_minimal(graph, seed):
    """It is enough to remove single nodes, as supersets of separators also separate here."""
    x, y, _ = random_sets(seed, graph)
    dag = DAG(graph, latent=list(graph)[::5])
    found = list(islice(dag.minimal_separators(x, y), 10))
    assert found[:1] == [dag.minimal_separator(x, y)] * bool(found)
    for separator in found:
        assert not separator & dag.latent
        assert dag.d_separated(x, y, separator)
        assert not any(dag.d_separated(x, y, separator - {node}) for node in separator)
    if not found:
        everything = dag.ancestors(x | y) - dag.latent - x - y
        assert not dag.d_separated(x, y, everything)


@settings(max_examples=150, deadline=None, database=None)
@given(seeds)
def test_nodes_that_must_be_in_a_separator(seed):
    """Minimal among the sets with these nodes, and the smallest of them."""
    generator = random.Random(seed)
    graph = random_graph(seed, 3, 7)
    x, y, must = random_sets(seed, graph)
    dag, pool = DAG(graph), sorted(set(graph) - x - y)
    pairs = separated_pairs(graph)
    for among in (pool, generator.sample(pool, len(pool) // 2)):
        expected = [s for s in subsets(pool) if must <= s <= must | set(among)]
        expected = [s for s in expected if separated(pairs, x, y, s)]
        found = list(dag.minimal_separators(x, y, among, must))
        assert len(found) == len(set(found))
        assert set(found) == minimal(expected)
        one = dag.minimal_separator(x, y, among, must)
        least = dag.minimal_separator(x, y, among, must, minimum=True)
        assert (one in found and least in found) if found else one is least is None
        assert not found or len(least) == min(map(len, expected))


@settings(max_examples=100, deadline=None, database=None)
@given(random_graphs(20, 60), seeds)
def test_minimal_separators_against_networkx(graph, seed):
    x, y, must = random_sets(seed, graph)
    among = set(sorted(graph)[::2]) - x - y
    expected = nx.find_minimal_d_separator(graph, x, y, included=must, restricted=among | must)
    found = DAG(graph).minimal_separator(x, y, among, must)
    assert (found is None) is (expected is None)
    if found is not None:
        assert nx.is_minimal_d_separator(graph, x, y, found, included=must)


def test_minimal_separators_are_lazy():
    """There are 3**30 minimal separators."""
    text = "; ".join(f"a -> u{i} -> v{i} -> w{i} -> b" for i in range(30))
    found = list(islice(DAG(text).minimal_separators("a", "b"), 100))
    assert len(set(found)) == 100
    assert all(len(separator) == 30 for separator in found)


def test_the_moral_graph_is_never_built():
    """Ten thousand parents would have fifty million moral edges."""
    dag = DAG([(f"p{i}", "c") for i in range(10_000)] + [("c", "d"), ("p0", "e")])
    assert dag.minimal_separator("d", "e") == {"c"}
    assert list(dag.minimal_separators("e", "d")) == [{"p0"}, {"c"}]


def test_the_order_is_deterministic():
    text = "a -> {p q} -> b; a -> r -> s -> b"
    assert [sorted(s) for s in DAG(text).minimal_separators("a", "b")] == [
        ["p", "q", "r"],
        ["p", "q", "s"],
    ]


def test_neighbours_and_unconnected_nodes():
    dag = DAG("a -> b; c")
    assert dag.minimal_separator("a", "b") is None
    assert list(dag.minimal_separators("a", "b")) == []
    assert dag.minimal_separator("a", "c") == frozenset()
    assert list(dag.minimal_separators("a", "c")) == [frozenset()]


@pytest.mark.parametrize("method", ["minimal_separator", "minimal_separators"])
def test_invalid_queries_raise_errors_at_once(method):
    ask = getattr(DAG("rain -> b -> c"), method)
    with pytest.raises(GraphError, match=r"x contains 'ran', .* did you mean 'rain'"):
        ask("ran", "c")
    with pytest.raises(GraphError, match="x and y both contain b"):
        ask("b", "b")
    with pytest.raises(GraphError, match="y is empty"):
        ask("b", [])
    with pytest.raises(GraphError, match="among contains 'z'"):
        ask("rain", "c", among=["z"])
    with pytest.raises(GraphError, match="x and must both contain rain; expected disjoint sets"):
        ask("rain", "c", must="rain")
