"""Tests by products of residuals: their statistic, what they find, their error rates."""

import numpy as np
import pytest

from ppgen.graph import DAG, Independence
from ppgen.graph.columns import read_columns
from ppgen.graph.residual_products import Regression
from ppgen.graph.testing import check_independencies as check

EMPTY = DAG("x; y; z; u; v")


def columns(**values):
    return list(read_columns(values, list(values), "auto").values())


def row(data, kind="auto"):
    return check(EMPTY, data, [Independence("x", "y", set(data) - {"x", "y"})], kind=kind)[0]


# regressions


def test_residuals_given_states_are_deviations_from_their_means():
    rng = np.random.default_rng(0)
    z, u, values = rng.integers(0, 3, 200), rng.integers(0, 4, 200), rng.normal(size=(200, 2))
    expected = values.copy()
    for state in set(zip(z, u, strict=True)):
        rows = (z == state[0]) & (u == state[1])
        expected[rows] -= values[rows].mean(0)
    assert Regression(columns(z=z, u=u), 200).residuals(values)[0] == pytest.approx(expected)


@pytest.mark.parametrize("given", [1, 2, 3])
def test_quadratic_functions_of_numbers_leave_no_residual(given):
    rng = np.random.default_rng(0)
    z, state = rng.normal(5, 2, size=(300, given)), rng.integers(0, 3, 300)
    values = 3 + z.sum(1) ** 2 - z[:, 0] + np.array([0, 5, -20])[state]
    known = columns(state=state, **{f"z{i}": z[:, i] for i in range(given)})
    assert not Regression(known, 300).residuals(values[:, None])[0].any()


def test_smooth_functions_of_numbers_leave_little():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, 2))
    known = columns(z=z[:, 0], u=z[:, 1])
    for smooth in (
        np.sin(3 * z[:, 0]),
        np.exp(z[:, 1]),
        np.abs(z).sum(1),
        1 / (1 + np.exp(-3 * z.sum(1))),
    ):
        rest = Regression(known, 1000).residuals(smooth[:, None])[0]
        assert rest.std() < 0.1 * smooth.std()


# the statistic


def test_without_given_columns_the_statistic_is_whites():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2, 300), rng.normal(size=300)
    products = (x - x.mean()) * (y - y.mean())
    expected = products.sum() ** 2 / (products**2).sum() * (1 - 1 / 300)
    result = row({"x": x, "y": y})
    assert (result.method, result.freedom) == ("covariance of residuals", 1)
    assert result.statistic == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["mixed", "nonlinear"])
def test_sides_units_and_names_of_states_change_nothing(kind):
    rng = np.random.default_rng(0)
    data = {"x": rng.integers(0, 3, 200), "y": rng.normal(size=200), "z": rng.normal(size=200)}
    expected = row(data, kind)
    for change in (
        {"x": data["y"], "y": data["x"]},
        {"y": 1e6 - 1e3 * data["y"]},
        {"z": 7 + data["z"] / 1e3},
        {"x": np.array(["one", "two", "three"])[data["x"]]},
    ):
        assert row(data | change, kind).statistic == pytest.approx(expected.statistic, rel=1e-3)


@pytest.mark.parametrize("kind", ["mixed", "nonlinear"])
def test_what_the_given_columns_determine_is_not_tested(kind):
    rng = np.random.default_rng(0)
    data = {"x": rng.integers(0, 2, 100), "z": rng.normal(size=100)}
    result = row(data | {"y": 3 * data["z"] - 1}, kind)
    assert not result.tested
    assert str(result) == "not tested: given z, x and y never vary together"


def test_a_column_of_many_states_has_those_that_are_common():
    rng = np.random.default_rng(0)
    names = np.array([f"id{i}" for i in rng.integers(0, 500, 1000)])
    result = row({"x": names, "y": rng.normal(size=1000)})
    assert result.freedom == 20
    assert result.p_value > 0.001


# what is found


def noise(rng, n):
    return rng.normal(size=(2, n))


DEPENDENT = {
    "x²": lambda e, f: (e, 0.7 * e**2 + f),
    "variance": lambda e, f: (e, f * np.exp(e)),
    "|x|": lambda e, f: (np.abs(e), np.sign(f) * np.abs(e)),
    "linear": lambda e, f: (e, 0.5 * e + f),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_dependence_that_is_not_linear_is_found(name):
    rng = np.random.default_rng(0)
    z = rng.normal(size=300)
    x, y = DEPENDENT[name](*noise(rng, 300))
    data = {"x": z**2 + x, "y": np.sin(2 * z) + y, "z": z}
    assert row(data, "nonlinear").p_value < 1e-4
    assert row({"x": x, "y": y}, "nonlinear").p_value < 1e-4


def test_means_that_differ_between_states_are_found():
    rng = np.random.default_rng(0)
    z, x = rng.normal(size=400), rng.integers(0, 3, 400)
    data = {"x": x, "y": z**2 + np.array([0, 0.8, -0.5])[x] + rng.normal(size=400), "z": z}
    assert row(data).p_value < 1e-4
    assert row(data | {"y": (data["y"] > 1).astype(int)}).p_value < 0.01


# error rates


def logistic(rng, z):
    return (rng.random(len(z)) < 1 / (1 + np.exp(-z))).astype(int)


def quadratic(rng, n):
    z, (e, f) = rng.normal(size=n), noise(rng, n)
    return {"x": z**2 + 0.5 * e, "y": z**2 + 0.5 * f, "z": z}


def proportions(rng, n):
    z = rng.normal(size=(n, 2))
    x, y = (logistic(rng, 3 * z.sum(1)) for _ in range(2))
    return {"x": x, "y": y, "z": z[:, 0], "u": z[:, 1]}


def variances(rng, n):
    z, (e, f) = rng.integers(0, 4, n), noise(rng, n)
    return {"x": logistic(rng, z - 1.5 + 0 * e), "y": z + (1 + z) * f, "z": z}


def slopes(rng, n):
    z, u, (e, f) = rng.normal(size=n), rng.integers(0, 3, n), noise(rng, n)
    mean = np.array([-1, 1, 2])[u] * z
    return {"x": mean + e, "y": np.digitize(mean + f, [-1, 1]), "z": z, "u": u}


@pytest.mark.parametrize(
    ("draw", "kind"),
    [
        (quadratic, "nonlinear"),
        (lambda rng, n: dict(zip("xy", noise(rng, n), strict=True)), "nonlinear"),
        (proportions, "auto"),
        (variances, "auto"),
        (slopes, "auto"),
    ],
    ids=["quadratic", "without given", "proportions", "variances", "slopes"],
)
def test_the_rate_of_false_rejections_is_the_level(draw, kind):
    rng = np.random.default_rng(0)
    rejected = [row(draw(rng, 200), kind).p_value < 0.05 for _ in range(300)]
    # Within four standard errors: 1 of 16,000 seeds fails.
    assert np.mean(rejected) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 300))


@pytest.mark.parametrize("kind", ["mixed", "nonlinear"])
def test_few_rows_are_not_tested_or_keep_the_level(kind):
    rng = np.random.default_rng(0)
    for n in range(3, 12):
        drawn = [rng.normal(size=(3, n)) for _ in range(100)]
        rows = [row({"x": z + x, "y": z + y, "z": z}, kind) for x, y, z in drawn]
        assert any(one.tested for one in rows) or n < 10
        # Of 100 p-values, 16 below 0.05 are seen once in 20,000 times.
        assert sum(one.p_value < 0.05 for one in rows) < 16


def test_the_partial_correlation_rejects_what_is_not_linear():
    rng = np.random.default_rng(0)
    assert row(quadratic(rng, 200)).p_value < 1e-6
