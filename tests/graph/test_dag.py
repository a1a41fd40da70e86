"""Construction, cycles, names, and deep and large graphs."""

import pickle
import random
import time
from itertools import islice, pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from oracles import random_graph, random_graphs

from ppgen.graph import DAG, GraphError

DEEP = 30_000


def test_sources_of_one_graph():
    pairs = [("a", "b"), ("b", "c")]
    graphs = [nx.DiGraph(pairs), nx.MultiDiGraph(pairs + pairs), nx.freeze(nx.DiGraph(pairs))]
    for source in ("a -> b -> c", pairs, pairs + pairs, iter(pairs), {*pairs}, *graphs):
        dag = DAG(source)
        assert set(dag.graph.edges) == set(pairs)
        assert dag.order == ("a", "b", "c")
        assert type(dag.graph) is nx.DiGraph


def test_the_graph_is_a_frozen_copy():
    source = nx.DiGraph([("a", "b")])
    source.add_node("a", latent=True, shape="box")
    dag = DAG(source, latent="b")
    assert "latent" not in source.nodes["b"]
    assert dag.latent == {"a", "b"}
    assert dag.graph.nodes["a"] == {"latent": True, "shape": "box"}
    source.add_edge("b", "c")
    assert len(dag.nodes) == 2
    with pytest.raises(nx.NetworkXError):
        dag.graph.add_edge("b", "c")


def test_text_and_copies():
    dag = DAG("a -> b; a <-> b")
    assert repr(dag) == "DAG(3 nodes, 3 edges, 1 latent)"
    assert repr(DAG("a -> b")) == "DAG(2 nodes, 1 edges)"
    copy = pickle.loads(pickle.dumps(dag))
    assert copy.explain("a", "b") == dag.explain("a", "b")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (nx.Graph([(1, 2)]), "^source is an undirected graph; expected a networkx.DiGraph$"),
        (
            [("a", "b", "c")],
            r"^source contains \('a', 'b', 'c'\); expected pairs \(parent, child\)$",
        ),
        (["ab"], r"^source contains 'ab'; expected pairs \(parent, child\)$"),
        ([("a", ["b"])], "^source contains an invalid node: "),
        ([("a", None)], "^source contains an invalid node: "),
        (None, "^source is None; expected text, pairs of nodes or a DiGraph$"),
        (5, "^source is 5; expected text, pairs of nodes or a DiGraph$"),
    ],
)
def test_invalid_sources_raise_errors(source, message):
    with pytest.raises(GraphError, match=message):
        DAG(source)


def test_unknown_latent_nodes_raise_errors():
    with pytest.raises(GraphError, match=r"^latent contains 'rian', .*; did you mean 'rain'\?$"):
        DAG("rain -> wet", latent=["rian"])


def test_families():
    dag = DAG("a -> b -> c; d -> c")
    assert dag.parents("c") == {"b", "d"}
    assert dag.children("a") == {"b"}
    assert dag.ancestors("c") == set("abcd")
    assert dag.descendants({"a", "d"}) == set("abcd")
    assert dag.ancestors([]) == frozenset()


# cycles


@pytest.mark.parametrize(
    ("source", "cycle"),
    [
        ("A -> B -> C -> A", "A → B → C → A"),
        ("x -> A; A -> B -> C -> A -> y", "A → B → C → A"),
        ("C -> A; A -> B; B -> C", "C → A → B → C"),
        ("a -> b -> a", "a → b → a"),
        ([(1, 1)], "1 → 1"),
        ("p -> q -> r; z -> z", "z → z"),
    ],
)
def test_errors_name_the_cycle(source, cycle):
    with pytest.raises(GraphError) as error:
        DAG(source)
    assert str(error.value) == (f"the graph has the cycle {cycle}; expected an acyclic graph")


@settings(max_examples=100, deadline=None, database=None)
@given(random_graphs(2, 20))
def test_the_named_cycle_is_a_cycle(graph):
    order = list(nx.topological_sort(graph))
    graph.add_edges_from([(order[-1], order[0]), (order[0], order[-1])])
    with pytest.raises(GraphError) as error:
        DAG(graph)
    named = str(error.value).removeprefix("the graph has the cycle ").split("; ")[0].split(" → ")
    assert named[0] == named[-1]
    assert len(set(named)) == len(named) - 1
    assert all(graph.has_edge(a, b) for a, b in pairwise(named))


def test_long_cycles_are_abbreviated():
    with pytest.raises(GraphError) as error:
        DAG([(i, (i + 1) % DEEP) for i in range(DEEP)])
    assert "0 → 1 → 2 → 3" in str(error.value)
    assert "→ … 29981 more … →" in str(error.value)
    assert "29999 → 0;" in str(error.value)


# deep and large graphs

HALF = DEEP // 2
FIRST, MIDDLE, LAST = "v0", f"v{HALF}", f"v{DEEP - 1}"
QUERIES = {
    "d_separated": (lambda dag: dag.d_separated(FIRST, LAST), False),
    "d_separated, given": (lambda dag: dag.d_separated(FIRST, LAST, MIDDLE), True),
    "reachable": (lambda dag: len(dag.reachable(MIDDLE)), DEEP),
    "ancestors": (lambda dag: len(dag.ancestors(LAST)), DEEP),
    "explain": (lambda dag: str(dag.explain(FIRST, LAST)).count("a chain, not known"), DEEP - 2),
    "explain, given": (
        lambda dag: str(dag.explain(FIRST, LAST, MIDDLE)).splitlines()[-1],
        f"    {MIDDLE}: a chain, and known",
    ),
    "minimal_separator": (lambda dag: dag.minimal_separator(FIRST, LAST), {"v1"}),
    "minimal_separators": (
        lambda dag: list(islice(dag.minimal_separators(FIRST, LAST), 3)),
        [{"v1"}, {"v2"}, {"v3"}],
    ),
    "markov_blanket": (
        lambda dag: dag.markov_blanket(MIDDLE),
        {f"v{HALF - 1}", f"v{HALF + 1}"},
    ),
    "moral": (lambda dag: dag.moral().number_of_edges(), DEEP - 1),
    "v_structures": (lambda dag: dag.v_structures(), ()),
    "cpdag": (lambda dag: len(dag.cpdag().undirected), DEEP - 1),
    "equivalent": (lambda dag: dag.equivalent(dag), True),
    "do": (lambda dag: dag.do(MIDDLE).graph.number_of_edges(), DEEP - 2),
    "adjustment_set": (lambda dag: dag.adjustment_set(MIDDLE, FIRST), {f"v{HALF - 1}"}),
    "factorisation": (lambda dag: dag.factorisation().count(" | "), DEEP - 1),
    "chain rule": (lambda dag: some(dag.chain_rule_independencies()), ["v0 ⊥ v2 | v1"]),
    "local": (lambda dag: some(dag.local_independencies()), ["v0 ⊥ v2 | v1"]),
    "pairwise": (lambda dag: some(dag.pairwise_independencies()), ["v0 ⊥ v2 | v1"]),
    "basis": (lambda dag: some(dag.basis_independencies()), ["v0 ⊥ v2 | v1"]),
    "implied": (lambda dag: some(dag.implied_independencies()), ["v0 ⊥ v2 | v1"]),
}


def some(statements):
    """The first of the first three statements."""
    return [str(statement) for statement in islice(statements, 3)][:1]


@pytest.fixture(scope="module")
def deep():
    return DAG(" -> ".join(f"v{i}" for i in range(DEEP)))


@pytest.mark.parametrize(("query", "answer"), QUERIES.values(), ids=QUERIES)
def test_chains_of_30_000_nodes(deep, query, answer):
    """No recursion, nothing quadratic. The bound is ten times the usual time."""
    start = time.perf_counter()
    assert query(deep) == answer
    assert time.perf_counter() - start < 5


def test_the_most_similar_of_30_000_names(deep):
    with pytest.raises(GraphError, match="did you mean 'v2999'"):
        deep.reachable("v2999x")


def test_a_deep_collider_is_opened_from_below():
    dag = DAG([("a", 0), ("b", 0), *pairwise(range(DEEP))])
    assert dag.d_separated("a", "b")
    assert not dag.d_separated("a", "b", DEEP - 1)
    (passage,) = dag.explain("a", "b", DEEP - 1).trails[0].passages
    assert len(passage.way_down) == DEEP


def test_large_graphs_are_fast():
    """Within a second; usual is 0.1 s."""
    graph = random_graph(3, 3000, 3000)
    start = time.perf_counter()
    dag = DAG(graph)
    for node in dag.nodes[::30]:
        dag.d_separated(node, dag.nodes[1], dag.nodes[2:10])
    assert time.perf_counter() - start < 1


@pytest.fixture(scope="module")
def large():
    """100,000 nodes and edges, twice."""
    ends = np.sort(np.random.default_rng(0).integers(0, 100_000, (100_000, 2)))
    edges = [(f"v{a}", f"v{b}") for a, b in ends.tolist() if a < b]
    return DAG(edges), DAG(edges[::-1])


def seconds(ask):
    """Processor time of the fastest of three calls."""
    times = []
    for _ in range(3):
        start = time.process_time()
        ask()
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.slow
def test_equivalence_costs_about_two_classes(large):
    """At most three; usual is 1.5."""
    one, other = large
    assert one.equivalent(other)
    assert seconds(lambda: one.equivalent(other)) < 3 * seconds(one.cpdag)


def test_blocked_trails_of_large_graphs_are_found_fast(large):
    """Within a second; usual is 0.2."""
    dag, _ = large
    generator = random.Random(0)
    connected = sorted(max(nx.weakly_connected_components(dag.graph), key=len))
    pairs = (generator.sample(connected, 2) for _ in range(100))
    a, b = next(pair for pair in pairs if dag.minimal_separator(*pair) is not None)
    known = dag.minimal_separator(a, b)
    assert len(dag.explain(a, b, known).trails) == 20
    assert seconds(lambda: dag.explain(a, b, known)) < 1


def test_blankets_take_the_same_time_in_graphs_of_all_sizes(large):
    """At most 20 µs; usual is 2 to 4."""
    dag, _ = large
    assert seconds(lambda: [dag.markov_blanket(node) for node in dag.nodes[:5000]]) < 0.1
