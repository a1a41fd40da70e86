"""Latent-variable models beside the usual ways to compute the same.

    python benchmarks/latent.py
    python benchmarks/latent.py mixture
    python benchmarks/latent.py belief_net

mixture: a Bernoulli mixture of 20 classes on 50,000 binary images of 784 pixels, all in one step:
time and peak memory of a step of SVI and of an EM iteration, against a Pyro program that
broadcasts images against classes. The broadcast would not fit into most memories: it is measured
on a block of the images, and both its figures multiplied by the number of blocks.

belief_net: the exact likelihood of 1,000 binary images of 784 pixels under a sigmoid belief net of
16 latents, a sum over 65,536 states, against the same sum with the states as the classes of a
mixture, which meets every image pixel by pixel.
"""

import argparse
import os
from functools import partial
from itertools import accumulate

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import TraceEnum_ELBO
from timing import interleaved, print_table
from torch.profiler import ProfilerActivity, profile

import ppgen
from ppgen.batches import Batches
from ppgen.distributions import BernoulliTable
from ppgen.distributions.sigmoid_belief import states
from ppgen.inference.fitting import adam
from ppgen.inference.gradients import Objective
from ppgen.inference.step import Step
from ppgen.inference.training import TrainingState
from ppgen.models import BernoulliMixture, SigmoidBeliefNet
from ppgen.models import bernoulli_mixture_em as em


class PlainMixture(ppgen.Program):
    """A mixture as a user might write it, its class summed out by Pyro."""

    elbo = TraceEnum_ELBO(max_plate_nesting=1)

    def __init__(self, classes, observation):
        super().__init__()
        self.logits = torch.nn.Parameter(0.01 * torch.randn(classes, 1, 28, 28))
        self.weights = torch.nn.Parameter(torch.zeros(classes))
        self.observation = observation

    def model(self, x):
        """Observe images."""
        with pyro.plate("data", len(x)):
            classes = dist.Categorical(logits=self.weights)
            z = pyro.sample("z", classes, infer={"enumerate": "parallel"})
            pyro.sample("x", self.observation(self.logits, z), obs=x)


def broadcast(logits, z):
    return dist.Bernoulli(logits=logits[z]).to_event(3)


def svi_step(program, x):
    state = TrainingState.start(program, adam)
    step = Step(state, Objective(program, data_size=len(x)).gradients())
    return lambda: step((x,))


def mixture(options):
    images, block, classes = options.images, options.block, 20
    x = torch.bernoulli(torch.full((images, 1, 28, 28), 0.13))
    batches = Batches(x.to(torch.uint8))
    logits = em.starting_point(batches, classes, seed=0)

    def em_iteration():
        em.maximisation(em.expectation(*logits, batches), logits[1])

    usual = f"Pyro, broadcast ({block} images × {images / block:g})"
    ways = {
        usual: svi_step(PlainMixture(classes, broadcast), x[:block]),
        "Pyro, BernoulliTable": svi_step(PlainMixture(classes, BernoulliTable), x),
        "BernoulliMixture, a step of fit": svi_step(BernoulliMixture((1, 28, 28), classes), x),
        "BernoulliMixture, an EM iteration": em_iteration,
    }
    print(f"\n## A mixture of {classes} classes, {images} images of 784 pixels\n")
    times = interleaved(ways, options.rounds, 1)
    memory = {name: peak_memory(run) for name, run in ways.items()}
    times[usual] = [seconds * images / block for seconds in times[usual]]
    memory[usual] *= images / block
    print_table(times, [usual])
    print("\npeak memory beyond the data, MiB")
    for name, peak in memory.items():
        print(f"{name:45s} {peak:10.1f}   1/{memory[usual] / peak:.0f}")


def belief_net(options):
    latents, chunk = 16, 4096
    net = SigmoidBeliefNet((1, 28, 28), [latents])
    x = torch.bernoulli(torch.full((1000, 1, 28, 28), 0.13))

    @torch.no_grad()
    def as_a_mixture():
        (conditional,) = net.conditionals
        total = torch.full((len(x),), -torch.inf)
        for start in range(0, 2**latents, chunk):
            z = states(range(start, start + chunk), latents, like=x)
            prior = dist.Bernoulli(logits=net.prior_logits).to_event(1).log_prob(z)
            table = conditional(z).unflatten(-1, (1, 28, 28))
            joint = prior[:, None] + BernoulliTable(table, torch.arange(chunk)[:, None]).log_prob(x)
            total = torch.logaddexp(total, joint.logsumexp(0))
        return total

    def whole(memory):
        with torch.no_grad():
            return net.log_likelihood(x, memory)

    torch.testing.assert_close(whole(256.0), as_a_mixture(), rtol=1e-5, atol=1e-2)
    usual = "states as classes of a mixture"
    ways = {usual: as_a_mixture, **{f"belief net, {m} MiB": partial(whole, m) for m in (256, 16)}}
    print(f"\n## A belief net of {latents} latents, {len(x)} images of 784 pixels, exactly\n")
    print(f"load before: {os.getloadavg()[0]:.1f} processes")
    print_table(interleaved(ways, options.rounds, 1), [usual], unit="s")
    for name, run in ways.items():
        print(f"{name}: peak memory {peak_memory(run):.0f} MiB")


def peak_memory(run):
    """MiB that are allocated at once by torch while something runs."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events = profiler.profiler.kineto_results.events()
    allocations = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return max(accumulate(size for _, size in allocations)) / 2**20


ROWS = {"mixture": mixture, "belief_net": belief_net}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--block", type=int, default=2_000, help="images of the broadcast")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with pyro.validation_enabled(False):
        for row in options.rows or ROWS:
            ROWS[row](options)


if __name__ == "__main__":
    main()
