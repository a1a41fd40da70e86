"""Pairs of nodes: their order, and pairs without an edge by rank."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppgen.models.textbook.dyads import NonEdges, dyads, edge_list, edges, index_of, pair_at


@given(st.integers(2, 40), st.floats(0, 1), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_rows_are_the_adjacency_matrix(nodes, probability, seed):
    graph = nx.gnp_random_graph(nodes, probability, seed=seed)
    matrix = torch.from_numpy(nx.to_numpy_array(graph))
    x, pairs = dyads(graph)
    i, j = pairs.unbind(1)
    assert (i < j).all()
    assert len(pairs.unique(dim=0)) == nodes * (nodes - 1) // 2
    assert torch.equal(x, matrix[i, j].float())
    for form in (matrix, matrix.long(), matrix.bool().numpy(), matrix.tolist()):
        assert torch.equal(dyads(form)[0], x)
    ones, ends = edges(graph)
    assert torch.equal(ends, pairs[x == 1])
    assert torch.equal(ones, x[x == 1])
    if x.all():
        with pytest.raises(ValueError, match="has all edges"):
            NonEdges(graph)
    else:
        non_edges = NonEdges(graph)
        assert torch.equal(non_edges.at(torch.arange(non_edges.count)), pairs[x == 0])


@given(st.integers(0, 2**51))
def test_pairs_and_places_are_inverse_up_to_a_hundred_million_nodes(index):
    place = torch.tensor([index])
    pair = pair_at(place)
    i, j = pair[0].tolist()
    assert 0 <= i < j
    assert index_of(pair).item() == index


@pytest.mark.parametrize("j", [2, 1000, 94_906_267, 2**26])
def test_the_last_pair_of_a_column_and_the_first_of_the_next(j):
    first = torch.tensor([[0, j]])
    place = index_of(first)
    assert pair_at(place).tolist() == first.tolist()
    assert pair_at(place - 1).tolist() == [[j - 2, j - 1]]


def test_nodes_are_numbered_in_the_order_of_the_graph():
    graph = nx.Graph([("c", "a"), ("a", "b")])
    pairs, nodes = edge_list(graph)
    assert (pairs.tolist(), nodes) == ([[0, 1], [1, 2]], 3)


def matrix(*entries, nodes=3):
    adjacency = np.zeros((nodes, nodes))
    for i, j, value in entries:
        adjacency[i, j] = value
    return adjacency


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (nx.DiGraph([(0, 1)]), "graph is a DiGraph; expected a networkx.Graph"),
        (nx.MultiGraph([(0, 1), (0, 1)]), "graph is a MultiGraph"),
        (nx.Graph([("a", "b"), ("b", "b")]), "self-loop at 'b'"),
        (nx.empty_graph(1), "graph has 1 nodes"),
        (nx.empty_graph(0), "graph has 0 nodes"),
        (np.zeros((2, 3)), r"shape \(2, 3\); expected a square"),
        (np.zeros(3), r"shape \(3,\); expected a square"),
        (matrix((0, 2, 1)), r"adjacency\[0, 2\] = 1 differs from its mirror image"),
        (matrix((1, 1, 1)), r"adjacency\[1, 1\] = 1 is a self-loop"),
        (matrix((0, 1, 2), (1, 0, 2)), r"adjacency\[0, 1\] = 2 is neither 0 nor 1"),
        (matrix((0, 1, np.nan), (1, 0, np.nan)), r"adjacency\[0, 1\] = nan is neither"),
    ],
)
def test_what_is_no_simple_graph_is_refused(graph, message):
    with pytest.raises(ValueError, match=message):
        edge_list(graph)
