"""Maximum likelihood of programs: against closed forms, Laplace, and what must be refused."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import BeliefNet, Gaussian, Mixture, Pixels
from pyro.infer.autoguide import AutoDelta, AutoLaplaceApproximation
from torch import nn

import ppgen
from ppgen.inference import NoMaximumError, maximum_likelihood
from ppgen.models import Exponential, LogisticRegression

# Twice the norm of the gradient at which Newton's method stops, since sums round. Curvatures are
# above 1 here, so that parameters are off by less.
NEWTON = 2e-8


def classes(n=80):
    design = torch.randn(n, 3).double()
    return torch.bernoulli(torch.sigmoid(design.sum(1))), design


def with_priors(y=None, design=None, *, n=1):
    weights = pyro.sample("weights", dist.Normal(torch.zeros(3).double(), 0.8).to_event(1))
    with pyro.plate("data", n if y is None else len(y)):
        return pyro.sample("y", dist.Bernoulli(logits=design @ weights), obs=y)


def test_pixels_reach_their_mean(binary_images):
    x = binary_images.double()
    found = maximum_likelihood(Pixels().double(), x)
    mean = x.mean(0)
    torch.testing.assert_close(found.program.logits.sigmoid(), mean, rtol=NEWTON, atol=0)
    se = found.standard_error(lambda program: program.logits.sigmoid())
    torch.testing.assert_close(se, (mean * (1 - mean) / len(x)).sqrt(), rtol=NEWTON, atol=0)
    assert se.shape == found.standard_errors["logits"].shape == (1, 3, 3)
    entropy = dist.Bernoulli(mean).entropy().sum().item()
    assert found.log_likelihood == pytest.approx(-len(x) * entropy)


def test_plain_functions_with_constrained_parameters():
    def model(x=None, *, n=1):
        rate = pyro.param("rate", torch.tensor(1.0).double(), constraint=dist.constraints.positive)
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", dist.Exponential(rate), obs=x)

    x = torch.rand(50).double()
    program = ppgen.as_program(model)
    found = maximum_likelihood(program, x)
    rate = program.site_params["rate"].exp().item()
    assert rate == pytest.approx(1 / x.mean().item(), rel=NEWTON)
    assert found.standard_errors["site_params.rate"].item() == pytest.approx(1 / math.sqrt(50))


def test_batches_change_nothing():
    data = classes()
    once = maximum_likelihood(LogisticRegression(3).double(), data)
    parts = maximum_likelihood(LogisticRegression(3).double(), data, batch_size=7)
    # Sums that round otherwise may end the search a step earlier.
    torch.testing.assert_close(parts.program.weights, once.program.weights, rtol=0, atol=NEWTON)
    torch.testing.assert_close(parts.covariance, once.covariance)


@pytest.mark.parametrize("batch_size", [None, 7])
def test_autodelta_gives_the_mode_and_laplaces_covariance(batch_size):
    y, design = classes()
    program = ppgen.as_program((with_priors, AutoDelta(with_priors)))
    found = maximum_likelihood(program, (y, design), batch_size=batch_size)
    mode = program.guide(y, design)["weights"].detach()
    prior_gradient = -mode / 0.8**2
    likelihood_gradient = design.mT @ (y - torch.sigmoid(design @ mode))
    assert (prior_gradient + likelihood_gradient).norm() < NEWTON

    laplace = AutoLaplaceApproximation(with_priors)
    laplace(y, design)
    with torch.no_grad():
        laplace.loc.copy_(mode)
    gaussian = laplace.laplace_approximation(y, design)
    scale_tril = gaussian.scale[:, None] * gaussian.scale_tril
    torch.testing.assert_close(found.covariance, scale_tril @ scale_tril.mT)


def test_frozen_parameters_stay():
    data = classes()
    program = LogisticRegression(3).double()
    program.offset = nn.Parameter(torch.zeros(2), requires_grad=False)
    found = maximum_likelihood(program, data)
    assert found.maximum.point.shape == (3,)
    assert found.standard_errors.keys() == {"weights"}


def test_the_caller_is_left_as_it_was():
    state = torch.get_rng_state()
    program = LogisticRegression(3).double().eval()
    maximum_likelihood(program, classes_of_its_own())
    assert torch.equal(torch.get_rng_state(), state)
    assert not program.training
    assert program.weights.requires_grad
    assert program.weights.grad is None


def classes_of_its_own():
    generator = torch.Generator().manual_seed(1)
    design = torch.randn(80, 3, generator=generator).double()
    return (torch.rand(80, generator=generator) < 0.5).double(), design


@pytest.mark.parametrize("program", [Gaussian(pixels=9), BeliefNet()], ids=["gaussian", "discrete"])
def test_latent_variables_are_refused(program, binary_images):
    x = binary_images if isinstance(program, BeliefNet) else binary_images.view(40, 1, 1, 9)
    before = {name: p.clone() for name, p in program.named_parameters()}
    with pytest.raises(ValueError, match="the log-likelihood is random"):
        maximum_likelihood(program, x)
    assert all(torch.equal(p, before[name]) for name, p in program.named_parameters())


def test_an_elbo_of_pyros_is_refused(binary_images):
    with pytest.raises(ValueError, match="objective is a TraceEnum_ELBO; expected a TensorELBO"):
        maximum_likelihood(Mixture(), binary_images)


def test_a_program_without_parameters_is_refused():
    def model(x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", dist.Exponential(torch.ones(())), obs=x)

    with pytest.raises(ValueError, match="no parameters to fit"):
        maximum_likelihood(model, torch.ones(3))


def test_the_error_names_the_parameters():
    y, design = classes()
    design = torch.cat([design, design[:, :1] - 2 * design[:, 1:2]], dim=1)
    with pytest.raises(NoMaximumError) as caught:
        maximum_likelihood(LogisticRegression(4).double(), (y, design))
    for name in ("weights[0]", "weights[1]", "weights[3]"):
        assert name in str(caught.value)
    assert "weights[2]" not in str(caught.value)


def test_float32_agrees_with_float64():
    x = torch.rand(1000)
    single = maximum_likelihood(Exponential(), x).program.rate.item()
    double = maximum_likelihood(Exponential().double(), x.double()).program.rate.item()
    # Each of the 1,000 terms of the gradient is rounded to 6e-8 of it, and so is the rate, with a
    # wide margin.
    assert single == pytest.approx(double, rel=1e-5)
