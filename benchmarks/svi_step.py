"""One training step of a VAE (784-400-20, batch 128): by hand, by Pyro's SVI, and by ppgen.fit.

All train nets of the same size on the same batch. The loop by hand is plain torch, with default or
fused Adam, which ``fit`` uses. Reading the loss makes the CPU wait for a GPU at each step; ``fit``
reads it every tenth step, so the loop is also measured without reading it.
"""

from functools import partial

import pyro
import pyro.optim
import torch
import torch.nn.functional as F
from pyro.infer import SVI, JitTrace_ELBO, TraceMeanField_ELBO
from torch import nn
from torch.optim import Adam

from benchmarks.comparison import Comparison, Settings, Way
from benchmarks.steps import step_of_fit
from ppgen.data.batches import Batches
from ppgen.models import VAE
from ppgen.training.compiled import Mode


def by_hand(x, adam, read=True):
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40)).to(x.device)
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784)).to(x.device)
    optimizer = adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
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
        return loss.item() if read else loss

    return step


def our_vae(x):
    return VAE.mlp((1, 28, 28), latent=20, hidden=(400,)).to(x.device)


def by_pyro(x, elbo, validation=False):
    vae = our_vae(x)
    name = f"{type(elbo).__name__}, validation {validation}"

    def model(x):
        pyro.module(name, vae)
        return vae.model(x)

    svi = SVI(model, vae.guide, pyro.optim.Adam({"lr": 1e-3}), elbo)

    def step():
        with pyro.validation_enabled(validation):
            return svi.step(x)

    return step


def step(settings: Settings, mode: Mode):
    x = torch.bernoulli(torch.full((128, 1, 28, 28), 0.13, device=settings.device))
    data = Batches(x, len(x), device=x.device)
    ours = step_of_fit(our_vae(x), data, mode=mode)

    def check():
        reason = getattr(ours.update, "reason", "")
        return f"runs {reason}" if reason else ""

    fused = partial(Adam, fused=True)
    jit = JitTrace_ELBO(ignore_jit_warnings=True)
    return Comparison(
        ours=Way("fit", lambda: ours(data.data), check=check),
        others=(
            Way("by hand in torch", by_hand(x, Adam)),
            Way("by hand in torch, fused Adam", by_hand(x, fused)),
            Way("by hand in torch, fused Adam, loss not read", by_hand(x, fused, read=False)),
            Way("Pyro's SVI.step", by_pyro(x, TraceMeanField_ELBO(), validation=True)),
            Way("Pyro's SVI.step, no validation", by_pyro(x, TraceMeanField_ELBO())),
            Way("Pyro's JitTrace_ELBO, no validation", by_pyro(x, jit)),
        ),
        repeats=settings.size(30, 1),
    )


ROWS = {
    "a step of the VAE, uncompiled": partial(step, mode="off"),
    "a step of the VAE, compiled": partial(step, mode="on"),
}
