"""The exponential distribution: four ways to one estimate, and its standard error."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2
from torch.optim import LBFGS, Adam

import ppgen
from ppgen.inference import maximum_likelihood
from ppgen.models import Exponential
from ppgen.objectives import TensorELBO

FAILURE_RATE = 1e-5  # of each statistical test below
POSITIVE = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30)


def draws(n=200, rate=2.5):
    return torch.distributions.Exponential(torch.tensor(rate).double()).sample((n,))


def log_likelihood(program, x):
    return ppgen.elbo(program, x).per_example.double().sum().item()


@given(POSITIVE)
@settings(deadline=None, max_examples=15)
def test_newton_equals_the_closed_form(values):
    x = torch.tensor(values).double()
    exact = Exponential.from_data(x)
    found = maximum_likelihood(Exponential().double(), x)
    assert exact.rate.item() == pytest.approx(len(x) / x.sum().item(), rel=1e-12)
    assert found.program.rate.item() == pytest.approx(exact.rate.item(), rel=1e-8)
    se = found.standard_error(lambda program: program.rate).item()
    assert se == pytest.approx(exact.standard_error(len(x)).item(), rel=1e-6)


def test_svi_equals_the_closed_form():
    x = draws().float()
    program = Exponential()
    ppgen.fit(
        program, x, epochs=300, batch_size=200, optimizer=partial(Adam, lr=0.05), progress=False
    )
    assert program.rate.item() == pytest.approx(Exponential.from_data(x).rate.item(), rel=1e-3)


def test_the_optimiser_of_a_library_equals_the_closed_form():
    x = draws()
    program = Exponential().double()
    # With the default tolerances the search ends at an error of 1e-7.
    exactly = {"tolerance_grad": 1e-12, "tolerance_change": 1e-16}
    optimizer = LBFGS(program.parameters(), line_search_fn="strong_wolfe", **exactly)

    def loss():
        optimizer.zero_grad()
        value = pyro_loss(program, x)
        value.backward()
        return value

    for _ in range(20):
        optimizer.step(loss)
    assert program.rate.item() == pytest.approx(Exponential.from_data(x).rate.item(), rel=1e-8)


def pyro_loss(program, x):
    return TensorELBO().differentiable_loss(program.model, program.guide, x) / len(x)


@pytest.mark.parametrize("rate", [0.1, 1.0, 7.0])
def test_gradient_in_the_rate_is_n_over_rate_less_the_sum(rate):
    x = draws()
    program = Exponential(rate).double()
    (-pyro_loss(program, x) * len(x)).backward()
    by_rate = program.log_rate.grad.item() / program.rate.item()  # chain rule
    assert by_rate == pytest.approx(len(x) / program.rate.item() - x.sum().item(), rel=1e-10)


def test_log_likelihood_is_the_formula():
    x = draws()
    program = Exponential(1.7).double()
    assert log_likelihood(program, x) == pytest.approx(
        len(x) * math.log(1.7) - 1.7 * x.sum().item(), rel=1e-5
    )


@pytest.mark.parametrize("n", [10, 100])
def test_coverage_of_the_95_percent_interval(n):
    """The exact coverage follows from χ²: 2 n λ / estimate has 2n degrees of freedom."""
    z = 1.959964
    simulations = 20_000
    sums = draws(simulations * n, rate=3.0).view(simulations, n)
    fitted = n / sums.sum(1)
    covers = (fitted - 3.0).abs() <= z * fitted / math.sqrt(n)
    exact = chi2.cdf(2 * n * (1 + z / math.sqrt(n)), 2 * n)
    exact -= chi2.cdf(2 * n * (1 - z / math.sqrt(n)), 2 * n)
    assert exact == pytest.approx(0.95, abs=0.02)
    assert binomtest(int(covers.sum()), simulations, exact).pvalue > FAILURE_RATE
    one = Exponential.from_data(sums[0])
    assert one.standard_error(n).item() == pytest.approx((fitted[0] / math.sqrt(n)).item())


def test_samples_follow_the_rate():
    x = ppgen.sample(Exponential(4.0).double(), 100_000)
    assert x.shape == (100_000,)
    standard_error = 0.25 / math.sqrt(len(x))
    assert abs(x.mean().item() - 0.25) < 5 * standard_error


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_closed_form_keeps_the_type(dtype):
    assert Exponential.from_data(torch.ones(3, dtype=dtype)).rate.dtype == dtype
    assert Exponential.from_data(torch.tensor([1, 3])).rate.item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([], r"shape \(0,\)"),
        ([[1.0]], r"shape \(1, 1\)"),
        ([1.0, -2.0], "x holds -2; expected finite numbers of 0 or more"),
        ([1.0, math.nan], "x holds nan"),
        ([0.0, 0.0], "rises with the rate to infinity"),
    ],
)
def test_bad_data_is_refused_by_the_closed_form(x, message):
    with pytest.raises(ValueError, match=message):
        Exponential.from_data(torch.tensor(x))


@pytest.mark.parametrize("fit", [maximum_likelihood, partial(ppgen.fit, epochs=1, progress=False)])
def test_negative_data_is_refused(fit):
    with pytest.raises(ValueError, match="from -2 to -2, outside the support"):
        fit(Exponential(), torch.tensor([1.0, -2.0]))


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_bad_rates_are_refused(rate):
    with pytest.raises(ValueError, match=r"rate is .*; expected a positive number"):
        Exponential(rate)
