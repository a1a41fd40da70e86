"""Distributions of single pixels against high-precision arithmetic, SciPy, torch and Pyro."""

import math

import mpmath
import pyro
import pyro.distributions as dist
import pytest
import scipy.stats
import torch
from pyro.distributions.testing.gof import density_goodness_of_fit
from scipy.integrate import quad
from scipy.special import expit

from ppgen.distributions.pixels import DiscretizedLogistic, OpenBeta, TruncatedExponential
from ppgen.likelihoods import (
    Beta,
    Categorical,
    DiscretizedLogisticMixture,
    Gaussian,
    LogitNormal,
)
from ppgen.likelihoods.densities import mean_sigmoid

# Chance that a statistical test fails on correct code, if its seed were not fixed.
FAILURE_RATE = 1e-4

precisions = pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float32, 2e-6), (torch.float64, 5e-15)],
    ids=["float32", "float64"],
)


def exactly(function, *arguments):
    """Values of a function at the tensors' numbers, in arithmetic with 120 digits."""
    with mpmath.workdps(120):
        columns = zip(*(map(mpmath.mpf, tensor.tolist()) for tensor in arguments), strict=True)
        return torch.tensor([float(function(*numbers)) for numbers in columns], dtype=torch.float64)


def test_raw_outputs_are_what_the_classes_say():
    raw, x = torch.randn(2, 1, 1, 1).double(), torch.tensor([[[0.3]]]).double()
    first, second = raw.flatten()
    normal = dist.Normal(first, (second.exp() + 1e-3).sqrt())
    found = Gaussian(1e-3).distribution(raw).log_prob(x)
    torch.testing.assert_close(found, normal.log_prob(x).squeeze())
    found = LogitNormal(1e-3).distribution(raw).log_prob(x)
    expected = normal.log_prob(x.logit()) - x.log() - (-x).log1p()
    torch.testing.assert_close(found, expected.squeeze())
    found = Beta(0.2).distribution(raw).log_prob(x)
    expected = dist.Beta(0.2 + first.exp(), 0.2 + second.exp()).log_prob(x)
    torch.testing.assert_close(found, expected.squeeze())
    found = Categorical(2).distribution(raw).log_prob(torch.ones(1, 1, 1))
    torch.testing.assert_close(found, (second - first).sigmoid().log())


def test_likelihoods_show_their_arguments():
    assert repr(DiscretizedLogisticMixture(5)) == (
        "DiscretizedLogisticMixture(components=5, levels=256)"
    )
    assert repr(Gaussian()) == "Gaussian(variance_floor=1e-06)"


# the continuous Bernoulli

SIZES = torch.tensor([1e-30, 1e-8, 1e-3, 0.03, 0.0999, 0.1001, 0.3, 1, 4, 16, 17, 50, 500])
LOGITS = torch.cat([-SIZES, torch.zeros(1), SIZES])


@precisions
@pytest.mark.parametrize("x", [0.0, 0.25, 0.5, 0.875, 1.0])
def test_continuous_bernoulli_at_any_logit(x, dtype, tolerance):
    logits = LOGITS.to(dtype)

    def log_density(eta):
        return eta * x - (mpmath.log(mpmath.expm1(eta) / eta) if eta else 0)

    found = TruncatedExponential(logits).log_prob(torch.tensor(x, dtype=dtype))
    assert found.dtype == dtype
    expected = exactly(log_density, logits)
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)


@precisions
def test_mean_of_the_continuous_bernoulli_and_the_gradient_of_its_log_prob(dtype, tolerance):
    logits = LOGITS.to(dtype, copy=True).requires_grad_()

    def mean(eta):
        return 1 / (1 - mpmath.exp(-eta)) - 1 / eta if eta else mpmath.mpf(0.5)

    p = TruncatedExponential(logits)
    expected = exactly(mean, logits.detach())
    near_zero = 20 * tolerance  # 1 / η − 1 / (exp(η) − 1) cancels down to η = 0.1
    torch.testing.assert_close(p.mean.double().detach(), expected, rtol=0, atol=near_zero)
    p.log_prob(torch.tensor(0.25, dtype=dtype)).sum().backward()
    torch.testing.assert_close(logits.grad.double(), 0.25 - expected, rtol=0, atol=near_zero)


def test_continuous_bernoulli_is_that_of_torch_where_torch_is_exact():
    logits = torch.tensor([-12.0, -3.0, -0.5, 0.2, 1.0, 7.0], dtype=torch.float64)
    x = torch.rand(50, 1, dtype=torch.float64)
    theirs = torch.distributions.ContinuousBernoulli(logits=logits)
    torch.testing.assert_close(TruncatedExponential(logits).log_prob(x), theirs.log_prob(x))
    torch.testing.assert_close(TruncatedExponential(logits).mean, theirs.mean)


@pytest.mark.parametrize("logit", [-500.0, -1.0, -1e-9, 0.0, 1e-9, 1e-3, 60.0, 500.0])
def test_samples_of_the_continuous_bernoulli(logit):
    p = TruncatedExponential(torch.tensor(logit))
    x = p.sample((20_000,))
    if logit > 1:  # mirrored, because float32 is coarse near one
        x = TruncatedExponential(torch.tensor(-logit)).sample((20_000,))
        p = TruncatedExponential(torch.tensor(-logit))
    assert x.min() >= 0
    assert x.max() <= 1
    assert density_goodness_of_fit(x, p.log_prob(x).exp()) > FAILURE_RATE


# Beta


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_beta_is_that_of_scipy_up_to_large_concentrations(dtype):
    sizes = torch.tensor([0.1, 0.5, 1.0, 3.0, 100.0, 2e4], dtype=dtype)
    white, black = torch.cartesian_prod(sizes, sizes).T
    x = OpenBeta(white, black).sample((20,))
    x = x.clamp(1e-30, 1 - 2**-24)  # where densities are finite
    found = OpenBeta(white, black).log_prob(x).double()
    expected = torch.from_numpy(scipy.stats.beta.logpdf(x.double(), white.double(), black.double()))
    tolerance = 1e-6 if dtype is torch.float32 else 1e-10
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def test_beta_at_the_ends_is_finite_where_pyros_is_not():
    p, theirs = OpenBeta(torch.tensor(0.5), torch.tensor(2.0)), dist.Beta(0.5, 2.0)
    ends = torch.tensor([0.0, 1.0])
    assert not theirs.log_prob(ends).isfinite().any()
    assert p.log_prob(ends).isfinite().all()
    assert torch.equal(p.log_prob(ends), p.log_prob(torch.tensor([2.0**-149, 1 - 2.0**-24])))


def test_concentrations_grow_with_the_raw_output_and_so_do_not_lose_their_gradient():
    raw = torch.linspace(-50, 50, 1001, requires_grad=True)
    p = Beta(floor=0.1).distribution(raw.expand(2, 1, 1, -1)).base_dist
    concentration = p.concentration1.flatten()
    values = concentration.detach()
    assert (values[400:].diff() > 0).all()
    assert values[0].item() == pytest.approx(0.1)
    moderate = raw < 6.9
    torch.testing.assert_close(values[moderate], 0.1 + raw[moderate].detach().exp())
    concentration.sum().backward()
    assert (raw.grad > 0).all()
    assert raw.grad.max() <= 1001


# logit-normal


def test_mean_of_the_logit_normal():
    loc, scale = torch.cartesian_prod(
        torch.tensor([-20.0, -3.0, 0.0, 0.7, 6.0]), torch.tensor([1e-3, 0.4, 1.99, 2.0, 5.0, 60.0])
    ).double().T  # fmt: skip
    expected = [
        quad(
            lambda z, m=m, s=s: expit(m + s * z) * scipy.stats.norm.pdf(z),
            -9,
            9,
            points=[min(max(-m / s, -9), 9)],
            limit=200,
        )[0]
        for m, s in zip(loc.tolist(), scale.tolist(), strict=True)
    ]
    found = mean_sigmoid(loc, scale)
    torch.testing.assert_close(found, torch.tensor(expected).double(), rtol=0, atol=1e-6)


# discretised logistic


@precisions
def test_discretized_logistic_in_the_middle_in_the_tails_and_at_the_ends(dtype, tolerance):
    levels = 256
    values, locs, scales = torch.cartesian_prod(
        torch.tensor([0.0, 1, 2, 100, 254, 255]),
        torch.tensor([-3000.0, -0.5, 1.3, 100, 254.7, 3000]),
        torch.tensor([0.02, 0.7, 5, 100, 1e6]),
    ).to(dtype).T  # fmt: skip

    def log_mass(x, loc, scale):
        # 1 + exp(−3000 / 0.02) would need more than 120 digits: take the lower tail.
        sign = 1 if x < loc else -1
        tails = sorted(
            sign * (x + half - loc) / scale for half in (-mpmath.mpf(0.5), mpmath.mpf(0.5))
        )
        ends = (0, levels - 1) if sign == 1 else (levels - 1, 0)
        lower, upper = (1 / (1 + mpmath.exp(-tail)) for tail in tails)
        return mpmath.log((1 if x == ends[1] else upper) - (0 if x == ends[0] else lower))

    found = DiscretizedLogistic(locs, scales, levels).log_prob(values)
    expected = exactly(log_mass, values, locs, scales)
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=20 * tolerance)


@pytest.mark.parametrize("levels", [2, 5, 256])
def test_discretized_logistic_sums_to_one_and_has_its_mean(levels):
    loc = levels * torch.linspace(-0.5, 1.5, 7, dtype=torch.float64)[:, None]
    p = DiscretizedLogistic(loc, torch.tensor([0.02, 1, 30, 1e5]).double(), levels)
    for expand in (False, True):
        values = p.enumerate_support(expand=expand)
        assert values.shape == (levels, *((7, 4) if expand else (1, 1)))
        mass = p.log_prob(values).exp()
        torch.testing.assert_close(mass.sum(0), torch.ones(7, 4).double())
        torch.testing.assert_close((values * mass).sum(0), p.mean)


def test_a_latent_discretized_logistic_is_summed_out():
    p = DiscretizedLogistic(torch.tensor(1.2), torch.tensor(0.8), 4)

    def model():
        z = pyro.sample("z", p, infer={"enumerate": "parallel"})
        pyro.sample("x", dist.Normal(z, 1.0), obs=torch.tensor(2.3))

    values = torch.arange(4.0)
    joint = p.log_prob(values) + dist.Normal(values, 1.0).log_prob(torch.tensor(2.3))
    loss = pyro.infer.TraceEnum_ELBO(max_plate_nesting=0).loss(model, lambda: None)
    assert loss == pytest.approx(-joint.logsumexp(0).item(), rel=1e-5)


def test_the_mixture_is_the_papers_equation_two():
    levels, components = 256, 3
    raw = torch.randn(9, 1, 1, 1).double()
    weights, mean, log_scale = raw.view(3, components)
    # The paper's pixels are on a scale from −1 to 1; a level is 2 / 256 of it.
    x = torch.arange(levels).double()[:, None]
    edges = torch.stack([x, x + 1]) * 2 / levels - 1
    lower, upper = ((edges - mean) / (log_scale.exp() + 0.02 * 2 / levels)).sigmoid()
    lower[0], upper[-1] = 0, 1
    expected = ((upper - lower) * weights.softmax(0)).sum(1).log()
    p = DiscretizedLogisticMixture(components, levels).distribution(raw)
    torch.testing.assert_close(p.log_prob(x.view(-1, 1, 1, 1)), expected)


def test_a_sharp_component_can_have_all_of_one_level():
    likelihood = DiscretizedLogisticMixture(1, levels=256)
    middle = (2 * torch.tensor([17.0]) + 1) / 256 - 1
    raw = torch.stack([torch.zeros(1), middle, torch.full((1,), -50.0)]).view(3, 1, 1, 1)
    p = likelihood.distribution(raw)
    assert p.log_prob(torch.tensor([[[17.0]]])).item() > -1e-4
    assert p.sample((100,)).unique().tolist() == [17.0]
    assert likelihood.mean(p).item() == pytest.approx(17.5 / 256, abs=1e-5)
    assert math.isfinite(p.log_prob(torch.tensor([[[255.0]]])).item())
