"""Losses and gradients that are not finite end the fit, and are named."""

import pyro
import pytest
import torch
from programs import Gaussian, Pixels
from quiet_fit import fit
from torch import nn

import ppgen
from ppgen.training import NotFiniteError


class Exploding(Gaussian):
    """Its encoder's weight becomes infinite at the eighth step."""

    calls = 0

    def guide(self, x):
        self.calls += self.training
        if self.training and self.calls == 8:
            self.encoder.weight.data[0, 0] = torch.inf
        return super().guide(x)


def test_a_loss_that_is_not_finite_names_step_site_and_parameter(x, tmp_path):
    with pytest.raises(NotFiniteError) as caught:
        fit(Exploding(), x, epochs=5, batch_size=20, out=tmp_path)
    message = str(caught.value)
    assert "epoch 3, step 2: the loss is" in message
    assert "parameters: encoder.weight; log-probability of the sites: z, x" in message
    assert str(tmp_path / "checkpoint.pt") in message
    assert ppgen.training.load(tmp_path, Exploding()).encoder.weight.isfinite().all()


def test_a_gradient_that_is_not_finite_is_found_before_the_step(x):
    class Root(Pixels):
        def __init__(self):
            super().__init__((1, 1, 4))
            self.zero = nn.Parameter(torch.zeros(()))

        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                mean = self.logits + self.zero.sqrt()  # the derivative at 0 is infinite
                return pyro.sample("x", pyro.distributions.Normal(mean, 1.0).to_event(3), obs=x)

    program = Root()
    with pytest.raises(NotFiniteError, match="gradients of the parameters: zero"):
        fit(program, x, epochs=1, batch_size=20)
    assert torch.equal(program.logits, torch.zeros(1, 1, 4))
