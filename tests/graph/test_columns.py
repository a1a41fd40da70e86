"""Reading columns: what counts as states or numbers, and missing values."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from ppgen.graph import DAG, GraphError, Independence
from ppgen.graph.columns import joint, numbered, read_columns
from ppgen.graph.testing import check_independencies as check


def read(values, reading="auto"):
    return read_columns({"a": values}, ["a"], reading)["a"]


@pytest.mark.parametrize(
    ("values", "discrete"),
    [
        pytest.param(np.arange(20), True, id="20 whole numbers"),
        pytest.param(np.arange(21), False, id="21 whole numbers"),
        pytest.param(np.arange(20.0), True, id="20 whole floats"),
        pytest.param(np.arange(21.0), False, id="21 whole floats"),
        pytest.param([0.5, 1.0], False, id="a fraction"),
        pytest.param([True, False], True, id="booleans"),
        pytest.param([f"id{i}" for i in range(50)], True, id="text"),
        pytest.param([None, *range(30)], False, id="numbers as objects"),
        pytest.param(["a", 1, 2.5], True, id="text and numbers"),
        pytest.param(np.arange(31) + np.datetime64("2020-01-01"), False, id="dates"),
    ],
)
def test_whole_numbers_of_many_values_are_numbers_and_text_is_states(values, discrete):
    assert read(values).discrete is discrete


class Undecided:
    """Comparisons fail, as for a missing value of pandas."""

    def __ne__(self, other):
        raise TypeError


@pytest.mark.parametrize(
    "values",
    [
        np.array(["u", np.nan, "v", "u"], object),
        ["u", None, "v", "u"],
        np.array([1, np.nan, 2, 1], object),
        [1.5, np.nan, 2, 1.5],
        np.array([1, Undecided(), 2, 1], object),
        np.ma.array([1, 9, 2, 1], mask=[0, 1, 0, 0]),
        np.array(["2020-01-01", "NaT", "2020-01-02", "2020-01-01"], "datetime64[D]"),
    ],
    ids=["nan", "None", "numbers", "floats", "NA", "masked", "dates"],
)
def test_missing_values_are_found(values):
    column = read(values)
    assert column.missing.tolist() == [False, True, False, False]
    first, _, third, fourth = column.values
    assert first == fourth != third


def test_columns_of_pandas():
    pandas = pytest.importorskip("pandas")
    sizes = ["small", "large", None, "medium", "small"]
    order = ["small", "medium", "large"]
    frame = pandas.DataFrame(
        {
            "ordered": pandas.Categorical(sizes, order, ordered=True),
            "named": pandas.Categorical(sizes, order),
            "text": sizes,
            "whole": pandas.array([1, 3, None, 2, 1], dtype="Int64"),
        }
    )
    numbers = read_columns(frame, ["ordered", "whole"], "numbers")
    assert numbers["ordered"].values[[0, 1, 3, 4]].tolist() == [0, 2, 1, 0]
    columns = read_columns(frame, list(frame), "auto")
    for column in columns.values():
        assert column.discrete
        assert column.missing.tolist() == [False, False, True, False, False]
        assert len(set(column.values[[0, 1, 3]])) == 3
    for name in ("named", "text"):
        with pytest.raises(GraphError, match=f"column '{name}' has text or unordered categories"):
            read_columns(frame, [name], "numbers")


def test_periods_of_pandas_are_numbers():
    pandas = pytest.importorskip("pandas")
    months = pandas.Series(pandas.period_range("2020-01", periods=30, freq="M"))
    months[1] = pandas.NaT
    for periods in (months, pandas.PeriodIndex(months)):
        column = read(periods)
        assert not column.discrete
        assert np.flatnonzero(column.missing).tolist() == [1]
        np.testing.assert_array_equal(column.values - column.values[0], [0, np.nan, *range(2, 30)])


@pytest.mark.parametrize("how", ["with a gradient", "bfloat16", "sparse"])
def test_tensors_that_numpy_does_not_read(how):
    torch = pytest.importorskip("torch")
    values = torch.arange(4) / 4  # exact in eight bits
    tensor = {
        "with a gradient": values.clone().requires_grad_(),
        "bfloat16": values.bfloat16(),
        "sparse": values.to_sparse(),
    }[how]
    assert read(tensor).values.tolist() == values.tolist()
    table = torch.stack([values, values], 1).to(tensor.dtype).requires_grad_()
    assert check(DAG("a; b"), table, kind="mixed")[0].n == 4


def test_joint_states_are_those_of_the_tuples():
    rng = np.random.default_rng(0)
    columns = [read(rng.integers(0, 10**k, 200), "states") for k in (1, 2, 3)]
    tuples = list(zip(*(column.values for column in columns), strict=True))
    code = joint(columns, 200)
    assert sorted(set(code)) == list(range(len(set(tuples))))
    assert len(set(zip(code, tuples, strict=True))) == len(set(tuples))


@pytest.mark.parametrize("largest", [10, 10**9])
def test_numbered_is_the_rank_among_the_different_codes(largest):
    code = np.random.default_rng(0).integers(0, largest, 300)
    values, ranks = np.unique(code, return_inverse=True)
    found, codes = numbered(code)
    assert (found == ranks).all()
    assert (codes == values).all()


@pytest.mark.parametrize("kind", ["auto", "nonlinear"])
def test_a_statement_is_tested_on_its_complete_rows(kind):
    rng = np.random.default_rng(0)
    data = {name: rng.normal(size=200) for name in "ab"} | {"c": rng.integers(0, 3, 200) * 1.0}
    for i, column in enumerate(data.values()):
        column[10 * i : 10 * i + 15] = np.nan
    report = check(DAG("a; b -> c"), data, kind=kind)
    assert [(str(row.statement), row.n) for row in report] == [("a ⊥ b", 175), ("a ⊥ c | b", 165)]
    for row in report:
        names = sorted(row.statement.x | row.statement.y | row.statement.given)
        rows = ~np.isnan([data[name] for name in names]).any(0)
        complete = {name: data[name][rows] for name in names}
        assert check(DAG("a; b; c"), complete, [row.statement], kind=kind)[0].p_value == row.p_value
    assert "175 rows\n" in str(report)


def test_columns_without_common_rows_are_not_tested():
    report = check(DAG("a; b"), {"a": [1, None, 2, None], "b": [None, 1, None, 2]})
    assert str(report[0]) == "not tested: no row has values of all of a, b"
    assert not report.rejected


def test_ages_depend_on_their_copy():
    ages = np.random.default_rng(0).integers(18, 90, 300)
    report = check(DAG("a; b"), {"a": ages, "b": ages.copy()})
    assert report[0].method == "partial correlation"
    assert report[0].p_value < 1e-100


def test_dates_with_a_time_zone_are_times():
    pandas = pytest.importorskip("pandas")
    hours = np.random.default_rng(0).integers(0, 10_000, 50)
    zoned = pandas.Timestamp("2024-03-30", tz="Europe/Paris") + pandas.to_timedelta(hours, "h")
    for values in (pandas.Series(zoned), zoned, list(zoned.to_pydatetime()), [*zoned[:-1], None]):
        column = read(values)
        assert not column.discrete
        apart = np.diff(column.values)[: 48 if column.missing.any() else 49]
        np.testing.assert_allclose(
            apart / apart[0], (np.diff(hours) / np.diff(hours)[0])[: len(apart)]
        )
    assert not read([datetime.date(2024, 1, day) for day in range(1, 32)]).discrete


@pytest.mark.parametrize(
    ("values", "discrete"),
    [
        pytest.param(2**60 + np.arange(5), True, id="large whole numbers"),
        pytest.param(np.array([2**63 + 1, 2**63, 5], np.uint64), True, id="unsigned"),
        pytest.param([-(2**63), 2**63 - 1, 2**63 - 2], True, id="of either sign"),
        pytest.param([2**60, None, 2**60 + 1], True, id="with a missing one"),
        pytest.param([2**70, 2**70 + 1, -1], True, id="larger than any type of numpy"),
        pytest.param([2**2000 + i for i in range(30)], False, id="huge"),
        pytest.param([Decimal("0.1"), Decimal("0.2")], False, id="decimals"),
        pytest.param([Fraction(1, 3), Fraction(2, 3)], False, id="fractions"),
        pytest.param(np.ma.masked_array(["u", "v", "w"], [False, False, True]), True, id="masked"),
    ],
)
def test_values_that_floats_cannot_hold_stay_apart(values, discrete):
    column = read(values)
    assert column.discrete is discrete
    masked = np.ma.getmaskarray(np.ma.array(values))
    gone = [value is None or hidden for value, hidden in zip(values, masked, strict=True)]
    assert column.missing.tolist() == gone
    assert len(set(column.values[~column.missing])) == len(gone) - sum(gone)


def test_complex_numbers_are_refused():
    with pytest.raises(GraphError, match="column 'a' has complex numbers"):
        read([1j, 2])


@pytest.mark.parametrize("kind", ["gaussian", "nonlinear"])
@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_units_do_not_matter(kind, unit):
    data = dict(zip("abc", np.random.default_rng(0).normal(size=(3, 100)), strict=True))
    statement = Independence("a", "b", "c")
    scaled = {name: unit * column for name, column in data.items()}
    found, expected = (check(DAG("a; b; c"), d, [statement], kind=kind)[0] for d in (scaled, data))
    assert found.p_value == pytest.approx(expected.p_value)
