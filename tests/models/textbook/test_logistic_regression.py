"""Logistic regression, and the linear program that decides whether its optimum exists."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression as Sklearn

from ppgen.inference import NoMaximumError, maximum_likelihood
from ppgen.inference.recession import recession
from ppgen.models import LogisticRegression


def problem(n=100, covariates=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    design = torch.randn(n, covariates, generator=generator, dtype=torch.float64)
    y = torch.bernoulli(torch.sigmoid(design.sum(1)), generator=generator)
    return y, design


def test_newton_equals_scikit_learn():
    y, design = problem()
    found = maximum_likelihood(LogisticRegression(3).double(), (y, design))
    peer = Sklearn(C=np.inf, fit_intercept=False, solver="newton-cholesky", tol=1e-12)
    peer.fit(design.numpy(), y.numpy())
    expected = torch.from_numpy(peer.coef_[0])
    torch.testing.assert_close(found.program.weights.detach(), expected, rtol=1e-8, atol=1e-10)


def test_information_is_the_weighted_cross_product():
    y, design = problem()
    found = maximum_likelihood(LogisticRegression(3).double(), (y, design))
    p = torch.sigmoid(design @ found.program.weights.detach())
    torch.testing.assert_close(found.information, design.mT @ ((p * (1 - p))[:, None] * design))


def separating_direction(y, design):
    """Return weights along which no term falls, by the scores (y − p) · design; or None."""

    def scores(weights):
        return (y - torch.sigmoid(design @ weights))[:, None] * design

    start = torch.zeros(design.shape[1]).double()
    return recession(scores, start, start)


def on_a_line(y, s):
    """Return whether a threshold separates two classes on a line, perhaps with points on it."""
    low, high = s[y == 0], s[y == 1]
    if not len(low) or not len(high):
        return True
    return bool(low.max() <= high.min() or high.max() <= low.min())


@given(st.lists(st.tuples(st.booleans(), st.integers(-4, 4)), min_size=2, max_size=8))
@settings(deadline=None, max_examples=100)
def test_separable_on_a_line(rows):
    y, s = torch.tensor(rows).double().T
    if len(s.unique()) == 1:  # a singular design
        s[0] += 1
    design = torch.stack([s, torch.ones_like(s)], dim=1)
    direction = separating_direction(y, design)
    assert (direction is not None) == on_a_line(y, s)
    if direction is not None:
        margins = (2 * y - 1) * (design @ direction)
        assert margins.min() > -1e-5
        assert margins.max() > 0


def test_units_of_covariates_change_nothing():
    y, design = problem()
    separable = (design[:, 0] > 0).double()
    units = torch.tensor([1e-9, 1.0, 1e9]).double()
    assert separating_direction(y, design * units) is None
    direction = separating_direction(separable, design * units)
    assert (((2 * separable - 1) * (design * units @ direction)) >= -1e-12).all()
    found = maximum_likelihood(LogisticRegression(3).double(), (y, design))
    scaled = maximum_likelihood(LogisticRegression(3).double(), (y, design * units))
    torch.testing.assert_close(scaled.program.weights * units, found.program.weights)


def test_one_point_on_its_own_separates_almost():
    """The weight of a covariate that one row has is infinite; the others are finite."""
    y, design = problem()
    design = torch.cat([design, (torch.arange(len(y)) == 5)[:, None].double()], dim=1)
    with pytest.raises(NoMaximumError, match=r"its maximum lies at infinity.*weights\[3\]"):
        maximum_likelihood(LogisticRegression(4).double(), (y, design))
