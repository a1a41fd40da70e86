"""Every likelihood in half, single and double precision, and for extreme raw outputs."""

import pytest
import torch
from likelihood_table import densities, every, every_levels, grey_images

from ppgen.likelihoods import Beta, ContinuousBernoulli, Gaussian, LogitNormal


@every_levels
@pytest.mark.parametrize("scale", [1.0, 10.0, 50.0])
def test_log_prob_and_gradients_are_finite_up_to_50(case, levels, scale):
    raw = (torch.randn(500, case.likelihood.outputs, 1, 3, 3).sign() * scale).requires_grad_()
    x = case.likelihood.encode(grey_images(levels), levels)
    log_prob = case.likelihood.distribution(raw).log_prob(x)
    log_prob.sum().backward()
    assert log_prob.dtype == torch.float32
    assert log_prob.isfinite().all()
    assert raw.grad.isfinite().all()
    assert raw.grad.any()


@densities
@pytest.mark.parametrize("end", [0.0, 1.0])
@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_log_prob_and_gradients_are_finite_at_zero_and_one(case, end, scale):
    raw = (torch.randn(500, case.likelihood.outputs, 1, 3, 3).sign() * scale).requires_grad_()
    log_prob = case.likelihood.distribution(raw).log_prob(torch.full((1, 3, 3), end))
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert raw.grad.isfinite().all()


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_to_float32(case, dtype):
    raw = case.make_raw(5).to(dtype)
    p = case.likelihood.distribution(raw)
    x = case.likelihood.distribution(raw.float()).sample()
    assert p.log_prob(x).dtype == case.likelihood.mean(p).dtype == torch.float32
    expected = case.likelihood.distribution(raw.float()).log_prob(x)
    torch.testing.assert_close(p.log_prob(x), expected)


@every
def test_float64_stays_float64(case):
    p = case.likelihood.distribution(case.make_raw(5).double())
    x = p.sample()
    assert p.log_prob(x).dtype == case.likelihood.mean(p).dtype == torch.float64
    assert x.dtype in (torch.float64, torch.int64)


@every
def test_float32_is_as_good_as_float64(case):
    raw = case.make_raw(200)
    x = case.likelihood.distribution(raw).sample()
    exact = case.likelihood.distribution(raw.double()).log_prob(x.double())
    found = case.likelihood.distribution(raw).log_prob(x)
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("likelihood", [Gaussian(), LogitNormal()], ids=str)
@pytest.mark.parametrize("log_variance", [89.0, 120.0, 170.0])
def test_huge_log_variances_are_those_of_float64(likelihood, log_variance):
    raw = torch.tensor([0.3, log_variance]).view(2, 1, 1, 1).requires_grad_()
    x = torch.full((1, 1, 1), 0.7)
    log_prob = likelihood.distribution(raw).log_prob(x)
    log_prob.backward()
    exact = likelihood.distribution(raw.detach().double()).log_prob(x.double())
    assert log_prob.item() == pytest.approx(exact.item(), rel=1e-5)
    assert raw.grad.flatten().tolist() == pytest.approx([0, -0.5])


@pytest.mark.parametrize("likelihood", [Beta(), LogitNormal()], ids=str)
@pytest.mark.parametrize("x", [2.0**-149, 2.0**-126, 1 - 2.0**-24])
def test_numbers_next_to_zero_and_one_are_those_of_float64(likelihood, x):
    raw = torch.tensor([0.3, -0.4]).view(2, 1, 1, 1)
    found = likelihood.distribution(raw).log_prob(torch.full((1, 1, 1), x))
    exact = likelihood.distribution(raw.double()).log_prob(torch.full((1, 1, 1), x).double())
    assert found.item() == pytest.approx(exact.item(), rel=1e-5)


def test_65536_grey_levels_stay_in_their_interval():
    grey = torch.arange(65536).repeat(20).view(-1, 1, 1)
    x = ContinuousBernoulli().encode(grey, 65536)
    assert torch.equal((x.double() * 65536).floor().long(), grey)
