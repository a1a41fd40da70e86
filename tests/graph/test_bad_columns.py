"""Invalid tables of data raise an error that names the column."""

from fractions import Fraction

import numpy as np
import pytest

from ppgen.graph import DAG, GraphError
from ppgen.graph.testing import check_independencies as check

DATA = {"rain": [0, 1, 1, 0], "wet": [0.1, 0.7, 0.2, 0.3]}


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ({"a": [1], "b": [1]}, {}, "data has no columns 'rain', 'wet'; it has 'a', 'b'$"),
        ({"rain": [1, 2], "wett": [1, 2]}, {}, "data has no column 'wet'; did you mean 'wett'"),
        ({"rain": [1, 2], "wet": [1, 2, 3]}, {}, "different lengths: .*; expected one length"),
        ({"rain": [1.5, np.inf], "wet": [1.5, 2]}, {}, "column 'rain' contains infinity"),
        ({"rain": [None, np.nan], "wet": [1, 2]}, {}, "column 'rain' has only missing values"),
        ({"rain": np.array([{1}, {2}]), "wet": [1, 2]}, {}, "invalid entry: .*; expected numbers,"),
        ({"rain": [], "wet": []}, {}, "data has no observations"),
        ({"rain": [[1]], "wet": [[1]]}, {}, r"has shape \(1, 1\); expected one axis"),
        ({"rain": [[1], [1, 2]], "wet": [1, 2]}, {}, "column 'rain' cannot be read as an array"),
        (
            {"rain": [Fraction(10**400), 1], "wet": [1, 2]},
            {},
            "column 'rain' has too large a number",
        ),
        (np.zeros((5, 2)), {"names": ["wet", "wet"]}, "names is wet, wet; expected different"),
        (np.zeros((5, 3)), {}, r"shape \(5, 3\); expected \(observations, 2\)"),
        (DATA, {"kind": "normal"}, "kind is 'normal'; expected one of"),
        ({"rain": ["a"], "wet": ["b"]}, {"kind": "gaussian"}, "column '(rain|wet)' .* numbers"),
    ],
)
def test_invalid_data_raise_errors(data, options, message):
    with pytest.raises(GraphError, match=message):
        check(DAG("rain; wet"), data, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"level": 5}, ValueError, "level is 5; expected a number between 0 and 1"),
        ({"permutations": -1}, ValueError, "permutations is -1; expected a whole number, 0 or"),
        ({"permutations": 2.5}, TypeError, r"permutations is 2\.5; expected a whole number, 0 or"),
    ],
)
def test_invalid_options_raise_errors(options, error, message):
    with pytest.raises(error, match=message):
        check(DAG("rain; wet"), DATA, **options)
