"""One ℓ2 penalty in three forms, and AdamW, which is not one of them."""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro.infer.autoguide import AutoDelta
from torch.optim import SGD, Adam, AdamW

import ppgen
from ppgen.inference import L2Penalty, maximum_likelihood
from ppgen.models import LogisticRegression

STRENGTH, N = 2.0, 60


def data():
    generator = torch.Generator().manual_seed(0)
    design = torch.randn(N, 3, generator=generator).double()
    return (torch.rand(N, generator=generator) < torch.sigmoid(2 * design[:, 0])).double(), design


class Penalised(LogisticRegression):
    """The penalty as a factor of the joint density."""

    def __init__(self, covariates, penalty):
        super().__init__(covariates)
        self.penalty = penalty

    def model(self, y=None, design=None, *, n=1):
        pyro.factor("penalty", -self.penalty([self.weights]))
        return super().model(y, design, n=n)


def program_with_prior(penalty):
    def model(y=None, design=None, *, n=1):
        weights = pyro.sample("weights", penalty.prior(torch.zeros(3).double()))
        with pyro.plate("data", n if y is None else len(y)):
            return pyro.sample("y", dist.Bernoulli(logits=design @ weights), obs=y)

    return ppgen.as_program((model, AutoDelta(model)))


def optimum(strength=STRENGTH):
    y, design = data()
    penalised = Penalised(3, L2Penalty(strength)).double()
    weights = maximum_likelihood(penalised, (y, design)).program.weights.detach()
    gradient = design.mT @ (y - torch.sigmoid(design @ weights)) - 2 * strength * weights
    assert gradient.norm() < 1e-8  # of the formula, not of the program
    return weights


@given(st.floats(1e-3, 1e3))
@settings(deadline=None, max_examples=10)
def test_the_mode_under_the_prior_is_the_penalised_optimum(strength):
    program = program_with_prior(L2Penalty(strength))
    maximum_likelihood(program, data())
    mode = program.guide(*data())["weights"].detach()
    torch.testing.assert_close(mode, optimum(strength), rtol=1e-8, atol=0)


@given(st.floats(1e-3, 1e3), st.lists(st.floats(-5, 5), min_size=2, max_size=2))
@settings(deadline=None)
def test_the_prior_is_the_penalty_and_a_constant(strength, values):
    penalty = L2Penalty(strength)
    theta = torch.tensor([values, [0.0, 0.0]]).double()
    prior = penalty.prior(theta[0])
    by_prior = prior.log_prob(theta[0]) - prior.log_prob(theta[1])
    assert by_prior.item() == pytest.approx(-penalty([theta[0]]).item(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("way", "optimizer"),
    [
        ("decay", partial(SGD, lr=1.0)),
        ("decay", partial(Adam, lr=0.03)),
        ("penalty", partial(Adam, lr=0.03)),
        ("prior", partial(Adam, lr=0.03)),
    ],
    ids=["decay of SGD", "decay of Adam", "penalty", "prior"],
)
def test_stochastic_gradients_reach_it(way, optimizer):
    penalty = L2Penalty(STRENGTH)
    program = {
        "decay": LogisticRegression(3).double(),
        "penalty": Penalised(3, penalty).double(),
        "prior": program_with_prior(penalty),
    }[way]
    if way == "decay":
        optimizer = partial(optimizer, weight_decay=penalty.weight_decay(N))
    ppgen.fit(program, data(), epochs=300, batch_size=N, optimizer=optimizer, progress=False)
    weights = program.guide(*data())["weights"] if way == "prior" else program.weights
    torch.testing.assert_close(weights.detach(), optimum(), rtol=1e-3, atol=0)


def test_the_decay_of_adamw_ends_elsewhere():
    decayed = partial(AdamW, lr=0.03, weight_decay=L2Penalty(STRENGTH).weight_decay(N))
    program = LogisticRegression(3).double()
    ppgen.fit(program, data(), epochs=300, batch_size=N, optimizer=decayed, progress=False)
    assert (program.weights - optimum()).norm() > 0.05 * optimum().norm()


def test_separable_classes_have_a_penalised_optimum():
    _, design = data()
    y = (design[:, 0] > 0).double()
    found = maximum_likelihood(Penalised(3, L2Penalty(0.1)).double(), (y, design))
    assert found.maximum.gradient_norm <= 1e-8


@pytest.mark.parametrize("strength", [0.0, -1.0, math.inf, math.nan])
def test_a_penalty_that_is_none_is_refused(strength):
    with pytest.raises(ValueError, match=f"strength is {strength}; expected a positive number"):
        L2Penalty(strength)
