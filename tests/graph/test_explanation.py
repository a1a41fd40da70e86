import random
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from oracles import (
    SEED_GRAPH,
    all_graphs,
    blocks,
    is_open,
    moral_separated,
    paths,
    random_graph,
    random_graphs,
    random_sets,
    seeds,
    triples,
)

from ppgen.graph import DAG, Independence


def check_trail(graph, trail, x, y, known):
    """The trail is in the graph, and each of its reasons is true."""
    nodes = trail.nodes
    assert nodes[0] in x
    assert nodes[-1] in y
    assert not set(nodes[1:-1]) & (x | y)
    assert len(set(nodes)) == len(nodes)
    for a, b, arrow in zip(nodes[:-1], nodes[1:], trail.arrows, strict=True):
        assert graph.has_edge(a, b) if arrow == "→" else graph.has_edge(b, a)
    assert tuple(p.node for p in trail.passages) == nodes[1:-1]
    roles = {"→→": "chain", "←←": "chain", "←→": "fork", "→←": "collider"}
    for i, passage in enumerate(trail.passages, 1):
        assert passage.role == roles[trail.arrows[i - 1] + trail.arrows[i]]
        assert passage.open is not blocks(graph, nodes, i, known)
        if passage.role == "collider" and passage.open:
            way = passage.way_down
            assert way[0] == passage.node
            assert way[-1] in known
            assert all(graph.has_edge(a, b) for a, b in pairwise(way))
            below = nx.single_source_shortest_path_length(graph, passage.node)
            assert len(way) - 1 == min(below[node] for node in known if node in below)
        else:
            assert passage.way_down == ()
    assert trail.block == next((p for p in trail.passages if not p.open), None)


def check(graph, x, y, known):
    answer = DAG(graph).explain(x, y, known)
    assert answer.query == Independence(x, y, known)
    assert answer.separated is moral_separated(graph, x, y, known)
    for trail in answer.trails:
        check_trail(graph, trail, x, y, known)
        assert (trail.block is not None) is answer.separated
    assert answer.separated or len(answer.trails) == 1
    return answer


def agrees_with_all_paths(graph, x, y, known):
    """The answer is a shortest open path, or all paths, shortest first."""
    answer = check(graph, x, y, known)
    between = paths(graph, x, y)
    if answer.separated:
        assert {trail.nodes for trail in answer.trails} <= set(between)
        assert answer.complete is (len(between) == len(answer.trails))
        lengths = [len(trail.nodes) for trail in answer.trails]
        assert lengths == sorted(map(len, between))[:20]
        assert len({trail.nodes for trail in answer.trails}) == len(lengths)
    else:
        open_ones = [path for path in between if is_open(graph, path, known)]
        assert len(answer.trails[0].nodes) == min(map(len, open_ones))


def test_every_dag_of_four_nodes():
    """Each DAG gets a quarter of the queries, in turns."""
    questions = list(triples("abcd"))
    for i, graph in enumerate(all_graphs("abcd")):
        for x, y, known in questions[i % 4 :: 4]:
            agrees_with_all_paths(graph, x, y, known)


@settings(max_examples=150, deadline=None, database=None)
@given(random_graphs(2, 8), seeds)
def test_small_random_dags_against_all_paths(graph, seed):
    agrees_with_all_paths(graph, *map(frozenset, random_sets(seed, graph)))


@settings(max_examples=300, deadline=None, database=None)
@given(random_graphs(2, 60), seeds)
def test_random_dags_against_the_moral_graph(graph, seed):
    check(graph, *map(frozenset, random_sets(seed, graph)))


# the text


def test_text_of_a_dependence():
    dag = DAG(SEED_GRAPH)
    assert str(dag.explain("A", "AP", given="CH")) == (
        "A and AP depend on each other given CH\n"
        "  A ← S → R ← AP is open\n"
        "    S: a fork, not known\n"
        "    R: a collider, and its descendant CH is known (R → DB → CH)"
    )
    assert str(dag.explain("AP", "G")) == (
        "AP and G depend on each other\n  AP → R → G is open\n    R: a chain, not known"
    )
    assert str(dag.explain("AP", "R")) == "AP and R depend on each other\n  AP → R is open"
    assert str(dag.explain("AP", "S", "R")).endswith("    R: a collider, and known")


def test_text_of_a_separation():
    dag = DAG(SEED_GRAPH)
    assert str(dag.explain("AP", "S")) == (
        "AP ⊥ S\n"
        "  AP → R ← S is blocked\n"
        "    R: a collider, and neither it nor a descendant is known\n"
        "  AP → R → U ← S is blocked\n"
        "    U: a collider, and neither it nor a descendant is known"
    )
    assert str(dag.explain({"G", "U"}, ["A"], {"S"})) == (
        "A ⊥ G, U | S\n"
        "  U ← S → A is blocked\n"
        "    S: a fork, and known\n"
        "  U ← R ← S → A is blocked\n"
        "    S: a fork, and known\n"
        "  G ← R ← S → A is blocked\n"
        "    S: a fork, and known"
    )
    assert str(DAG("a; b -> c").explain("a", "c")) == "a ⊥ c\n  no trail joins them"


def test_text_through_a_latent_node():
    text = str(DAG('x <-> y; y -> "z 1"').explain("x", "z 1"))
    assert text.startswith("x and z 1 depend on each other\n  x ← U(x, y) → y → z 1 is open")


def test_lists_of_blocked_trails_say_if_they_are_incomplete():
    dag = DAG("; ".join(f"a -> m{i} -> b" for i in range(30)))
    known = [f"m{i}" for i in range(30)]
    answer = dag.explain("a", "b", known)
    assert len(answer.trails) == 20
    assert not answer.complete
    assert str(answer).endswith("\n  … only the 20 shortest trails shown; all trails are blocked")
    assert len(dag.explain("a", "b", known, limit=30).trails) == 30
    assert dag.explain("a", "b", known, limit=30).complete
    assert str(dag.explain("a", "b", known, limit=0)).endswith(
        "\n  … no trails shown; all trails are blocked"
    )


DENSE = [(f"{i}", f"{j}") for i in range(40) for j in range(i + 1, 40)]


def test_dense_dead_ends_are_not_searched():
    answer = DAG([*DENSE, ("x", "0"), ("0", "end"), ("z", "end"), ("y", "z")]).explain("x", "y")
    assert [trail.nodes for trail in answer.trails] == [("x", "0", "end", "z", "y")]
    assert answer.complete


def test_the_search_for_trails_ends():
    """Besides the shortest, the dense graph has too many paths to visit."""
    edges = [*DENSE, ("x", "0"), ("0", "y"), *pairwise(["39", *"abcdefghijklmn", "y"])]
    answer = DAG(edges).explain("x", "y", "0")
    assert answer.separated
    assert answer.trails[0].nodes == ("x", "0", "y")
    assert not answer.complete


def test_negative_limits_raise_errors():
    with pytest.raises(ValueError, match=r"^limit is -1; expected a whole number, 0 or more$"):
        DAG("a; b").explain("a", "b", limit=-1)


def test_explanations_are_frozen_and_deterministic():
    graph = random_graph(1, 30, 30)
    x, y, known = random_sets(9, graph)
    one, other = DAG(graph).explain(x, y, known), DAG(graph).explain(y, x, known)
    assert one == DAG(graph).explain(x, y, known)
    assert one.query == other.query
    with pytest.raises(AttributeError):
        one.separated = True


def test_shortest_trails_of_sparse_large_graphs():
    generator = random.Random(0)
    graph = random_graph(11, 400, 400)
    dag, separations = DAG(graph), 0
    for _ in range(40):
        a, b = generator.sample(list(graph), 2)
        answer = dag.explain(a, b, known := dag.minimal_separator(a, b) or ())
        separations += answer.separated
        for trail in answer.trails:
            check_trail(graph, trail, {a}, {b}, frozenset(known))
    assert separations > 10
