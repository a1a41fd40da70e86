"""Sigmoid belief net: binary latents in layers, fitted exactly or by variational inference."""

from collections.abc import Sequence
from itertools import pairwise
from math import log, prod
from typing import Annotated, Any, cast

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ppgen.arguments import Positive, Size, Such, checked
from ppgen.distributions import SigmoidBelief
from ppgen.images import ImageShape, check_batch, check_binary
from ppgen.likelihoods import at_least_float32
from ppgen.models.networks import mlp
from ppgen.models.posteriors import FactorisedBernoulli, Posterior, layer_sites
from ppgen.objectives import ImportanceWeightedELBO
from ppgen.program import Program

LAYERS = "one or more layers, each a number of latents or a family of binary vectors"


@checked
class SigmoidBeliefNet(Program):
    """z_m ~ Bern(sigmoid(b_m)), x_d | z ~ Bern(sigmoid(z · w_d + c_d)); or several layers of z.

    Each layer is drawn given the one above, the image given the lowest (Neal 1992, Connectionist
    learning of belief networks). The guide draws the layers from the image up; each has its own
    encoder and family q. The sites are ``"z"`` for the lowest layer, then ``"z2"`` and so on.
    ``prior_logits`` is b of the top layer, ``(latents,)``; ``conditionals`` are linear layers (wᵀ,
    c) from each layer of latents down, the one to the pixels first.

    Three objectives suit it: VIMCO's bound over k draws
    (:class:`ppgen.objectives.ImportanceWeightedELBO`; by default over 5), reweighted wake–sleep
    (:class:`ppgen.objectives.WakeSleepELBO`), and NVIL by ``pyro.infer.TraceGraph_ELBO()``, which
    subtracts the ``baselines`` from the learning signal (Mnih and Gregor 2014, Neural variational
    inference and learning in belief networks, section 2.3). With few latents
    :class:`ExactSigmoidBeliefNet` trains the same net by the exact likelihood.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    latents
        One or more layers from the lowest up: a number of latents, for a factorised q, or a family
        of binary vectors, such as :class:`ppgen.models.posteriors.AutoregressiveBernoulli`.
    hidden
        Hidden layer sizes (tanh) of each encoder and each baseline.

    Examples
    --------
    >>> net = SigmoidBeliefNet((1, 8, 8), latents=[10])
    >>> net.model(n=3).shape
    torch.Size([3, 1, 8, 8])
    >>> x = torch.zeros(5, 1, 8, 8)
    >>> net.log_likelihood(x).shape  # exact: a sum over 2^10 states
    torch.Size([5])
    """

    objective = ImportanceWeightedELBO(5)

    def __init__(
        self,
        image_shape: ImageShape,
        latents: Annotated[Sequence[Posterior | Size], Such(len, LAYERS)] = (200,),
        hidden: Sequence[Size] = (200,),
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        families = [FactorisedBernoulli(q) if isinstance(q, int) else q for q in latents]
        self.latents = tuple(family.latent for family in families)
        self.sites = layer_sites(len(families))
        sizes = list(pairwise([prod(image_shape), *self.latents]))
        self.prior_logits = nn.Parameter(torch.zeros(self.latents[-1]))
        self.conditionals = nn.ModuleList(nn.Linear(above, below) for below, above in sizes)
        self.families = nn.ModuleList(families)
        self.encoders = nn.ModuleList(
            mlp([below, *hidden, family.outputs], nn.Tanh)
            for (below, _), family in zip(sizes, families, strict=True)
        )
        self.baselines = nn.ModuleList(Baseline(below, hidden) for below, _ in sizes)

    def model(self, x: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw the latents from the top down, then the image at site ``"x"``."""
        logits: Tensor = self.prior_logits
        layers = zip(reversed(self.sites), reversed(self.conditionals), strict=True)
        with pyro.plate("data", n if x is None else len(x)):
            for site, conditional in layers:
                z = pyro.sample(site, dist.Bernoulli(logits=logits).to_event(1))
                logits = at_least_float32(conditional(z.to(self.prior_logits)))
            pixels = dist.Bernoulli(logits=logits.unflatten(-1, self.image_shape)).to_event(3)
            return pyro.sample("x", pixels, obs=x)

    def guide(self, x: Tensor) -> Any:
        """Draw the latents from the image up and return the top layer."""
        check_batch(x, self.image_shape)
        below = x.flatten(-3)
        layers = zip(self.sites, self.encoders, self.families, self.baselines, strict=True)
        with pyro.plate("data", len(x)):
            for site, encoder, family, baseline in layers:
                below = below.to(self.prior_logits)
                infer = {"baseline": {"nn_baseline": baseline, "nn_baseline_input": below}}
                below = pyro.sample(site, family(encoder(below)), infer=infer)
        return below

    @checked
    def distribution(self, memory: Positive = 256.0) -> SigmoidBelief:
        """Return p(x) with the latents summed out: at most 20 in any two neighbouring layers.

        ``memory`` is the MiB that the states of the latents may take at a time. Raises a ValueError
        if there are too many.
        """
        conditionals = cast("list[nn.Linear]", self.conditionals)
        layers = [(layer.weight.mT, layer.bias) for layer in conditionals]
        return SigmoidBelief(self.image_shape, self.prior_logits, layers, memory)

    @checked
    def log_likelihood(self, x: Tensor, *, memory: Positive = 256.0) -> Tensor:
        """Return exact log p(x) of binary images, ``(batch,)``, nats; see :meth:`distribution`."""
        p = self.distribution(memory)
        check_batch(x, self.image_shape)
        check_binary(x)
        return p.log_prob(x)


@checked
class ExactSigmoidBeliefNet(Program):
    """Belief net with its latents summed out, so that its ELBO is log p(x).

    Training it trains ``net``; see :meth:`SigmoidBeliefNet.distribution` for ``memory``.

    Examples
    --------
    >>> import ppgen
    >>> digits = ppgen.data.load("digits").binarized()
    >>> net = SigmoidBeliefNet(digits.image_shape, latents=[8])
    >>> history = ppgen.fit(
    ...     ExactSigmoidBeliefNet(net), digits.train.images, epochs=1, progress=False
    ... )
    """

    def __init__(self, net: SigmoidBeliefNet, memory: Positive = 256.0) -> None:
        super().__init__()
        net.distribution(memory)
        self.net, self.memory = net, memory

    def model(self, x: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw the image at site ``"x"``."""
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", self.net.distribution(self.memory), obs=x)

    @checked
    def log_likelihood(self, x: Tensor) -> Tensor:
        """Return exact log p(x) of each image, as :meth:`SigmoidBeliefNet.log_likelihood`."""
        return self.net.log_likelihood(x, memory=self.memory)


class Baseline(nn.Module):
    """Predict a layer's terms of the bound from the ``inputs`` units of the layer below, for NVIL.

    A perceptron predicts nats per unit, at first −log 2: of order one for images of any size.
    """

    def __init__(self, inputs: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.inputs = inputs
        self.network = mlp([inputs, *hidden, 1], nn.Tanh)
        for parameter in self.network[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, below: Tensor) -> Tensor:
        """Return the prediction in nats, ``(*batch)``, for units ``(*batch, inputs)``."""
        return self.inputs * (self.network(below).squeeze(-1) - log(2))
