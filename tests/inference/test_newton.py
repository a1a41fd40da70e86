"""Newton's method: optima that are known, and functions that have none."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import softplus

from ppgen.inference import NoMaximumError, maximise


def zeros(n):
    return torch.zeros(n, dtype=torch.float64)


def logistic(y, design):
    return lambda w: -softplus(-(2 * y - 1) * (design @ w)).sum()


@given(st.integers(1, 5), st.integers(0, 100), st.floats(-5, 5))
@settings(deadline=None, max_examples=20)
def test_a_quadratic_takes_one_step_in_any_units(n, seed, exponent):
    generator = torch.Generator().manual_seed(seed)
    root, top = torch.randn(2, n, n, generator=generator, dtype=torch.float64)
    units = torch.ones(n, dtype=torch.float64)
    units[0] = 10**exponent
    curvature = units[:, None] * (root @ root.mT + torch.eye(n)) * units
    top = top[0] / units
    found = maximise(lambda x: -(x - top) @ curvature @ (x - top) / 2, zeros(n))
    torch.testing.assert_close(found.point, top, rtol=1e-8, atol=0)
    torch.testing.assert_close(found.hessian, -curvature)
    assert found.iterations <= 2


def test_the_value_never_falls():
    def rosenbrock(x):
        return -((1 - x[0]) ** 2) - 100 * (x[1] - x[0] ** 2) ** 2

    found = maximise(rosenbrock, torch.tensor([-1.2, 1.0], dtype=torch.float64))
    torch.testing.assert_close(found.point, torch.ones(2).double(), rtol=1e-8, atol=0)
    assert found.path == sorted(found.path)
    assert found.gradient_norm <= 1e-8


@pytest.mark.parametrize("start", [-20.0, 0.0, 20.0])
def test_it_climbs_where_the_function_is_convex(start):
    """A bell, convex away from its top, on a base that makes the far sides slope."""
    found = maximise(lambda x: (-(x**2)).exp().sum() - 0.01 * (x**2).sum(), zeros(1) + start)
    assert found.point.item() == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("total", [1e-9, 1.0, 1e9])
def test_overlong_steps_are_halved(total):
    """From 0 the full step to the optimum log(5 / total) may be 1e9 long."""
    found = maximise(lambda x: (5 * x - total * x.exp()).sum(), zeros(1))
    assert found.point.item() == pytest.approx(math.log(5 / total), rel=1e-9, abs=1e-9)


def test_batches_are_summed():
    x = torch.rand(100, dtype=torch.float64)
    batches = [(part,) for part in x.split(7)]
    found = maximise(lambda m, x: -((x - m) ** 2).sum(), zeros(1), batches)
    assert found.point.item() == pytest.approx(x.mean().item(), rel=1e-12)
    assert found.hessian.item() == pytest.approx(-200)


def test_a_restart_at_the_optimum_stays_there():
    design = torch.randn(200, 3).double()
    y = torch.bernoulli(torch.sigmoid(design.sum(1)))
    first = maximise(logistic(y, design), zeros(3))
    again = maximise(logistic(y, design), first.point)
    torch.testing.assert_close(again.point, first.point, rtol=1e-10, atol=0)
    assert again.iterations <= 2


def test_float32_ends_where_rounding_begins():
    design = torch.randn(200, 3)
    y = torch.bernoulli(torch.sigmoid(design.sum(1)))
    exact = maximise(logistic(y.double(), design.double()), zeros(3)).point
    found = maximise(logistic(y, design), torch.zeros(3))
    assert found.point.dtype == torch.float32
    torch.testing.assert_close(found.point.double(), exact, rtol=1e-5, atol=1e-5)


# no maximum


@pytest.mark.parametrize(
    ("function", "direction"),
    [
        (lambda x: -((x[0] + x[1]) ** 2), [1, -1]),  # flat at its top
        (lambda x: -((x[0] - 3 * x[1] - 1) ** 2) - 2, [3, 1]),
        (lambda x: -(x[0] ** 2), [0, 1]),
        (lambda x: x[1] ** 2 - x[0] ** 2, [0, 1]),  # a saddle, at the start
        (lambda x: -(-x[0]).exp() - x[1] ** 2, [1, 0]),  # rises to 0
        (lambda x: 5 - (-x[0]).exp() - (x[1] - 1) ** 2, [1, 0]),  # rises to 5
    ],
)
def test_the_direction_without_a_maximum_is_found(function, direction):
    with pytest.raises(NoMaximumError) as caught:
        maximise(function, zeros(2))
    expected = torch.tensor(direction).double()
    expected = expected / expected.norm()
    assert abs(caught.value.direction @ expected).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("function", [lambda x: x.sum(), lambda x: (x**2).sum() + x.sum()])
def test_a_function_without_end_is_refused(function):
    with pytest.raises(NoMaximumError):
        maximise(function, zeros(2))


def test_a_kink_is_refused():
    with pytest.raises(NoMaximumError):
        maximise(lambda x: -x.abs().sum() * 1.0 - 1e-3 * (x**2).sum(), zeros(1) + 0.3)


def test_a_start_outside_the_domain_is_refused():
    with pytest.raises(ValueError, match="nan at the start; expected a finite number"):
        maximise(lambda x: x.log().sum(), zeros(1) - 1)


def test_too_few_iterations_are_reported():
    with pytest.raises(
        NoMaximumError, match=r"norm is still .* after 2 iterations, expected 1e-08"
    ):
        maximise(lambda x: -x.cosh().sum() + x.sum(), zeros(1) + 9, max_iterations=2)
