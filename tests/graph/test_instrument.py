import json
import random
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from oracles import covariance, effects, is_open, proper_paths, random_graph, seeds, subsets

from ppgen.graph import DAG, GraphError

DAGITTY = json.loads((Path(__file__).parent / "dagitty_adjustment.json").read_text())


def confounded(seed):
    """A random DAG with latent nodes, one of them above the cause x and the effect y."""
    generator = random.Random(seed)
    graph = random_graph(seed, 3, 6)
    order = list(nx.topological_sort(graph))
    x, y = generator.choice([order[-2:], sorted(generator.sample(order, 2), key=order.index)])
    if generator.random() < 0.7:
        graph.add_edges_from([("u", x), ("u", y)])
    rest = [n for n in graph if n not in (x, y, "u")]
    latent = set(generator.sample(rest, generator.choice([0, 0, 1]))) | (set(graph) & {"u"})
    return graph, x, y, latent


def valid(graph, node, x, y, known):
    """A conditional instrument by its definition, path by path."""
    causal, _ = proper_paths(graph, {x}, {y})
    between = {n for path in causal for n in path} - {x}
    if known & between.union(*(nx.descendants(graph, n) for n in between)):
        return False
    cut = graph.copy()
    cut.remove_edges_from(path[:2] for path in causal)
    skeleton = graph.to_undirected()
    if not any(is_open(graph, path, known) for path in nx.all_simple_paths(skeleton, node, x)):
        return False
    skeleton = cut.to_undirected()
    return not any(is_open(cut, path, known) for path in nx.all_simple_paths(skeleton, node, y))


@settings(max_examples=150, deadline=None, database=None)
@given(seeds)
def test_instruments_of_random_dags(seed):
    graph, x, y, latent = confounded(seed)
    dag = DAG(graph, latent=latent)
    found = {instrument.node: instrument.given for instrument in dag.instruments(x, y)}
    cut = dag.graph.copy()
    causal, _ = proper_paths(graph, {x}, {y})
    cut.remove_edges_from(path[:2] for path in causal)
    possible = set()
    for node in set(dag.observed) - {x, y}:
        pool = set(dag.observed) - {x, y, node}
        above = nx.ancestors(cut, node) | nx.ancestors(cut, y)
        every = [s for s in subsets(pool) if valid(graph, node, x, y, s)]
        for s in subsets(pool):
            assert dag.explain_instrument(node, x, y, s).valid is (s in every)
        ancestral = [s for s in every if s <= above]
        assert (node in found) is bool(ancestral)
        if ancestral:
            assert found[node] in ancestral
            assert not any(s < found[node] for s in ancestral)
        explanation = dag.explain_instrument(node, x, y)
        assert explanation.valid is bool(ancestral)
        possible |= {node} if every else set()
    # There is an instrument if there is one for any set, but not for each of them.
    assert bool(found) is bool(possible)
    assert set(found) <= possible


@settings(max_examples=60, deadline=None, database=None)
@given(seeds)
def test_nodes_that_have_to_be_given_and_nodes_that_can_be(seed):
    graph, x, y, latent = confounded(seed)
    dag = DAG(graph, latent=latent)
    pool = sorted(set(dag.observed) - {x, y})
    among, must = pool[::2], set(pool[1:2])
    for instrument in dag.instruments(x, y, among=among, must=must):
        assert must <= instrument.given <= must | set(among)
        assert valid(graph, instrument.node, x, y, instrument.given)


@settings(max_examples=150, deadline=None, database=None)
@given(seeds)
def test_instruments_give_the_effect_in_linear_models(seed):
    graph, x, y, latent = confounded(seed)
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, (len(graph), len(graph)))
    truth = effects(graph, weights, {x}, {y}).item()
    variance, _, index = covariance(graph, weights)
    for instrument in DAG(graph, latent=latent).instruments(x, y):
        known = [index[n] for n in instrument.given]
        chosen = [index[n] for n in (instrument.node, x, y)]
        explained = np.linalg.solve(variance[np.ix_(known, known)], variance[np.ix_(known, chosen)])
        left = variance[np.ix_(chosen, chosen)] - variance[np.ix_(chosen, known)] @ explained
        assert left[0, 2] / left[0, 1] == pytest.approx(truth, abs=1e-8)


def test_the_answers_of_dagitty():
    """It drops an instrument if the set that it finds has the cause in it; others are the same."""
    found = 0
    for case in DAGITTY:
        if "instruments" in case:
            graph = nx.DiGraph([edge.split(">") for edge in case["edges"].split()])
            dag = DAG(graph, latent=case["latent"].split())
            instruments = [
                i.node for i in dag.instruments(case["exposure"], case["outcome"], must=())
            ]
            assert set(case["instruments"]) <= set(instruments)
            assert bool(case["instruments"]) is bool(instruments)
            found += bool(instruments)
    assert found > 10


def test_text_of_an_invalid_instrument():
    dag = DAG("w [latent]; w -> z -> x -> y; w -> y; x <-> y")
    assert str(dag.explain_instrument("z", "x", "y")) == (
        "z is not an instrument for the effect of x on y\n"
        "  yes: no node that is conditioned on is on a causal path or below one\n"
        "  yes: z and x depend on each other\n"
        "    z → x is open\n"
        "  no: without the causal paths, z and y are independent\n"
        "    z ← w → y is open\n"
        "      w: a fork, not known"
    )
    assert list(dag.instruments("x", "y")) == []


def test_invalid_queries_raise_errors():
    dag = DAG("z -> x -> y; x <-> y")
    with pytest.raises(GraphError, match=r"^effect is x, z; expected one node, for an instrument"):
        dag.instruments("y", ["x", "z"])
    with pytest.raises(GraphError, match=r"^cause and node both contain x"):
        dag.explain_instrument("x", "x", "y")
    with pytest.raises(GraphError, match=r"^node is 'z'; expected one node that is not in given"):
        dag.explain_instrument("z", "x", "y", "z")
    with pytest.raises(GraphError, match=r"^node contains latent nodes"):
        dag.explain_instrument("U(x, y)", "x", "y")
