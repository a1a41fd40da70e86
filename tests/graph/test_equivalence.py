import random
from collections import defaultdict
from itertools import combinations

import networkx as nx
import pytest
from hypothesis import given, settings
from oracles import all_graphs, random_graph, random_graphs, seeds, separated_pairs

from ppgen.graph import DAG, GraphError


def classes(graphs, key):
    found = defaultdict(list)
    for graph in graphs:
        found[key(graph)].append(graph)
    return list(found.values())


def by_independencies(graph):
    return frozenset(separated_pairs(graph).items())


def by_v_structures(graph):
    """Verma and Pearl's rule, implemented independently."""
    v = frozenset(
        (frozenset(pair), c)
        for c in graph
        for pair in combinations(graph.pred[c], 2)
        if not graph.to_undirected(as_view=True).has_edge(*pair)
    )
    return frozenset(map(frozenset, graph.edges)), v


def check_classes(found):
    patterns = set()
    for members in found:
        always = set.intersection(*(set(graph.edges) for graph in members))
        skeleton = set(map(frozenset, members[0].edges))
        for graph in members:
            pattern = DAG(graph).cpdag()
            assert pattern.nodes == set(graph)
            assert pattern.directed == always
            assert pattern.undirected == skeleton - set(map(frozenset, always))
        patterns.add(pattern)
    assert len(patterns) == len(found)


@pytest.mark.parametrize(("nodes", "count"), [("ab", 2), ("abc", 11), ("abcd", 185)])
def test_classes_of_all_dags_by_all_their_independencies(nodes, count):
    """The counts are those of Gillispie and Perlman 2002."""
    found = classes(all_graphs(nodes), by_independencies)
    assert len(found) == count
    check_classes(found)


@pytest.mark.slow
def test_classes_of_all_dags_of_five_nodes():
    found = classes(all_graphs("abcde"), by_v_structures)
    assert len(found) == 8782
    check_classes(found)


def test_equivalent_if_and_only_if_of_one_class():
    found = classes(all_graphs("abcd"), by_independencies)
    number = {DAG(graph): i for i, members in enumerate(found) for graph in members}
    for one, other in combinations(random.Random(0).sample(list(number), 200), 2):
        assert one.equivalent(other) is (number[one] == number[other])
    for members in found:
        assert all(DAG(members[0]).equivalent(DAG(graph)) for graph in members)


@settings(max_examples=60, deadline=None, database=None)
@given(random_graphs(2, 30), seeds)
def test_reversing_a_covered_edge_stays_in_the_class(graph, seed):
    """Chickering 1995, lemma 1: x → y can be reversed if and only if the other parents agree."""
    dag, pattern = DAG(graph), DAG(graph).cpdag()
    for x, y in random.Random(seed).sample(list(graph.edges), min(10, len(graph.edges))):
        covered = set(graph.pred[y]) - {x} == set(graph.pred[x])
        turned = nx.DiGraph(graph)
        turned.remove_edge(x, y)
        turned.add_edge(y, x)
        if nx.is_directed_acyclic_graph(turned):
            assert dag.equivalent(DAG(turned)) is covered
            assert (DAG(turned).cpdag() == pattern) is covered


@settings(max_examples=60, deadline=None, database=None)
@given(random_graphs(1, 30))
def test_v_structures_and_moral_graph_against_networkx(graph):
    dag = DAG(graph)
    found = {(frozenset((a, b)), c) for a, c, b in dag.v_structures()}
    assert len(found) == len(dag.v_structures())
    assert found == by_v_structures(graph)[1]
    assert nx.utils.graphs_equal(dag.moral(), nx.moral_graph(DAG(graph).graph))
    added = {frozenset(e) for e in dag.moral().edges} - {frozenset(e) for e in graph.edges}
    assert added == {pair for pair, _ in found}


@settings(max_examples=100, deadline=None, database=None)
@given(random_graphs(1, 30))
def test_markov_blanket_is_parents_children_and_their_parents(graph):
    for x in graph:
        expected = set(graph.pred[x]) | set(graph.succ[x])
        expected |= {parent for child in graph.succ[x] for parent in graph.pred[child]}
        assert DAG(graph).markov_blanket(x) == expected - {x}


@settings(max_examples=60, deadline=None, database=None)
@given(seeds)
def test_markov_blanket_with_latent_nodes_is_the_smallest_that_separates(seed):
    generator = random.Random(seed)
    graph = random_graph(seed, 3, 12)
    latent = generator.sample(list(graph), len(graph) // 3)
    dag = DAG(graph, latent=latent)
    x = set(generator.sample(list(graph), generator.choice([1, 2])))
    blanket = dag.markov_blanket(x)
    rest = set(dag.observed) - x - blanket
    assert blanket <= set(dag.observed) - x
    assert not rest or nx.is_d_separator(graph, x, rest, blanket)
    for node in blanket:
        assert not nx.is_d_separator(graph, x, rest | {node}, blanket - {node})


def test_text_of_a_class():
    assert str(DAG("S -> A; S -> R; AP -> R; R -> G").cpdag()) == ("AP → R; R → G; S → R; A — S")
    assert str(DAG("a").cpdag()) == ""


def test_dags_of_other_nodes_are_not_equivalent():
    assert not DAG("a -> b").equivalent(DAG("a -> b; c"))
    assert not DAG("a -> b").equivalent(DAG("a; b"))


def test_a_subclass_is_equivalent_in_both_directions():
    class Mine(DAG):
        pass

    for one, other in [(Mine, DAG), (DAG, Mine)]:
        assert one("a -> b").equivalent(other("b -> a"))


def test_latent_nodes_raise_errors():
    latent, plain = DAG("x <-> y"), DAG("x -> y")
    with pytest.raises(GraphError, match=r"^the graph has latent nodes \(U\(x, y\)\); expected"):
        latent.equivalent(plain)
    with pytest.raises(GraphError, match=r"^other has latent nodes"):
        plain.equivalent(latent)
    with pytest.raises(GraphError, match=r"^the graph has latent nodes"):
        latent.cpdag()
    with pytest.raises(GraphError, match=r"^other is 'x -> y'; expected a DAG$"):
        plain.equivalent("x -> y")
