"""Constant and linearly dependent columns carry no information; offsets change no result."""

import numpy as np
import pytest

from ppgen.graph import DAG
from ppgen.graph.conditional_tests import bartlett
from ppgen.graph.testing import check_independencies as check


def test_columns_without_variance_are_independent_of_everything():
    rng = np.random.default_rng(0)
    a = rng.normal(size=50)
    data = {"a": a, "b": np.full(50, 0.1), "c": 3 * a}
    assert check(DAG("a; b"), data)[0].p_value == 1
    # c is a multiple of a, so it adds nothing about d.
    assert check(DAG("a -> c; a -> d"), data | {"d": a + rng.normal(size=50)})[0].p_value == 1
    assert check(DAG("a; b"), {"a": [0, 1, 0], "b": [1, 1, 1]})[0].p_value == 1


def with_redundant_column(x, rng, how):
    """A side with one more column that adds no information."""
    more = {
        "duplicate": 2 * x[:, :1] + 5,
        "far duplicate": x[:, :1] / 3 + 1e8,
        "constant": np.full((len(x), 1), 0.1),
        "sum": x @ rng.normal(size=(x.shape[1], 1)),
    }
    return np.hstack([x, more[how]])


@pytest.mark.parametrize("how", ["duplicate", "far duplicate", "constant", "sum"])
def test_redundant_columns_change_no_test_of_sets(how):
    rng = np.random.default_rng(0)
    for _ in range(20):
        given = rng.normal(size=(50, 2))
        x, y = (given @ rng.normal(size=(2, k)) + rng.normal(size=(50, k)) for k in (2, 3))
        expected = bartlett(x, y, given)
        result = bartlett(
            with_redundant_column(x, rng, how), with_redundant_column(y, rng, how), given
        )
        assert result == pytest.approx(expected, rel=1e-5)


def test_sides_that_the_given_columns_explain_are_independent():
    rng = np.random.default_rng(0)
    z = rng.normal(size=100)
    data = {"z": z, "c": 2 * z, "d": 3 * z + 1, "e": z + rng.normal(size=100)}
    dag = DAG("z -> c; z -> d; z -> e")
    report = check(dag, data, dag.local_independencies())
    assert {(row.statistic, row.freedom, row.p_value) for row in report} == {(0, 0, 1)}


@pytest.mark.parametrize("offset", [0, 1e6, 1e11])
def test_an_offset_hides_no_dependence(offset):
    z = np.random.default_rng(0).normal(size=100)
    assert check(DAG("a; b"), {"a": z + offset, "b": z})[0].p_value < 1e-50
    many = np.full(10**6, 0.1 + offset)  # the sum is inexact
    assert check(DAG("a; b"), {"a": many, "b": many}, kind="gaussian")[0].p_value == 1
