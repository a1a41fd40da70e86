"""Images under a sigmoid belief net, with its binary latents summed out exactly."""

from collections.abc import Sequence
from functools import partial, reduce
from itertools import pairwise
from math import prod
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from ppgen.arguments import Positive, checked
from ppgen.distributions.enumerated import BinaryImages
from ppgen.distributions.states import states
from ppgen.images import ImageShape

MOST_LATENTS = 20
"""Largest number of binary latents in a sum, which is over one layer or two neighbouring ones."""


@checked
class SigmoidBelief(BinaryImages):
    r"""p(x) = Σ_z p(x | z_1) p(z_1 | z_2) … p(z_L), with Bernoulli units given the layer above.

    See Neal 1992, Connectionist learning of belief networks, section 2. With one layer of M
    latents, weights w, biases c and prior logits b, the sum has 2^M terms:

    .. math::
        \log p(x) = c \cdot x + \log \sum_z \exp\Big(z \cdot (w x) + \log p(z)
            - \sum_d \log(1 + e^{z \cdot w_d + c_d})\Big).

    The normalisers depend on the states alone, and images enter as vectors of M numbers. So N
    images of D pixels cost 2^M (D + N) M operations; going through the pixels of every image would
    cost 2^M D (N + M). Higher layers are summed out in the same way from the top down, with the
    states of the layer below in place of images.

    Raises a ValueError if shapes do not match, ``memory`` is not positive, or there are too many
    states to sum over.

    Parameters
    ----------
    image_shape
        ``(channel, height, width)``.
    prior_logits
        b of the top layer, ``(latents,)``.
    layers
        Weights ``(latents, units below)`` and biases ``(units below,)`` of each layer of latents,
        starting above the pixels.
    memory
        Largest size of one chunk of states, in MiB; a chunk has one state or more. With several
        chunks, gradients compute each a second time instead of storing it.

    Examples
    --------
    Two latents, each of which turns on one of two pixels:

    >>> weights, biases = 4 * torch.eye(2), torch.full((2,), -2.0)
    >>> p = SigmoidBelief((1, 1, 2), torch.zeros(2), [(weights, biases)])
    >>> p.log_prob(torch.tensor([[[[0.0, 1.0]]], [[[1.0, 1.0]]]])).exp()
    tensor([0.2500, 0.2500])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    shared = ("prior_logits", "layers", "memory")
    typed_like = "prior_logits"

    def __init__(
        self,
        image_shape: ImageShape,
        prior_logits: Tensor,
        layers: Sequence[tuple[Tensor, Tensor]],
        memory: Positive = 256.0,
        validate_args: bool | None = None,
    ) -> None:
        sizes = [prod(image_shape), *(len(weight) for weight, _ in layers)]
        _check_layers(sizes, prior_logits, layers)
        self.prior_logits, self.layers, self.memory = prior_logits, tuple(layers), memory
        super().__init__(torch.Size(), torch.Size(image_shape), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """Not implemented; raises NotImplementedError with the alternatives."""
        raise NotImplementedError(
            "the mean of images under a sigmoid belief net is a sum over all states of its latents,"
            " which is not computed; expected draws, or their average: p.sample((1000,)).mean(0)"
        )

    def _log_prob(self, value: Tensor) -> Tensor:
        log_prior = _log_prior(self.prior_logits)
        for weight, bias in reversed(self.layers[1:]):
            below = states(range(2 ** len(bias)), len(bias), device=bias.device).to(bias.dtype)
            log_prior = self._log_sum(below, log_prior, weight, bias)
        images = value.reshape(-1, self.event_shape.numel()).to(self.prior_logits.dtype)
        log_prob = self._log_sum(images, log_prior, *self.layers[0])
        batch_shape = torch.broadcast_shapes(value.shape[:-3], self.batch_shape)
        return log_prob.view(value.shape[:-3]).expand(batch_shape)

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw images layer by layer, ``(*sample_shape, *batch, channel, height, width)``."""
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            logits = self.prior_logits.expand(*shape[:-3], -1)
            for weight, bias in reversed(self.layers):
                logits = torch.bernoulli(logits.sigmoid()) @ weight + bias
            return torch.bernoulli(logits.sigmoid()).view(shape)

    def _log_sum(self, values: Tensor, log_prior: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        # log Σ_z p(z) p(value | z) for each row, given log p(z) for all states of the layer above.
        latents, units = weight.shape
        per_state = 4 * (len(values) + units + 2 * latents) * weight.element_size()
        size = max(1, int(self.memory * 2**20 / per_state))
        seen = values @ weight.mT

        def chunk(start: int) -> Tensor:
            numbers = range(2**latents)[start : start + size]
            z = states(numbers, latents, device=weight.device).to(weight.dtype)
            log_normaliser = F.softplus(z @ weight + bias).sum(-1)
            own = log_prior[start : start + size] - log_normaliser
            return torch.addmm(own, seen, z.mT).logsumexp(-1)

        starts = range(0, 2**latents, size)
        if len(starts) > 1 and torch.is_grad_enabled():
            again = partial(checkpoint, chunk, use_reentrant=False, preserve_rng_state=False)
            parts = map(again, starts)
        else:
            parts = map(chunk, starts)
        return reduce(torch.logaddexp, parts) + values @ bias


def _log_prior(logits: Tensor) -> Tensor:
    # For all states of independent latents: each latent doubles the table of those before it.
    table = logits.new_zeros(1)
    for logit in logits:
        table = torch.cat([table + F.logsigmoid(-logit), table + F.logsigmoid(logit)])
    return table


def _check_layers(
    sizes: Sequence[int], prior_logits: Tensor, layers: Sequence[tuple[Tensor, Tensor]]
) -> None:
    expected = [((above, below), (below,)) for below, above in pairwise(sizes)]
    found = [(tuple(weight.shape), tuple(bias.shape)) for weight, bias in layers]
    if not layers or found != expected or prior_logits.shape != (sizes[-1],):
        raise ValueError(
            f"prior_logits has the shape {tuple(prior_logits.shape)}, weights and biases of the "
            f"layers have {found}; expected (latents of the top layer,), and "
            f"(latents, units below) and (units below,) from {sizes[0]} pixels up"
        )
    # A sum is over the joint states of two layers at a time; higher ones are summed out before.
    latents = sizes[1:]
    most = max(map(sum, pairwise(latents)), default=latents[0])
    if most > MOST_LATENTS:
        raise ValueError(
            f"latents are {tuple(latents)}: the exact likelihood would be a sum over 2^{most} ≈ "
            f"{2.0**most:.1e} joint states; expected at most {MOST_LATENTS} binary latents, "
            f"{2**MOST_LATENTS:,} states, in one layer or two neighbouring ones: take a bound "
            "instead, by ppgen.elbo or ppgen.iwae"
        )
