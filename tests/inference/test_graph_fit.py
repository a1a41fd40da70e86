"""Statistics of graphs, and p-values that are right where the model is."""

import runpy
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from ppgen.inference.graph_fit import goodness_of_fit, statistics

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "latent_graph.py"))
degree_shares, path_length_shares = SCRIPT["degree_shares"], SCRIPT["path_length_shares"]


@given(st.integers(2, 25), st.floats(0, 1), st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_against_networkx(nodes, probability, seed):
    graph = nx.gnp_random_graph(nodes, probability, seed=seed)
    here = statistics(graph)
    degrees = np.array([degree for _, degree in graph.degree])
    lengths = [
        length
        for i, row in nx.all_pairs_shortest_path_length(graph)
        for j, length in row.items()
        if i < j
    ]
    pairs = nodes * (nodes - 1) / 2
    assert here["mean degree"] == pytest.approx(2 * graph.number_of_edges() / nodes)
    assert here["largest degree"] == degrees.max()
    assert here["mean path length"] == pytest.approx(np.mean(lengths) if lengths else 0)
    assert here["share of pairs without a path"] == pytest.approx(1 - len(lengths) / pairs)
    if nx.is_connected(graph):
        assert here["mean path length"] == pytest.approx(nx.average_shortest_path_length(graph))
    shares = path_length_shares(graph, longest=nodes)
    expected = np.bincount(lengths, minlength=nodes + 1)[1:] / pairs
    np.testing.assert_allclose(shares, expected)
    assert degree_shares(graph, largest=nodes).sum() == pytest.approx(1)
    assert degree_shares(graph, largest=0)[0] == pytest.approx((degrees == 0).mean())


def test_weights_and_labels_of_nodes_play_no_part():
    graph = nx.les_miserables_graph()
    plain = nx.Graph(nx.convert_node_labels_to_integers(graph).edges)
    assert statistics(graph) == pytest.approx(statistics(plain))


def test_p_values_are_right_where_the_model_is():
    """P(p ≤ 0.1) ≤ 0.1 for each statistic: a one-sided binomial test over 150 graphs."""
    families = [
        [nx.gnp_random_graph(12, 0.3, seed=20 * i + j) for j in range(20)] for i in range(150)
    ]
    rejected = dict.fromkeys(statistics(families[0][0]), 0)
    for observed, *drawn in families:
        for name, p in goodness_of_fit(observed, drawn).p_values.items():
            rejected[name] += p <= 0.1
    allowed = binom.isf(1e-5, len(families), 0.1)
    assert max(rejected.values()) <= allowed


def test_a_wrong_model_is_found_out():
    """Random graphs have not the clusters of a caveman's."""
    drawn = [nx.gnm_random_graph(40, 60, seed=seed) for seed in range(99)]
    fit = goodness_of_fit(nx.connected_caveman_graph(10, 4), drawn)
    assert fit.p_values["transitivity"] == fit.p_values["average clustering"] == 0.02
    assert fit.p_values["mean degree"] == 1
    assert fit.observed["mean degree"] == 3
    assert fit.drawn["mean degree"].tolist() == [3.0] * 99


def test_no_graphs_are_refused():
    with pytest.raises(ValueError, match="drawn holds no graph"):
        goodness_of_fit(nx.path_graph(3), [])
