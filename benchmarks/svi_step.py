"""One training step of a VAE (784-400-20, batch 128): by hand, by Pyro's SVI, and by ppgen.fit.

    python benchmarks/svi_step.py

All ways train nets of the same size on the same batch, in turns within one process. The loop by
hand is what one would write in torch alone, once with the optimiser's defaults and once with the
fused optimiser that ``fit`` uses.
"""

import argparse

import pyro
import pyro.optim
import torch
import torch.nn.functional as F
from pyro.infer import SVI, TraceMeanField_ELBO
from timing import interleaved, print_table
from torch import nn
from torch.optim import Adam

from ppgen.inference.compiled import CompiledGradients
from ppgen.inference.fitting import adam
from ppgen.inference.gradients import Objective
from ppgen.inference.step import Step
from ppgen.inference.training import TrainingState
from ppgen.models import VAE


def by_hand(x, fused):
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = Adam(parameters, lr=1e-3, fused=fused)
    x = x.flatten(1)

    def step():
        mean, log_var = encoder(x).chunk(2, -1)
        z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        reconstruction = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        kl = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum()
        loss = (reconstruction + kl) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def by_pyro(x, validation):
    vae = VAE.mlp((1, 28, 28), latent=20, hidden=(400,))

    def model(x):
        pyro.module(f"vae, validation {validation}", vae)
        return vae.model(x)

    svi = SVI(model, vae.guide, pyro.optim.Adam({"lr": 1e-3}), TraceMeanField_ELBO())

    def step():
        with pyro.validation_enabled(validation):
            return svi.step(x)

    return step


def by_fit(x, compiled):
    vae = VAE.mlp((1, 28, 28), latent=20, hidden=(400,))
    objective = Objective(vae)
    gradients = CompiledGradients(objective) if compiled else objective.gradients()
    step = Step(TrainingState.start(vae, adam), gradients)

    return lambda: step((x,))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--steps", type=int, default=30, help="steps a turn")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    x = torch.bernoulli(torch.full((128, 1, 28, 28), 0.13))
    ways = {
        "by hand": by_hand(x, fused=False),
        "by hand, fused": by_hand(x, fused=True),
        "Pyro's SVI.step": by_pyro(x, validation=True),
        "Pyro's SVI.step, no validation": by_pyro(x, validation=False),
        "fit, uncompiled": by_fit(x, compiled=False),
        "fit, compiled": by_fit(x, compiled=True),
    }
    with pyro.validation_enabled(False):
        times = interleaved(ways, options.rounds, options.steps)
    print_table(times, ["by hand", "by hand, fused"])


if __name__ == "__main__":
    main()
