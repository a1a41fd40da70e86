import json
from itertools import permutations, product
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from oracles import (
    all_graphs,
    effects,
    minimal,
    proper_paths,
    random_graph,
    random_graphs,
    random_problem,
    random_sets,
    seeds,
    separates_paths,
    slopes,
    subsets,
)

from ppgen.graph import DAG, GraphError


def valid(graph, x, y, known):
    """The adjustment criterion by its definition, path by path."""
    causal, other = proper_paths(graph, x, y)
    between = {node for path in causal for node in path} - x
    below = between.union(*(nx.descendants(graph, node) for node in between))
    return not known & below and separates_paths(graph, other, known)


def agrees_with_the_criterion(graph, x, y, latent, must):
    dag = DAG(graph, latent=latent)
    pool = set(graph) - x - y - latent
    expected = [s for s in subsets(pool) if valid(graph, x, y, s)]
    for s in subsets(pool):
        assert dag.is_adjustment_set(x, y, s) is (s in expected)
        explanation = dag.explain_adjustment(x, y, s)
        assert explanation.valid is (s in expected)
        assert explanation.given == s
    for needed, among in ((set(), pool), (must, pool), (must, set(sorted(pool)[::2]))):
        allowed = [s for s in expected if needed <= s <= needed | among]
        options = {"must": needed, "among": among}
        every = list(dag.adjustment_sets(x, y, **options))
        assert len(every) == len(set(every))
        assert set(every) == minimal(allowed)
        one = dag.adjustment_set(x, y, **options)
        least = dag.adjustment_set(x, y, **options, minimum=True)
        assert (one in every and least in every) if allowed else (one is least is None)
        assert not allowed or len(least) == min(map(len, allowed))
    explanation = dag.explain_adjustment(x, y)
    assert explanation.valid is bool(expected)
    assert str(explanation).startswith("Adjusting" if expected else "No set")


@pytest.mark.slow
def test_every_dag_of_four_nodes():
    """Each DAG gets two of twelve pairs, in turns."""
    pairs = list(permutations("abcd", 2))
    for i, graph in enumerate(all_graphs("abcd")):
        for x, y in pairs[i % 6 :: 6]:
            rest = sorted(set("abcd") - {x, y})
            latent = {rest[0]} if i % 2 else set()
            agrees_with_the_criterion(graph, {x}, {y}, latent, {rest[1]} if i % 3 else set())


@settings(max_examples=80, deadline=None, database=None)
@given(seeds)
def test_sets_in_random_dags(seed):
    agrees_with_the_criterion(*random_problem(seed, 2, 7))


@pytest.mark.parametrize("name", ["adjustment", "selected"])
def test_the_answers_of_dagitty(name):
    """Random DAGs with latent nodes and nodes that are adjusted or selected, as attributes."""
    found = 0
    for case in json.loads((Path(__file__).parent / f"dagitty_{name}.json").read_text()):
        graph = nx.DiGraph([edge.split(">") for edge in case["edges"].split()])
        graph.add_nodes_from(case["latent"].split())
        for attribute in ("exposure", "outcome", "adjusted", "selected"):
            for node in case.get(attribute, "").split():
                graph.add_node(node, **{attribute: True})
        dag = DAG(graph, latent=case["latent"].split())
        expected = {frozenset(s.split()) for s in case["sets"]}
        assert set(dag.adjustment_sets()) == expected
        assert (dag.adjustment_set() in expected) if expected else dag.adjustment_set() is None
        found += bool(expected)
    assert found > 20


@settings(max_examples=100, deadline=None, database=None)
@given(seeds)
def test_adjusting_in_a_selected_sample_gives_the_effect(seed):
    """In a model of states, p(y | do(x)) is the mean of p(y | x, z, s) over p(z | s)."""
    graph = random_graph(seed, 3, 6)
    x, y, s, *rest = graph
    graph.add_node(s, selected=True)
    dag, axis = DAG(graph), {node: i for i, node in enumerate(graph)}
    rng = np.random.default_rng(seed)
    joint = mutilated = np.ones([2] * len(graph))
    for node in graph:
        family = [node, *graph.predecessors(node)]
        table = rng.dirichlet([1, 1], [2] * (len(family) - 1))
        table = np.einsum(
            table, [*(axis[n] for n in family[1:]), axis[node]], [*sorted(axis[n] for n in family)]
        )
        shape = [2 if n in family else 1 for n in graph]
        joint = joint * table.reshape(shape)
        mutilated = mutilated * (1 if node == x else table.reshape(shape))
    intervened = np.einsum(mutilated, [*axis.values()], [axis[x], axis[y]])
    sample = joint.take([1], axis[s]) / joint.take(1, axis[s]).sum()
    for z in subsets(rest):
        if dag.is_adjustment_set(x, y, z):
            others = [axis[n] for n in z]
            p = np.einsum(sample, [*axis.values()], [axis[x], axis[y], *others])
            weights = p.sum((0, 1))
            found = (p / p.sum(1, keepdims=True) * weights).reshape(2, 2, -1).sum(-1)
            np.testing.assert_allclose(found, intervened, rtol=1e-9)


def test_a_selected_sample_is_explained_or_refused():
    dag = DAG("x -> y -> s; z -> x; s [selected]")
    assert not dag.explain_adjustment("x", "y").valid
    assert str(dag.explain_adjustment("x", "y")).splitlines()[-2:] == [
        "  no: without the causal paths, y does not depend on the selection",
        "    y → s is open",
    ]
    for query in (dag.instruments, dag.front_door_set, dag.front_door_sets, dag.explain_front_door):
        with pytest.raises(GraphError, match=r"the graph has nodes marked \[selected\], s"):
            query("x", "y")
    with pytest.raises(GraphError, match="effect and selected both contain s"):
        dag.adjustment_sets("x", "s")


@settings(max_examples=100, deadline=None, database=None)
@given(seeds)
def test_a_regression_gives_the_effects_if_and_only_if_the_set_is_valid(seed):
    """In linear models, for one cause and one effect and coefficients without coincidence."""
    graph = random_graph(seed, 3, 6)
    x, y, *rest = graph
    dag = DAG(graph)
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, (len(graph), len(graph)))
    truth = effects(graph, weights, {x}, {y})
    for s in subsets(rest):
        same = np.allclose(slopes(graph, weights, {x}, {y}, s), truth, atol=1e-9)
        assert dag.is_adjustment_set(x, y, s) is bool(same)


@settings(max_examples=150, deadline=None, database=None)
@given(seeds)
def test_a_regression_gives_the_joint_effects_of_several_causes(seed):
    graph = random_graph(seed, 3, 12)
    x, y, _ = random_sets(seed, graph)
    weights = np.random.default_rng(seed).normal(size=(len(graph), len(graph)))
    found = DAG(graph).adjustment_set(x, y)
    if found is not None:
        truth = effects(graph, weights, x, y)
        tolerance = 1e-6 * max(1.0, abs(truth).max())
        np.testing.assert_allclose(slopes(graph, weights, x, y, found), truth, atol=tolerance)


@settings(max_examples=40, deadline=None, database=None)
@given(random_graphs(20, 40), seeds)
def test_sets_of_large_dags_are_valid_and_minimal(graph, seed):
    x, y, must = random_sets(seed, graph)
    dag = DAG(graph, latent=sorted(set(graph) - x - y - must)[::4])
    for minimum in (False, True):
        found = dag.adjustment_set(x, y, must=must, minimum=minimum)
        if found is not None:
            assert found >= must
            assert dag.is_adjustment_set(x, y, found)
            assert not any(dag.is_adjustment_set(x, y, found - {n}) for n in found - must)


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


def test_m_bias_comes_from_adjusting():
    dag = DAG("u1 [latent]; u2 [latent]; u1 -> {x m}; u2 -> {m y}; x -> y")
    assert dag.adjustment_set("x", "y") == frozenset()
    assert dag.is_adjustment_set("x", "y")
    assert not dag.is_adjustment_set("x", "y", "m")


def test_a_descendant_of_the_cause_can_be_adjusted_for():
    """The back-door criterion allows none."""
    dag = DAG("x -> m -> y; x -> w -> v; m -> n")
    assert dag.is_adjustment_set("x", "y", {"w", "v"})
    assert not dag.is_adjustment_set("x", "y", "n")


def test_causes_and_effects_are_marked_on_the_nodes():
    graph = nx.DiGraph([("u", "x"), ("u", "y"), ("x", "y"), ("z", "u")])
    graph.nodes["x"]["exposure"] = graph.nodes["y"]["outcome"] = True
    assert DAG(graph).adjustment_set() == {"u"}
    assert DAG(graph).adjustment_set("z") == frozenset()
    assert not DAG(graph).is_adjustment_set()
    graph.nodes["z"]["adjusted"] = True
    assert list(DAG(graph).adjustment_sets()) == [{"u", "z"}]
    assert list(DAG(graph).adjustment_sets(must=())) == [{"u"}]
    graph.nodes["u"]["adjusted"] = True
    assert DAG(graph).is_adjustment_set()


def test_text_of_a_valid_set():
    dag = DAG("a -> u -> x -> m -> y; a -> y")
    assert str(dag.explain_adjustment("x", "y", "a")) == (
        "Adjusting for a identifies the effect of x on y\n"
        "  yes: no adjusted node is on a causal path or below one\n"
        "  yes: adjusting blocks all other paths from x to y\n"
        "    x ← u ← a → y is blocked\n"
        "      a: a fork, and known"
    )


def test_text_of_invalid_sets():
    dag = DAG("u -> x -> m -> y; u -> y; m -> n -> w")
    assert str(dag.explain_adjustment("x", "y", ["w"])) == (
        "Adjusting for w does not identify the effect of x on y\n"
        "  no: no adjusted node is on a causal path or below one\n"
        "    m → n → w\n"
        "  no: adjusting blocks all other paths from x to y\n"
        "    x ← u → y is open\n"
        "      u: a fork, not known"
    )
    assert str(DAG("a -> x <-> y; x -> y").explain_adjustment("x", "y")) == (
        "No set of observed nodes identifies the effect of x on y by adjustment\n"
        "  yes: no adjusted node is on a causal path or below one\n"
        "  no: adjusting for every node that can help (a) blocks all other paths from x to y\n"
        "    x ← U(x, y) → y is open\n"
        "      U(x, y): a fork, not known"
    )


def test_a_minimum_set_can_be_far_from_the_cause():
    dag = DAG([*product("x", "abc"), *product("abc", "m"), ("m", "y")])
    assert dag.minimal_separator("x", "y") == {"a", "b", "c"}
    assert dag.minimal_separator("x", "y", minimum=True) == {"m"}


def test_minimum_sets_of_large_graphs_are_fast():
    """A chain of 5,000 diamonds."""
    edges = [(f"{i}", f"{i}{side}") for i in range(5_000) for side in "lr"]
    edges += [(f"{i}{side}", f"{i + 1}") for i in range(5_000) for side in "lr"]
    dag = DAG([*edges, ("0", "x"), ("x", "y"), ("5000", "y")])
    assert len(dag.adjustment_set("x", "y", minimum=True)) == 1


def test_invalid_queries_raise_errors():
    dag = DAG("x <-> y; z -> x")
    with pytest.raises(
        GraphError, match=r"^given contains latent nodes, U\(x, y\); expected observed nodes"
    ):
        dag.is_adjustment_set("x", "y", "U(x, y)")
    with pytest.raises(GraphError, match=r"^cause and effect both contain x; expected disjoint"):
        dag.adjustment_set("x", "x")
    with pytest.raises(GraphError, match=r"^cause and must both contain x; expected disjoint"):
        dag.adjustment_sets("x", "y", must="x")
    with pytest.raises(GraphError, match=r"^among contains latent nodes, U\(x, y\)"):
        dag.adjustment_sets("x", "y", among="U(x, y)")
    with pytest.raises(GraphError, match=r"^effect is empty; expected nodes, here or marked \[out"):
        dag.explain_adjustment("x", [])
    with pytest.raises(GraphError, match=r"^cause is empty; expected nodes, here or marked \[exp"):
        dag.adjustment_set()
    with pytest.raises(GraphError, match=r"^x contains 'w', which is not a node"):
        dag.do("w")
