"""The two phases of wake–sleep under a program's own scales."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from ppgen.objectives import WakeSleepELBO

ROWS = 6


class Coins(torch.nn.Module):
    """A hidden bit and a pixel that shows it, in each row, at some scale."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale
        self.recognition = torch.nn.Parameter(torch.tensor([0.3, -0.2], dtype=torch.double))

    def model(self, x):
        with poutine.scale(scale=self.scale), pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Bernoulli(torch.full((), 0.4, dtype=torch.double)))
            pyro.sample("x", dist.Bernoulli(0.2 + 0.6 * z), obs=x)

    def guide(self, x):
        with poutine.scale(scale=self.scale), pyro.plate("data", len(x)):
            logits = self.recognition[0] + self.recognition[1] * x
            pyro.sample("z", dist.Bernoulli(logits=logits))


@pytest.mark.parametrize("insomnia", [0.0, 0.3, 1.0])
def test_neither_phase_counts_a_program_s_own_scales(insomnia):
    """Densities count without them, as in the importance-weighted bound."""
    gradients = []
    for scale in (1.0, 10.0):
        pyro.set_rng_seed(0)
        program, x = Coins(scale), (torch.arange(ROWS) % 2).double()
        WakeSleepELBO(4, insomnia).differentiable_loss(program.model, program.guide, x).backward()
        gradients.append(program.recognition.grad)
    assert gradients[0].abs().min() > 1e-3
    torch.testing.assert_close(gradients[1], gradients[0])
