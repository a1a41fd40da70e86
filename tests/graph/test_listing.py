import random
from itertools import combinations, islice, permutations

import networkx as nx
import pytest
from hypothesis import given, settings
from oracles import (
    SEED_GRAPH,
    SEED_ORDER,
    all_graphs,
    minimal,
    random_graph,
    random_graphs,
    seeds,
    separated,
    separated_pairs,
    subsets,
)

from ppgen.graph import DAG, GraphError, Independence

LISTERS = {
    "chain_rule": DAG.chain_rule_independencies,
    "local": DAG.local_independencies,
    "pairwise": DAG.pairwise_independencies,
    "basis": DAG.basis_independencies,
    "implied": DAG.implied_independencies,
    "every": DAG.independencies,
}


def missing_edges(dag):
    return {
        frozenset(pair)
        for pair in combinations(dag.observed, 2)
        if not (dag.graph.has_edge(*pair) or dag.graph.has_edge(*reversed(pair)))
    }


# the example of cats and dogs


def test_the_eight_statements_of_cats_and_dogs():
    assert list(map(str, DAG(SEED_GRAPH).chain_rule_independencies(SEED_ORDER))) == [
        "AP ⊥ S",
        "A ⊥ AP | S",
        "A ⊥ R | AP, S",
        "G ⊥ A, AP, S | R",
        "U ⊥ A, AP, G | R, S",
        "DB ⊥ A, AP, G, S, U | R",
        "CM ⊥ A, AP, DB, G, S, U | R",
        "CH ⊥ A, AP, G, R, S, U | CM, DB",
    ]


def test_other_lists_of_cats_and_dogs():
    dag = DAG(SEED_GRAPH)
    assert len(list(dag.basis_independencies())) == 9 * 8 // 2 - 10
    assert Independence("DB", "CM", "R") in set(dag.implied_independencies())
    assert Independence("CH", "R", ["DB", "CM"]) in set(dag.local_independencies()) | set(
        dag.implied_independencies()
    )


# all statements hold, and are about observed nodes


@pytest.mark.parametrize("lister", LISTERS.values(), ids=LISTERS)
@settings(max_examples=40, deadline=None, database=None)
@given(seed=seeds)
def test_statements_hold(lister, seed):
    generator = random.Random(seed)
    graph = random_graph(seed, 1, 9)
    dag = DAG(graph, latent=generator.sample(list(graph), generator.choice([0, len(graph) // 4])))
    statements = list(islice(lister(dag), 300))
    if lister is not DAG.local_independencies:  # a statement can be local to both of its nodes
        assert len(set(statements)) == len(statements)
    for s in statements:
        assert nx.is_d_separator(graph, set(s.x), set(s.y), set(s.given)), s
        assert not (s.x | s.y | s.given) & dag.latent


@pytest.mark.parametrize("lister", LISTERS.values(), ids=LISTERS)
def test_graphs_without_independencies(lister):
    for text in ("", "a", "a -> b", "a -> b; {a b} -> c", "a <-> b"):
        assert list(lister(DAG(text))) == []


# each list is complete


@settings(max_examples=60, deadline=None, database=None)
@given(random_graphs(1, 30))
def test_one_statement_for_each_missing_edge(graph):
    dag = DAG(graph)
    for lister in (DAG.basis_independencies, DAG.pairwise_independencies):
        assert {s.x | s.y for s in lister(dag)} == missing_edges(dag)
        assert len(list(lister(dag))) == len(missing_edges(dag))


@settings(max_examples=60, deadline=None, database=None)
@given(random_graphs(1, 30))
def test_local_markov_by_its_definition(graph):
    expected = set()
    for node in graph:
        parents = set(graph.pred[node])
        others = set(graph) - nx.descendants(graph, node) - parents - {node}
        if others:
            expected.add(Independence({node}, others, parents))
    assert set(DAG(graph).local_independencies()) == expected


def test_all_and_all_minimal_ones_on_every_dag_of_four_nodes():
    for i, graph in enumerate(all_graphs("abcd")):
        pairs = separated_pairs(graph)
        latent = set("abcd"[i % 4 : i % 4 + 1]) if i % 2 else set()
        dag = DAG(graph, latent=latent)
        every, implied = set(), set()
        for x, y in combinations(dag.observed, 2):
            found = [s for s in subsets(set(dag.observed) - {x, y}) if pairs[x, y, s]]
            every |= {Independence({x}, {y}, s) for s in found}
            implied |= {Independence({x}, {y}, s) for s in minimal(found)}
        assert set(dag.independencies()) == every
        assert set(dag.implied_independencies()) == implied


@settings(max_examples=150, deadline=None, database=None)
@given(seeds)
def test_chain_rule_along_any_ordering(seed):
    """The condition is the smallest set that makes a node independent of other predecessors."""
    generator = random.Random(seed)
    graph = random_graph(seed, 2, 6)
    dag = DAG(graph, latent=generator.sample(list(graph), generator.choice([0, 0, 1])))
    ordering = generator.sample(list(graph), len(graph))
    pairs = separated_pairs(graph)
    expected, before = [], set()
    for node in ordering:
        if node not in dag.latent:
            enough = [s for s in subsets(before) if separated(pairs, {node}, before - s, s)]
            (needed,) = minimal(enough)
            if before - needed:
                expected.append(Independence({node}, before - needed, needed))
            before.add(node)
    assert list(dag.chain_rule_independencies(ordering)) == expected


def test_chain_rule_against_the_arrows():
    found = DAG("a -> c <- b").chain_rule_independencies(["c", "a", "b"])
    assert list(found) == []
    found = DAG("a -> b -> c").chain_rule_independencies("cba")
    assert list(map(str, found)) == ["a ⊥ c | b"]


def test_every_ordering_of_a_small_graph_gives_statements_that_hold():
    graph = random_graph(3, 5, 5)
    for ordering in permutations(graph):
        for s in DAG(graph).chain_rule_independencies(ordering):
            assert nx.is_d_separator(graph, set(s.x), set(s.y), set(s.given))


# laziness, and invalid orderings


def test_the_first_of_exponentially_many():
    graph = random_graph(5, 60, 60)
    for lister in (DAG.implied_independencies, DAG.independencies):
        assert len(set(islice(lister(DAG(graph)), 50))) == 50


@pytest.mark.parametrize(
    ("ordering", "message"),
    [
        (["a", "b"], "^ordering has 2 nodes, 2 of them different; expected each of the 3"),
        (["a", "b", "c", "a"], "^ordering has 4 nodes, 3 of them different; expected each of"),
        ([], "^ordering has 0 nodes, 0 of them different; expected each of the 3"),
        (["a", "b", "d"], "^ordering contains 'd', which is not a node of the graph"),
    ],
)
def test_invalid_orderings_raise_errors_at_once(ordering, message):
    with pytest.raises(GraphError, match=message):
        DAG("a -> b -> c").chain_rule_independencies(ordering)


def test_orderings_can_omit_latent_nodes():
    dag = DAG("u [latent]; u -> a; u -> b; c")
    for ordering in (["a", "b", "c"], ["a", "u", "b", "c"]):
        assert list(map(str, dag.chain_rule_independencies(ordering))) == ["c ⊥ a, b"]
