"""What a report says about latent nodes and about statements that cannot be tested."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from oracles import random_graphs

from ppgen.graph import DAG, statement_tests
from ppgen.graph.conditional_tests import ConditionalTest
from ppgen.graph.report import Outcome
from ppgen.graph.testing import check_independencies as check


def numbers(dag, n=100):
    rng = np.random.default_rng(0)
    return {node: rng.normal(size=n) for node in dag.observed}


@settings(deadline=None)
@drawn(random_graphs(2, 6), st.data())
def test_every_pair_is_tested_or_named(graph, data):
    latent = data.draw(st.sets(st.sampled_from(sorted(graph)), max_size=3))
    dag = DAG(graph, latent=latent)
    report = check(dag, numbers(dag))
    tested = [frozenset(row.statement.x | row.statement.y) for row in report]
    separable = {frozenset(s.x | s.y) for s in dag.independencies()}
    assert set(tested) == separable
    assert len(tested) == len(separable)
    assert all(dag.d_separated(s.x, s.y, s.given) for s in (row.statement for row in report))
    apart = {
        frozenset(pair)
        for pair in combinations(dag.observed, 2)
        if not (graph.has_edge(*pair) or graph.has_edge(*reversed(pair)))
    }
    assert set(map(frozenset, report.inseparable)) == apart - separable


def test_without_latent_nodes_the_basis_is_tested():
    dag = DAG("a -> b -> c; a -> d")
    assert [row.statement for row in check(dag, numbers(dag))] == list(dag.basis_independencies())


def test_statements_with_latent_parents_are_tested_another_way():
    dag = DAG("x <-> y; y -> z")
    report = check(dag, numbers(dag))
    assert [str(row.statement) for row in report] == ["x ⊥ z | y"]
    assert "0 of 1 statements rejected at level 0.05, no observed nodes separate x and y" in str(
        report
    )


@pytest.mark.parametrize("edges", ["x <-> y", "x <-> y; y <-> z; x <-> z"])
def test_nothing_to_test_does_not_read_as_nothing_rejected(edges):
    dag = DAG(edges)
    text = str(check(dag, numbers(dag)))
    assert text.startswith("nothing was tested, no observed nodes separate x and y")
    assert "rejected" not in text


def test_pairs_beyond_the_first_are_counted():
    nodes = "abcd"
    dag = DAG("; ".join(f"{x} <-> {y}" for x, y in combinations(nodes, 2)))
    assert "separate a and b; a and c; a and d; b and c; b and d; 1 more pairs" in str(
        check(dag, numbers(dag))
    )


def test_constant_columns_are_named_and_do_not_count():
    dag = DAG("a; b; c")
    data = numbers(dag) | {"b": np.full(100, 0.1)}
    report = check(dag, data)
    assert [row.tested for row in report] == [False, True, False]
    assert str(report[0]) == "not tested: b is constant"
    assert report[1].corrected == report[1].p_value  # the others cost nothing
    assert "0 of 1 statements rejected at level 0.05, 2 could not be tested" in str(report)
    assert "nothing was tested, 1 could not be tested" in str(check(DAG("a; b"), data))


def test_too_few_rows_are_not_tested():
    report = check(DAG("a; b"), {"a": [1.5, 2, None, 4], "b": [1.5, 3, 7, None]})
    assert str(report[0]) == "not tested: 2 rows are too few for 2 columns"


def test_states_that_never_vary_together_are_not_tested():
    z = np.arange(100) % 2
    x = np.where(z, np.arange(100) // 2 % 2, 0)
    report = check(DAG("z -> x; z -> y"), {"x": x, "y": np.where(z, 0, x[::-1]), "z": z})
    assert str(report[0]) == "not tested: given z, x and y never vary together"


def test_a_test_is_one_class_in_the_registry(monkeypatch):
    class Always(ConditionalTest):
        def __call__(self, x, y, given, draws):
            return Outcome("always", 1.0, None, draws.threshold / 2, "nothing")

    monkeypatch.setitem(statement_tests.TESTS, "always", Always)
    dag = DAG("a; b; c")
    report = check(dag, numbers(dag), kind="always")
    assert len(report.rejected) == 3
    assert str(report[0]) == "always 1.00 (nothing), p 0.0083, corrected 0.025  REJECTED"


def test_each_statement_has_the_test_of_its_columns():
    rng = np.random.default_rng(0)
    data = {"a": rng.normal(size=99), "b": rng.normal(size=99)}
    data |= {"c": rng.integers(2, size=99), "d": rng.integers(2, size=99)}
    methods = {str(row.statement): row.method for row in check(DAG("a; b; c; d"), data)}
    assert methods["a ⊥ b"] == "partial correlation"
    assert methods["a ⊥ c"] == "covariance of residuals"
    assert methods["c ⊥ d"] == "G"
