import networkx as nx
import pytest
from hypothesis import given, settings
from oracles import (
    all_graphs,
    moral_separated,
    random_graph,
    random_graphs,
    random_sets,
    seeds,
    separated,
    separated_pairs,
    triples,
)

from ppgen.graph import DAG, GraphError


def agrees_with_the_definition(graph):
    dag, pairs = DAG(graph), separated_pairs(graph)
    for x, y, known in triples(dag.nodes):
        expected = separated(pairs, x, y, known)
        assert dag.d_separated(x, y, known) is expected, (graph.edges, x, y, known)
        assert dag.d_separated(y, x, known) is expected, (graph.edges, y, x, known)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_all_triples_of_sets_on_every_dag(n):
    for graph in all_graphs("abcd"[:n]):
        agrees_with_the_definition(graph)


def test_all_triples_of_sets_on_some_dags_of_five_nodes():
    for seed in range(100):
        agrees_with_the_definition(random_graph(seed, 5, 5))


@pytest.mark.slow
def test_all_triples_of_sets_on_every_dag_of_five_nodes():
    graphs = list(all_graphs("abcde"))
    assert len(graphs) == 29281  # Robinson 1973
    for graph in graphs:
        agrees_with_the_definition(graph)


def agrees_with_networkx(graph, seed):
    dag = DAG(graph)
    x, y, known = random_sets(seed, graph)
    assert dag.d_separated(x, y, known) is nx.is_d_separator(graph, x, y, known)
    assert dag.d_separated(x, y, known) is moral_separated(graph, x, y, known)


@settings(max_examples=300, deadline=None, database=None)
@given(random_graphs(2, 60), seeds)
def test_random_dags_against_networkx(graph, seed):
    agrees_with_networkx(graph, seed)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, database=None)
@given(random_graphs(2, 60), seeds)
def test_many_random_dags_against_networkx(graph, seed):
    agrees_with_networkx(graph, seed)


@settings(max_examples=60, deadline=None, database=None)
@given(random_graphs(2, 40), seeds)
def test_reachable_nodes_are_those_not_separated(graph, seed):
    x, _, known = random_sets(seed, graph)
    others = set(graph) - x - known
    expected = x | {node for node in others if not nx.is_d_separator(graph, x, {node}, known)}
    assert DAG(graph).reachable(x, known) == expected


@settings(max_examples=60, deadline=None, database=None)
@given(random_graphs(2, 25), seeds)
def test_boundary_nodes_are_those_that_the_others_do_not_separate(graph, seed):
    x, _, known = random_sets(seed, graph)
    expected = {b for b in known if not nx.is_d_separator(graph, x, {b}, known - {b})}
    assert DAG(graph).separation.boundary(x, known) == expected


def test_the_empty_set_is_separated_from_all():
    dag = DAG("S -> Rain; S -> A")
    assert dag.d_separated([], "S")
    assert dag.d_separated("S", (), "A")
    assert dag.d_separated([], [])
    with pytest.raises(GraphError, match=r"^x is empty; expected at least one node$"):
        dag.explain([], "S")
    with pytest.raises(GraphError, match=r"^y and given both contain S"):
        dag.d_separated([], "S", "S")


@pytest.mark.parametrize(
    ("x", "y", "known", "message"),
    [
        (
            "Ra",
            "S",
            (),
            r"^x contains 'Ra', which is not a node of the graph; did you mean 'Rain'\?$",
        ),
        ("S", "Rain", "zzz", "^given contains 'zzz', which is not a node of the graph$"),
        ("S", "Rain", ["S"], "^x and given both contain S; expected disjoint sets$"),
        (
            ["S", "Rain"],
            ["Rain", "S"],
            (),
            "^x and y both contain Rain, S; expected disjoint sets$",
        ),
        ("S", "Rain", {"Rain"}, "^y and given both contain Rain; expected disjoint sets$"),
        ("S", [["Rain"]], (), r"^y is \[\['Rain'\]\]; expected a node or several nodes$"),
        ("S", None, (), "^y contains None, which is not a node of the graph$"),
    ],
)
def test_invalid_queries_raise_errors(x, y, known, message):
    dag = DAG("S -> Rain; S -> A")
    for ask in (dag.d_separated, dag.explain):
        with pytest.raises(GraphError, match=message):
            ask(x, y, known)


def test_reachable_raises_errors_for_overlaps():
    with pytest.raises(GraphError, match="x and given both contain a"):
        DAG("a -> b").reachable("a", "a")


def test_nodes_of_any_kind():
    dag = DAG([(1, (2, 3)), ((2, 3), frozenset("a")), ("a b", 1)])
    assert dag.d_separated("a b", (2, 3), 1)
    assert dag.d_separated("a b", frozenset("a"), [(2, 3)])
    assert not dag.d_separated("a b", [frozenset("a")])
