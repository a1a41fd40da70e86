import itertools
from math import prod

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppgen.graph import DAG, GraphError
from ppgen.graph.joint import check_joint

COPY = np.eye(2)
COIN = [0.5, 0.5]


def random_tables(graph, sizes, rng):
    return {
        n: rng.dirichlet(np.ones(sizes[n]), [sizes[p] for p in graph.predecessors(n)])
        for n in graph
    }


def by_hand(graph, tables, sizes):
    total = 0.0
    for state in itertools.product(*(range(sizes[n]) for n in graph)):
        value = dict(zip(graph, state, strict=True))
        total += prod(
            tables[n][(*(value[p] for p in graph.predecessors(n)), value[n])] for n in graph
        )
    return total


@st.composite
def graphs(draw, cyclic):
    n = draw(st.integers(1, 5))
    pairs = [(i, j) for i in range(n) for j in range(n) if (i != j if cyclic else i < j)]
    graph = nx.DiGraph(draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else [])
    graph.add_nodes_from(range(n))
    sizes = {node: draw(st.integers(1, 3)) for node in graph}
    return (
        graph,
        random_tables(graph, sizes, np.random.default_rng(draw(st.integers(0, 99)))),
        sizes,
    )


def test_copies_along_a_cycle_sum_to_two():
    result = check_joint("A -> B -> C -> A", {"A": COPY, "B": COPY, "C": COPY})
    assert result.total == 2
    assert not result.proper
    assert result.cycle == ("A", "B", "C")
    assert result.states == 8
    assert "A → B → C → A" in str(result)


def test_copies_that_contradict_each_other_sum_to_zero():
    assert check_joint("A -> B; B -> A", {"A": COPY, "B": 1 - COPY}).total == 0


@given(graphs(cyclic=False))
@settings(max_examples=60, deadline=None)
def test_a_dag_always_sums_to_one(example):
    graph, _, sizes = example
    dag = DAG(graph)
    tables = random_tables(dag.graph, sizes, np.random.default_rng(0))
    result = check_joint(dag, tables)
    assert result.proper
    assert result.total == pytest.approx(1)
    assert result.cycle == ()


@given(graphs(cyclic=True))
@settings(max_examples=60, deadline=None)
def test_any_graph_agrees_with_a_loop_over_all_states(example):
    graph, tables, sizes = example
    result = check_joint(graph, tables)
    assert result.total == pytest.approx(by_hand(graph, tables, sizes))
    assert bool(result.cycle) != nx.is_directed_acyclic_graph(graph)


def test_the_order_of_parents_can_be_set():
    table = np.random.default_rng(0).dirichlet([1, 1], (3, 2))
    edges = [("a", "c"), ("b", "c")]
    three = [0.2, 0.3, 0.5]
    assert check_joint(edges, {"a": three, "b": COIN, "c": table}).proper
    tables = {"a": COIN, "b": three, "c": table}
    assert check_joint(edges, tables, parents={"c": ["b", "a"]}).proper
    with pytest.raises(GraphError, match=r"has shape \(3, 2, 2\); expected \(2, 3, 2\)"):
        check_joint(edges, tables)


def test_many_nodes_of_one_state_need_no_axis():
    graph = nx.DiGraph([(i, i + 1) for i in range(80)])
    tables = {i: [[1.0]] if i else [1.0] for i in range(81)}
    assert check_joint(graph, tables).total == 1


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"a": COIN}, r"tables has no entry for 'b'"),
        ({"a": COIN, "b": COPY, "c": COIN}, r"tables contains 'c', which is not a node"),
        ({"a": COIN, "b": COPY, "b1": COIN}, r"tables contains 'b1', .*; did you mean 'b'"),
        ({"a": COIN, "b": COIN}, r"tables\['b'\] has shape \(2,\); expected \(2, 2\), .* \(a, b\)"),
        ({"a": [1.0], "b": COPY}, r"shape \(2, 2\); expected \(1, 2\)"),
        ({"a": COIN, "b": [[0.5, 0.5], [0.5, 0.6]]}, r"sums to 1.1 at the parents' states \(1,\)"),
        ({"a": [0.5, 0.6], "b": COPY}, r"tables\['a'\] sums to 1.1; expected 1"),
        ({"a": [1.5, -0.5], "b": COPY}, r"tables\['a'\] contains -0.5; expected probabilities"),
        ({"a": [float("nan"), 1], "b": COPY}, r"tables\['a'\] contains nan"),
    ],
)
def test_invalid_tables_raise_errors(tables, message):
    with pytest.raises(GraphError, match=message):
        check_joint("a -> b", tables)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (3, "graph is 3; expected text, pairs of nodes or a DiGraph"),
        ([("a", "b", "c")], r"graph contains \('a', 'b', 'c'\); expected pairs \(parent, child\)"),
        ([("a",)], r"graph contains \('a',\); expected pairs"),
        ([("a", ["b"])], "graph contains an invalid node"),
    ],
)
def test_invalid_graphs_raise_errors(graph, message):
    with pytest.raises(GraphError, match=message):
        check_joint(graph, {})


def test_other_invalid_input_raises_errors():
    tables = {i: [0.5, 0.5] for i in range(40)}
    with pytest.raises(GraphError, match=f"{2**40} joint states; expected at most"):
        check_joint(nx.empty_graph(40, nx.DiGraph), tables)
    with pytest.raises(GraphError, match="a <-> b; expected only directed edges"):
        check_joint("a <-> b", {})
    with pytest.raises(GraphError, match="graph is undirected"):
        check_joint(nx.path_graph(2), {})
    with pytest.raises(
        GraphError, match=r"parents of 'b' are \('c',\); expected an order of \('a',\)"
    ):
        check_joint("a -> b", {"a": COIN, "b": COPY}, parents={"b": ["c"]})
