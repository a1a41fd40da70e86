"""Invalid arguments of likelihoods."""

import math
from functools import partial

import pytest

from ppgen.likelihoods import (
    Beta,
    Categorical,
    DiscretizedLogisticMixture,
    Gaussian,
    HomoscedasticGaussian,
    LogitNormal,
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Categorical(1), "levels is 1; expected a whole number, 2 or more"),
        (
            lambda: DiscretizedLogisticMixture(2, 1),
            "levels is 1; expected a whole number, 2 or more",
        ),
        (
            lambda: DiscretizedLogisticMixture(0),
            "components is 0; expected a whole number, 1 or more",
        ),
        (lambda: Gaussian(0), "variance_floor is 0; expected a positive number"),
        (lambda: Gaussian(math.nan), "variance_floor is nan; expected a positive number"),
        (lambda: HomoscedasticGaussian(0.1, -1), "variance_floor is -1; expected a positive"),
        (lambda: HomoscedasticGaussian(1e-7), "variance is 1e-07; expected more than the variance"),
        (lambda: LogitNormal(-1), "variance_floor is -1; expected a positive number"),
        (lambda: Beta(0), "floor is 0; expected a positive number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make", [Categorical, partial(DiscretizedLogisticMixture, 2)], ids=["categorical", "mixture"]
)
@pytest.mark.parametrize("levels", [17.0, "17", None])
def test_levels_that_are_no_whole_number_are_refused(make, levels):
    with pytest.raises(TypeError, match=f"levels is {levels!r}; expected a whole number"):
        make(levels)
