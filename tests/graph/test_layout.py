from itertools import combinations, pairwise

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import graph_with_chance

from ppgen.graph.layout import layered, layers
from ppgen.graph.order import ordered


def test_a_tree_has_no_crossings_and_a_path_is_straight():
    tree = nx.balanced_tree(2, 3, nx.DiGraph)
    layout = layered(tree, {}, dict.fromkeys(tree, 1.0))
    for (a, b), (c, d) in combinations(tree.edges, 2):
        if layout.layer[a] == layout.layer[c] and len({a, b, c, d}) == 4:
            assert (layout.x[a] - layout.x[c]) * (layout.x[b] - layout.x[d]) > 0
    path = nx.path_graph(5, nx.DiGraph)
    assert len(set(layered(path, {}, dict.fromkeys(path, 1.0)).x.values())) == 1


def test_nodes_lie_in_the_middle_of_what_is_equally_good():
    graph = nx.DiGraph([("a", "m"), ("b", "m"), ("m", "c"), ("m", "d"), ("m", "e"), ("m", "f")])
    x = layered(graph, {}, dict.fromkeys(graph, 1.0)).x
    assert np.isclose(x["m"], (x["a"] + x["b"]) / 2)
    assert np.isclose(x["m"], np.mean([x[node] for node in "cdef"]))


def test_rows_read_in_the_order_of_the_graph():
    graph = nx.DiGraph([("z1", "x"), ("z2", "x"), ("z3", "x"), ("x", "y"), ("x", "w")])
    x = layered(graph, {}, dict.fromkeys(graph, 1.0)).x
    assert x["z1"] < x["z2"] < x["z3"]
    assert x["y"] < x["w"]


def test_avoidable_crossings_are_avoided():
    graph = nx.DiGraph([("a", "b"), ("b", "c"), ("c", "d"), ("a", "c"), ("a", "d")])
    layout = layered(graph, {}, dict.fromkeys(graph, 1.0))
    rows = {i: {key: x for key, x in layout.x.items() if layout.layer[key] == i} for i in range(4)}
    links = [
        (rows[i][a], rows[i + 1][b])
        for route in layout.routes.values()
        for i, (a, b) in enumerate(pairwise(route), layout.layer[route[0]])
    ]
    starts = [layout.layer[r[0]] + i for r in layout.routes.values() for i in range(len(r) - 1)]
    for (i, (a, b)), (j, (c, d)) in combinations(zip(starts, links, strict=True), 2):
        assert i != j or (a - c) * (b - d) >= 0


def test_a_root_lies_just_above_its_first_child():
    graph = nx.DiGraph([("a", "b"), ("b", "c"), ("d", "c")])
    assert layers(graph) == {"a": 0, "d": 1, "b": 1, "c": 2}


def test_links_that_cross_are_untangled():
    layer = {"a": 0, "b": 0, "c": 1, "d": 1}
    rows, *_ = ordered(layer, [("a", "d"), ("b", "c")], dict.fromkeys(layer, ()))
    assert rows in ([["b", "a"], ["c", "d"]], [["a", "b"], ["d", "c"]])


def test_an_edge_has_a_bend_where_it_passes_a_layer():
    graph = nx.DiGraph([("a", "b"), ("b", "c"), ("a", "c")])
    layout = layered(graph, {}, dict.fromkeys(graph, 1.0))
    assert layout.layer["c"] == 2
    assert len(layout.routes["a", "c"]) == 3


@given(st.integers(0, 10_000), st.integers(1, 14), st.floats(0, 0.6))
@settings(max_examples=30, deadline=None)
def test_layers_and_order_of_any_dag(seed, n, chance):
    graph = graph_with_chance(n, chance, seed)
    layer = layers(graph)
    assert all(layer[a] < layer[b] for a, b in graph.edges)
    assert min(layer.values()) == 0
    rows, *_ = ordered(layer, [], dict.fromkeys(layer, ()))
    assert sorted(key for row in rows for key in row) == sorted(graph)
    layout = layered(graph, {}, dict.fromkeys(graph, 1.0))
    assert set(graph) <= set(layout.x)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_any_plates_can_be_laid_out(seed):
    rng = np.random.default_rng(seed)
    graph = graph_with_chance(8, 0.3, seed)
    plates = {n: tuple(p for p in "abc" if rng.random() < 0.4) for n in graph}
    layout = layered(graph, plates, dict.fromkeys(graph, 1.0))
    for node, names in plates.items():
        for plate in names:
            left, right = layout.boxes[plate]
            assert left < layout.x[node] - 0.5
            assert layout.x[node] + 0.5 < right
