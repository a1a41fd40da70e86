"""Latent-variable models compared with the usual ways to compute the same.

Mixture: 20 classes of Bernoulli pixels on 50,000 binary images of 784 pixels in one batch: a step
of SVI and an EM iteration. The usual way broadcasts images against classes, in a Pyro program or in
torch. It needs more memory than most machines have, so it is measured on a block of the images and
scaled. EM is also compared with whole arrays of images and classes, as in scikit-learn's
GaussianMixture.

Belief net: the exact likelihood of 1,000 binary images of 784 pixels under 16 latents, a sum over
65,536 states, compared with a mixture that has these states as classes.
"""

from functools import partial

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import TraceEnum_ELBO
from torch.nn import functional as F

import ppgen
from benchmarks.comparison import Comparison, Settings, Way
from benchmarks.steps import step_of_fit
from ppgen.data.batches import Batches
from ppgen.distributions import BernoulliTable
from ppgen.distributions.states import states
from ppgen.models import BernoulliMixture, SigmoidBeliefNet
from ppgen.models import bernoulli_mixture_em as em

CLASSES = 20


class PlainMixture(ppgen.Program):
    """A mixture as a user might write it; Pyro sums out the class."""

    objective = TraceEnum_ELBO(max_plate_nesting=1)

    def __init__(self, image_shape, observation):
        super().__init__()
        self.logits = torch.nn.Parameter(0.01 * torch.randn(CLASSES, *image_shape))
        self.weights = torch.nn.Parameter(torch.zeros(CLASSES))
        self.observation = observation

    def model(self, x):
        """Observe images."""
        with pyro.plate("data", len(x)):
            classes = dist.Categorical(logits=self.weights)
            z = pyro.sample("z", classes, infer={"enumerate": "parallel"})
            pyro.sample("x", self.observation(self.logits, z), obs=x)


def broadcast(logits, z):
    return dist.Bernoulli(logits=logits[z]).to_event(3)


def svi_step(name, program, x, scale=1.0):
    data = Batches(x, len(x), device=x.device)
    step = step_of_fit(program.to(x.device), data)
    return Way(name, lambda: step(data.data), scale)


def binary_images(settings: Settings, images):
    shape = settings.size((1, 28, 28), (1, 6, 6))
    return torch.bernoulli(torch.full((images, *shape), 0.13, device=settings.device))


def mixture_data(settings: Settings):
    """Return the images, and the block of them that is broadcast."""
    images, block = settings.size((50_000, 2_000), (100, 50))
    x = binary_images(settings, images)
    return x, x[:block]


def mixture_svi(settings: Settings):
    x, block = mixture_data(settings)
    usual, name = PlainMixture(x.shape[1:], broadcast), f"Pyro, broadcast, on {len(block):,} images"
    return Comparison(
        ours=svi_step("BernoulliMixture, fit", BernoulliMixture(x.shape[1:], CLASSES), x),
        others=(
            svi_step(name, usual, block, scale=len(x) / len(block)),
            svi_step("Pyro, BernoulliTable", PlainMixture(x.shape[1:], BernoulliTable), x),
        ),
        memory=True,
    )


def em_on_whole_arrays(x, class_logits, pixel_logits):
    """Return class and pixel probabilities after an iteration; x is ``(images, pixels)``."""
    white, black = F.logsigmoid(pixel_logits), F.logsigmoid(-pixel_logits)
    joint = x @ white.mT + (1 - x) @ black.mT + class_logits.log_softmax(0)
    posterior = (joint - joint.logsumexp(1, keepdim=True)).exp()
    images = posterior.sum(0)
    return images / len(x), posterior.mT @ x / images.unsqueeze(-1)


def em_by_broadcast(x, class_logits, pixel_logits):
    """Return the same from arrays ``(images, classes, pixels)``."""
    x = x.unsqueeze(1)
    joint = dist.Bernoulli(logits=pixel_logits).log_prob(x).sum(-1) + class_logits.log_softmax(0)
    posterior = joint.softmax(1)
    pixels = (posterior.unsqueeze(-1) * x).sum(0) / posterior.sum(0).unsqueeze(-1)
    return posterior.mean(0), pixels


def mixture_em(settings: Settings):
    x, block = mixture_data(settings)
    batches = Batches(x.to(torch.uint8), device=settings.device)
    class_logits, pixel_logits = em.starting_point(batches, CLASSES, seed=0)
    logits = {"class_logits": class_logits, "pixel_logits": pixel_logits.flatten(1)}
    arrays = partial(em_on_whole_arrays, x.flatten(1), **logits)
    usual = partial(em_by_broadcast, block.flatten(1), **logits)

    def ours():
        expected = em.expectation(class_logits, pixel_logits, batches)
        return em.maximisation(expected, pixel_logits)

    def check(images, probabilities):
        expected = em.expectation(class_logits, pixel_logits, Batches(images, device=images.device))
        _, found = em.maximisation(expected, pixel_logits)
        difference = (found.sigmoid().flatten(1) - probabilities()[1]).abs().max()
        return f"probabilities differ by {difference:.0e}"

    return Comparison(
        ours=Way("BernoulliMixture, EM", ours),
        others=(
            Way(
                f"EM by broadcast, on {len(block):,} images",
                usual,
                scale=len(x) / len(block),
                check=partial(check, block, usual),
            ),
            Way("EM on whole arrays", arrays, check=partial(check, x, arrays)),
        ),
        memory=True,
    )


def belief_net(settings: Settings, memory):
    latents, images = settings.size((16, 1000), (6, 20))
    x = binary_images(settings, images)
    net = SigmoidBeliefNet(x.shape[1:], [latents]).to(settings.device)
    chunk = min(2**latents, 4096)

    @torch.no_grad()
    def as_a_mixture():
        (conditional,) = net.conditionals
        index = torch.arange(chunk, device=x.device)[:, None]
        total = x.new_full((len(x),), -torch.inf)
        for start in range(0, 2**latents, chunk):
            z = states(range(start, start + chunk), latents).to(x)
            prior = dist.Bernoulli(logits=net.prior_logits).to_event(1).log_prob(z)
            table = conditional(z).unflatten(-1, x.shape[1:])
            joint = prior[:, None] + BernoulliTable(table, index).log_prob(x)
            total = torch.logaddexp(total, joint.logsumexp(0))
        return total

    @torch.no_grad()
    def ours():
        return net.log_likelihood(x, memory=memory)

    def check():
        return f"likelihoods differ by {(ours() - as_a_mixture()).abs().max():.0e} nats"

    return Comparison(
        ours=Way(f"SigmoidBeliefNet, {memory} MiB", ours),
        others=(Way("states as classes of a mixture", as_a_mixture, check=check),),
        memory=True,
    )


ROWS = {
    "mixture of 20 classes, a step of SVI": mixture_svi,
    "mixture of 20 classes, an EM iteration": mixture_em,
    "belief net of 16 latents, 256 MiB": partial(belief_net, memory=256),
    "belief net of 16 latents, 16 MiB": partial(belief_net, memory=16),
}
