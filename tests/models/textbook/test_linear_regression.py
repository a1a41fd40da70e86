"""Linear-Gaussian regression: closed form, SVI, Newton and numpy's least squares agree."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import prepared
from scipy.stats import binomtest, t
from torch.optim import Adam

import ppgen
from ppgen.data.batch import Batch
from ppgen.inference import NoMaximumError, maximum_likelihood
from ppgen.models import LinearRegression, Regression
from ppgen.objectives import TensorELBO

FAILURE_RATE = 1e-5


def problem(n=50, covariates=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = partial(torch.randn, generator=generator, dtype=torch.float64)
    design = torch.cat([torch.ones(n, 1), draw(n, covariates - 1)], dim=1)
    return design @ draw(covariates) + 0.7 * draw(n), design


@given(st.integers(1, 6), st.integers(0, 1000), st.floats(-6, 6))
@settings(deadline=None, max_examples=10)
def test_all_ways_agree(covariates, seed, exponent):
    """In any units of the first covariate."""
    y, design = problem(30, covariates, seed)
    design[:, 0] *= 10**exponent
    exact = LinearRegression.from_data(y, design)
    weights, residual, *_ = np.linalg.lstsq(design.numpy(), y.numpy(), rcond=None)
    found = maximum_likelihood(LinearRegression(covariates).double(), (y, design))
    newton = found.program
    expected = torch.from_numpy(weights)
    # Least squares by singular values is exact to the rounding of y, times the condition number.
    rounding = 10 * 2.2e-16 * np.linalg.cond(design.numpy()) * float(y.norm())
    scale = design.norm(dim=0)
    for weights, rtol in ((exact.weights, 1e-9), (newton.weights, 1e-8)):
        torch.testing.assert_close(
            weights.detach() * scale, expected * scale, rtol=rtol, atol=rounding
        )
    assert exact.variance.item() == pytest.approx(residual.item() / len(y), rel=1e-10)
    assert newton.variance.item() == pytest.approx(exact.variance.item(), rel=1e-8)
    of_weights, of_variance = exact.standard_errors(design)
    torch.testing.assert_close(
        found.standard_errors["weights"], of_weights.detach(), rtol=1e-5, atol=0
    )
    of_newton = found.standard_error(lambda program: program.variance)
    assert of_newton.item() == pytest.approx(of_variance.item(), rel=1e-5)


def test_a_single_covariate_is_the_ratio_of_sums():
    y, design = problem()
    x = design[:, 1]
    exact = LinearRegression.from_data(y, x[:, None])
    w = (x @ y / (x @ x)).item()
    assert exact.weights.item() == pytest.approx(w, rel=1e-12)
    assert exact.variance.item() == pytest.approx(((y - w * x) ** 2).mean().item(), rel=1e-12)


def test_svi_equals_the_closed_form():
    y, design = problem()
    program = LinearRegression(3).double()
    ppgen.fit(
        program,
        (y, design),
        epochs=500,
        batch_size=len(y),
        optimizer=partial(Adam, lr=0.05),
        progress=False,
    )
    exact = LinearRegression.from_data(y, design)
    torch.testing.assert_close(program.weights, exact.weights, rtol=1e-3, atol=0)
    assert program.variance.item() == pytest.approx(exact.variance.item(), rel=1e-3)


def test_gradient_vanishes_at_the_closed_form():
    y, design = problem()
    exact = LinearRegression.from_data(y, design)
    TensorELBO().differentiable_loss(exact.model, exact.guide, y, design).backward()
    assert max(p.grad.abs().max().item() for p in exact.parameters()) < 1e-11


def test_gradients_equal_finite_differences():
    y, design = problem(10)
    program = LinearRegression(3).double()

    def loss(weights, log_scale):
        parameters = {"program.weights": weights, "program.log_scale": log_scale}
        objective = prepared(program, y, design)
        return torch.func.functional_call(objective, parameters, (Batch.of((y, design)),))

    at = torch.randn(3).double().requires_grad_(), torch.tensor(0.3).double().requires_grad_()
    assert torch.autograd.gradcheck(loss, at)
    assert torch.autograd.gradgradcheck(loss, at)


def test_coverage_of_the_95_percent_interval():
    """The exact coverage follows from Student's t with n − p degrees of freedom."""
    z, simulations, n = 1.959964, 20_000, 20
    _, design = problem(n)
    truth = torch.tensor([1.0, -2.0, 0.5]).double()
    y = design @ truth + 0.7 * torch.randn(simulations, n).double()
    root = torch.linalg.pinv(design)
    fitted = y @ root.mT
    scale = (y - fitted @ design.mT).square().mean(1).sqrt()
    covers = (fitted[:, 1] - truth[1]).abs() <= z * scale * root[1].norm()
    exact = 1 - 2 * t.sf(z * math.sqrt((n - 3) / n), n - 3)
    assert binomtest(int(covers.sum()), simulations, exact).pvalue > FAILURE_RATE
    one = LinearRegression.from_data(y[0], design)
    expected = scale[0] * root[1].norm()
    torch.testing.assert_close(one.standard_errors(design)[0][1].detach(), expected)


def test_samples_follow_their_design():
    y, design = problem(20_000)
    program = LinearRegression.from_data(y, design)
    again = LinearRegression.from_data(ppgen.sample(program, len(y), design), design)
    of_weights, of_variance = program.standard_errors(design)
    assert ((again.weights - program.weights).abs() < 5 * of_weights).all()
    assert (again.variance - program.variance).abs() < 5 * of_variance


def test_the_program_casts_its_design():
    _, design = problem()
    program = LinearRegression(3)
    assert program.model(None, design, n=50).dtype == torch.float32
    assert program.model(None, design.long(), n=50).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_closed_form_keeps_the_type(dtype):
    y, design = problem(20_000)
    fitted = LinearRegression.from_data(y.to(dtype), design.to(dtype))
    exact = LinearRegression.from_data(y, design)
    assert fitted.weights.dtype == fitted.variance.dtype == dtype
    torch.testing.assert_close(fitted.weights.double(), exact.weights, rtol=1e-4, atol=1e-5)


def test_whole_numbers_are_taken_as_floats():
    fitted = LinearRegression.from_data(torch.tensor([0, 2, 3]), torch.tensor([[1], [1], [1]]))
    assert fitted.weights.item() == pytest.approx(5 / 3)


@pytest.mark.parametrize("kind", ["copy", "sum", "zero", "too few rows"])
def test_singular_designs_are_refused(kind):
    y, design = problem(6 if kind == "too few rows" else 50, 3)
    wider = {
        "copy": design[:, 1],
        "sum": 3 * design[:, 1] - 1e4 * design[:, 2],
        "zero": torch.zeros(len(y)),
        "too few rows": torch.randn(5, 6).double(),
    }[kind]
    design = torch.cat([design, wider.mT if wider.dim() == 2 else wider[:, None]], dim=1)
    with pytest.raises(ValueError, match=r"design is singular: \d columns of rank \d"):
        LinearRegression.from_data(y, design)
    if kind != "too few rows":
        with pytest.raises(NoMaximumError, match="in the direction weights"):
            maximum_likelihood(LinearRegression(design.shape[1]).double(), (y, design))


def test_a_perfect_fit_is_refused():
    _, design = problem()
    y = design @ torch.ones(3).double()
    with pytest.raises(ValueError, match="as the variance shrinks to 0"):
        LinearRegression.from_data(y, design)
    with pytest.raises(NoMaximumError, match="a variance shrinks to 0"):
        maximum_likelihood(LinearRegression(3).double(), (y, design))


@pytest.mark.parametrize(
    ("y", "design", "message"),
    [
        (torch.ones(3), torch.ones(4, 2), r"shape \(3,\), design \(4, 2\)"),
        (torch.ones(3, 1), torch.ones(3, 2), r"expected \(batch,\)"),
        (torch.ones(0), torch.ones(0, 2), r"shape \(0,\)"),
        (torch.tensor([1.0, math.nan]), torch.ones(2, 1), "y holds NaN"),
        (torch.ones(2), torch.tensor([[1.0], [math.inf]]), "design holds NaN or infinite"),
    ],
)
def test_bad_data_is_refused(y, design, message):
    with pytest.raises(ValueError, match=message):
        LinearRegression.from_data(y, design)


def test_a_missing_design_is_refused():
    with pytest.raises(ValueError, match=r"design has the shape None; expected .*\(5, 2\)"):
        ppgen.sample(LinearRegression(2), 5)
    with pytest.raises(ValueError, match=r"design has the shape \(5, 3\)"):
        ppgen.sample(LinearRegression(2), 5, torch.ones(5, 3))
    with pytest.raises(ValueError, match="covariates is 0"):
        LinearRegression(0)


def test_a_regression_without_observations_is_none():
    with pytest.raises(TypeError, match="abstract"):
        Regression(2)
