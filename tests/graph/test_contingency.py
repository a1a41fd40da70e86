"""The G-test: its statistic, its permutations against all that there are, its error rates."""

from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from scipy import stats

from ppgen.graph import DAG, Independence, contingency
from ppgen.graph.contingency import Tables
from ppgen.graph.testing import check_independencies as check

EMPTY = DAG("x; y; z; u; v; w")


def statement(data):
    return Independence("x", "y", set(data) - {"x", "y"})


def test_g_is_the_sum_of_scipys_over_the_strata():
    rng = np.random.default_rng(0)
    x, y, given = rng.integers(0, 3, 2000), rng.integers(0, 4, 2000), rng.integers(0, 3, 2000)
    expected, freedom, least = 0.0, 0, []
    for s in range(3):
        counts = np.histogram2d(x[given == s], y[given == s], bins=[3, 4])[0]
        result = stats.chi2_contingency(counts, correction=False, lambda_="log-likelihood")
        expected, freedom = expected + result.statistic, freedom + result.dof
        least.append(result.expected_freq.min())
    tables = Tables(x, y, given)
    assert (tables.g, tables.freedom) == (pytest.approx(expected), freedom)
    assert tables.smallest_expected == pytest.approx(min(least))
    row = check(EMPTY, {"x": x, "y": y, "z": given}, [Independence("x", "y", "z")])[0]
    assert (row.source, row.p_value) == ("χ²", pytest.approx(stats.chi2.sf(expected, freedom)))


def test_empty_rows_and_columns_have_no_degrees_of_freedom():
    x = np.array([0, 0, 1, 1, 0, 0, 0, 2, 1])
    y = np.array([0, 1, 0, 1, 0, 1, 2, 0, 0])
    given = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2])  # 2×2, then 2×3, then a single cell
    assert Tables(x, y, given).freedom == 1 + 2 + 0


columns = st.integers(1, 30).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 3), min_size=n, max_size=n) for _ in range(3)))
)


@drawn(columns)
def test_sides_names_of_states_and_order_of_rows_are_nothing_to_g(columns):
    x, y, z = map(np.array, columns)
    z = np.unique(z, return_inverse=True)[1]
    tables = Tables(x, y, z)
    for other in (Tables(y, x, z), Tables(3 - x, y, z), Tables(x[::-1], y[::-1], z[::-1])):
        assert (other.g, other.freedom) == (pytest.approx(tables.g), tables.freedom)
        assert other.smallest_expected == pytest.approx(tables.smallest_expected)


X, Y, Z = (
    np.array(column)
    for column in (
        [0, 0, 1, 1, 2, 0, 1, 1, 0, 1],
        [0, 1, 1, 2, 2, 0, 1, 1, 0, 1],
        [0] * 5 + [1] * 5,
    )
)


def all_permutations():
    """Probability of each value of G under permutations of Y within each state of Z."""
    first, second = (Counter(permutations(Y[s == Z])) for s in (0, 1))
    found = Counter()
    for (a, m), (b, n) in product(first.items(), second.items()):
        found[round(Tables(X, np.array(a + b), Z).g, 6)] += m * n
    return {value: count / sum(found.values()) for value, count in found.items()}


@pytest.mark.parametrize("cells", [contingency.CELLS, 0], ids=["cell by cell", "shuffled"])
def test_draws_have_the_distribution_of_all_permutations(cells, monkeypatch):
    monkeypatch.setattr(contingency, "CELLS", cells)
    expected = all_permutations()
    draw, _ = Tables(X, Y, Z).permutations()
    found = Counter(np.round(draw(4000), 6).tolist())
    assert found.keys() <= expected.keys()
    # The smallest of 2 p-values; another seed would fail once in 1,000.
    observed = [found[value] for value in expected]
    assert stats.chisquare(observed, 4000 * np.array(list(expected.values()))).pvalue > 5e-4


def test_p_values_are_those_of_all_permutations():
    data = {"x": X, "y": Y, "z": Z}
    observed = round(Tables(X, Y, Z).g, 6)
    chances = all_permutations()
    exact = sum(p * (0.5 if g == observed else g > observed) for g, p in chances.items())
    assert 0.01 < exact < 0.2
    row = check(EMPTY, data, [statement(data)])[0]
    # Within four standard errors of the twenty draws that end the sequence.
    assert row.p_value == pytest.approx(exact, rel=4 / np.sqrt(20))
    assert row.source.endswith(" permutations")


def test_tables_that_no_permutation_changes_are_not_tested():
    names = [f"{i}" for i in range(60)]
    report = check(EMPTY, {"x": names, "y": names}, [Independence("x", "y")])
    assert not report[0].tested
    assert "nothing was tested" in str(report)
    pairs = {"x": [0, 1] * 30, "y": [1, 0] * 30, "z": [f"{i // 2}" for i in range(60)]}
    assert not check(EMPTY, pairs, [statement(pairs)])[0].tested
    again = {"x": [*names, "0"], "y": [*names, "0"]}
    assert check(EMPTY, again, [Independence("x", "y")])[0].tested


def test_many_statements_have_more_permutations():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, 60)
    data = {"x": x, "y": x ^ (rng.random(60) < 0.02), "z": rng.integers(0, 5, 60)}
    alone = check(EMPTY, data, [statement(data)])[0].p_value
    among = check(EMPTY, data, [statement(data)] * 500)
    assert 0.05 / 500 < alone < 0.05
    assert among[0].corrected < 0.05


def test_a_table_of_many_states_takes_no_more_memory_than_its_rows():
    rng = np.random.default_rng(0)
    names = {name: [f"id{i}" for i in rng.integers(0, 3000, 5000)] for name in "xy"}
    row = check(EMPTY, names, [statement(names)], permutations=30)[0]
    assert 0 < row.p_value < 1
    names["y"] = names["x"]
    assert check(EMPTY, names, [statement(names)], permutations=99)[0].p_value == 0.01


# error rates


def null(n, states, given, rng):
    x, y = rng.integers(states, size=(2, n))
    return {"x": x, "y": y} | {name: rng.integers(2, size=n) for name in "zuvw"[:given]}


@pytest.mark.parametrize(
    ("n", "states", "given"),
    [
        (50, 3, 1),
        (200, 3, 3),
        (100, 5, 2),
        pytest.param(300, 5, 4, marks=pytest.mark.slow),
        (2000, 3, 1),
    ],
)
def test_the_rate_of_false_rejections_is_the_level(n, states, given):
    rng = np.random.default_rng(0)
    rejected = 0
    for _ in range(300):
        data = null(n, states, given, rng)
        rejected += not check(EMPTY, data, [statement(data)])[0].holds
    # Within four standard errors: 1 of 16,000 seeds fails.
    assert rejected / 300 == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 300))


def network_data(dag, n, rng, concentration):
    """Rows of a network of three states whose tables are drawn, with rare states."""
    data = {}
    for node in dag.order:
        parents = dag.in_order(dag.parents(node))
        table = rng.dirichlet([concentration] * 3, [3] * len(parents)).cumsum(-1)
        chances = np.broadcast_to(table[tuple(data[p] for p in parents)], (n, 3))
        data[node] = (rng.random((n, 1)) > chances[:, :2]).sum(1)
    return data


@pytest.mark.slow
def test_false_rejections_over_sparse_tables_stay_below_the_level():
    # Expected for at most 3 of 60 tables; 1 of 2,000 seeds has more than 9.
    dag = DAG("a -> c <- b; c -> d; c -> e; d -> f <- e; b -> g; g -> h <- f; a -> h")
    rng = np.random.default_rng(0)
    alarms = sum(bool(check(dag, network_data(dag, 500, rng, 0.5)).rejected) for _ in range(60))
    assert alarms <= 9


def test_permutations_find_what_g_finds():
    rng = np.random.default_rng(0)
    found = {"permutations": 0, "χ²": 0}
    for _ in range(300):
        data = null(800, 3, 1, rng)
        data["y"] = np.where(rng.random(800) < 0.08, data["x"], data["y"])
        x, y, z = (data[name] for name in "xyz")
        tables = Tables(x, y, z)
        assert tables.smallest_expected >= contingency.EXPECTED  # so χ² is right
        draw, _ = tables.permutations()
        found["permutations"] += (draw(999) >= tables.g).mean() < 0.05
        found["χ²"] += stats.chi2.sf(tables.g, tables.freedom) < 0.05
    # They decide alike but for the Monte Carlo error of p-values near the level.
    assert 100 < found["χ²"] < 290
    assert abs(found["permutations"] - found["χ²"]) <= 10
