"""Annealed importance sampling: log p(x) without a guide."""

import math
from itertools import pairwise
from typing import Any

import torch
from pyro.ops.integrator import velocity_verlet
from torch import Tensor

from ppgen.arguments import Positive, Seed, Size, checked
from ppgen.data.batch import Batch, Data
from ppgen.data.batches import Batches, Transform
from ppgen.data.streams import count_rows
from ppgen.inference.evaluate import Estimate
from ppgen.inference.local_latents import LocalLatents, Values
from ppgen.program import Program, accept
from ppgen.running import evaluating


@checked
def ais(
    program: Any,
    data: Data,
    chains: Size = 16,
    temperatures: Size = 1000,
    *,
    leapfrogs: Size = 10,
    step_size: Positive = 0.1,
    transform: Transform | None = None,
    chunk: Size = 20_000,
    seed: Seed = 0,
) -> Estimate:
    """Estimate log p(x) of each image by annealed importance sampling from the prior.

    Chains go from the prior p(z) to the posterior p(z | x) through p(z) p(x | z)^β, with β from 0
    to 1 on a sigmoid schedule, by Hamiltonian Monte Carlo (Neal 2001, Annealed importance
    sampling; Wu, Burda, Salakhutdinov and Grosse 2017, On the quantitative analysis of
    decoder-based generative models, section 2.2). A lower bound in expectation, which needs no
    guide: it tells how much of another bound's gap is the guide's. It takes the gradient of the
    decoder about ``(chains + 1) × temperatures × leapfrogs`` times for each image: try a few images
    first. Errors are those of :func:`fit_latents`.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts, its latents continuous.
    data
        Images ``(batch, channel, height, width)``, or a tuple of them and what the model takes.
    chains, temperatures
        Chains of each image, and their steps from prior to posterior; the more, the tighter.
    leapfrogs, step_size
        Steps of the leapfrog integrator at each temperature, and their size at the start; a chain
        that runs ahead for each image adapts it to each temperature, towards 65 % acceptance.
    transform, chunk, seed
        As for :func:`ppgen.iwae`, with chains for particles.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> ais(vae, torch.zeros(3, 1, 8, 8), chains=2, temperatures=5).per_example.shape
    torch.Size([3])
    """
    program = accept(program)
    batch_size = min(max(1, chunk // chains), count_rows(data))
    batches = Batches(data, batch_size, transform, program.device).cast_for(program)
    estimates = []
    schedule = _sigmoid_schedule(temperatures)
    with evaluating(program, seed):
        LocalLatents(program, batches.first())  # checks all rows
        for batch in batches:
            step_sizes = _tuned_step_sizes(program, batch, schedule[1:], leapfrogs, step_size)
            state = _Chains(program, batch.repeated(chains))
            weights = torch.zeros_like(state.log_likelihood)
            for (before, beta), tuned in zip(pairwise(schedule), step_sizes, strict=True):
                weights += (beta - before) * state.log_likelihood
                state.step(beta, leapfrogs, tuned.repeat(chains))
            estimates.append(weights.view(chains, -1).logsumexp(0) - math.log(chains))
    return Estimate(torch.cat(estimates).cpu())


def _sigmoid_schedule(temperatures: int) -> list[float]:
    # Dense near both ends, where the distribution changes fastest.
    ramp = torch.linspace(-4, 4, temperatures + 1, dtype=torch.float64).sigmoid()
    return ((ramp - ramp[0]) / (ramp[-1] - ramp[0])).tolist()


def _tuned_step_sizes(
    program: Program, batch: Batch, betas: list[float], leapfrogs: int, step_size: float
) -> list[Tensor]:
    """Find step sizes for each temperature, ``(batch,)`` each, by one chain for each image.

    It is none of those that are weighed: a chain whose steps depend on its own past does not leave
    its target as it is, and the estimates would come out too high.
    """
    chains = _Chains(program, batch)
    sizes = [torch.full_like(chains.log_likelihood, step_size)]
    for beta in betas:
        accepted = chains.step(beta, leapfrogs, sizes[-1])
        # In balance where 65 % are accepted.
        factor = torch.where(accepted, 1.02, 1.02 ** (-0.65 / 0.35))
        sizes.append(sizes[-1] * factor.to(sizes[-1]))
    return sizes[:-1]


class _Chains:
    """One chain of Hamiltonian Monte Carlo (Neal 2011) for each row of a batch, from the prior."""

    def __init__(self, program: Program, batch: Batch) -> None:
        self.latents = LocalLatents(program, batch)
        start = self.latents.from_prior()
        self.shapes = {name: z.shape for name, z in start.items()}
        self.values = {name: z.reshape(len(z), -1) for name, z in start.items()}  # vectors
        self.log_prior, self.log_likelihood = self._log_probs(self.values)

    def step(self, beta: float, leapfrogs: int, step_sizes: Tensor) -> Tensor:
        """Move every chain once under p(z) p(x | z)^beta; tell which accepted the move."""

        def potential(values: Values) -> Tensor:
            log_prior, log_likelihood = self._log_probs(values)
            return -(log_prior + beta * log_likelihood).sum()

        momenta = {name: torch.randn_like(z) for name, z in self.values.items()}
        energy = self.log_prior + beta * self.log_likelihood - _kinetic(momenta)
        with torch.enable_grad():
            values, momenta, _, _ = velocity_verlet(
                self.values, momenta, potential, lambda r: r, step_sizes[:, None], leapfrogs
            )
        log_prior, log_likelihood = self._log_probs(values)
        new_energy = log_prior + beta * log_likelihood - _kinetic(momenta)
        accepted = torch.rand_like(energy).log() < new_energy - energy
        self.values = {n: values[n].where(accepted[:, None], z) for n, z in self.values.items()}
        self.log_prior = log_prior.where(accepted, self.log_prior)
        self.log_likelihood = log_likelihood.where(accepted, self.log_likelihood)
        return accepted

    def _log_probs(self, values: Values) -> tuple[Tensor, Tensor]:
        shaped = {name: z.view(self.shapes[name]) for name, z in values.items()}
        return self.latents.log_probs(shaped, self.latents.batch)


def _kinetic(momenta: Values) -> Tensor:
    return torch.stack([p.square().sum(1) for p in momenta.values()]).sum(0) / 2
