"""Reweighted wake–sleep, image by image."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from ppgen.objectives.importance import ImportanceWeightedELBO


class WakeSleepELBO(ImportanceWeightedELBO):
    r"""Reweighted wake–sleep: the model ascends the bound over k draws, the guide fits posteriors.

    The model's parameters ascend the importance-weighted bound log 1/k Σ w_i, where
    w_i = p(x, z_i) / q(z_i | x). The guide's ascend

    .. math::
        \text{insomnia} \sum_i \frac{w_i}{\sum_j w_j} \log q(z_i \mid x)
        + (1 - \text{insomnia}) \log q(z' \mid x'), \qquad x', z' \sim p,

    in the wake phase with the weights held fixed, in the sleep phase on images that the model
    dreams, as many as there are in the batch (Bornschein and Bengio 2015, Reweighted wake-sleep,
    section 2). Sites of the guide that are reparametrised get the gradient of the bound in the wake
    phase's place.

    ``pyro.infer.ReweightedWakeSleep`` does the same to a single image; of a batch it weighs joint
    draws of the latents of all images, so that nearly all the weight falls on one of them.

    Parameters
    ----------
    num_particles
        k; 2 or more.
    insomnia
        Share of the wake phase in the guide's gradient. Where it is less than 1, the model draws
        the dreams as ``model(None, *context, n=n)``.
    data_size
        As for :class:`ppgen.objectives.ImportanceWeightedELBO`.

    Raises
    ------
    ValueError
        Where there are fewer than two particles, or ``insomnia`` does not lie between 0 and 1.

    Examples
    --------
    >>> import ppgen
    >>> net, x = ppgen.models.SigmoidBeliefNet((1, 8, 8), [3]), torch.zeros(5, 1, 8, 8)
    >>> ppgen.fit(net, x, epochs=1, objective=WakeSleepELBO(5), progress=False).last
    1
    """

    def __init__(
        self, num_particles: int = 10, insomnia: float = 1.0, data_size: int | None = None
    ) -> None:
        super().__init__(num_particles, data_size)
        if not 0 <= insomnia <= 1:
            raise ValueError(f"insomnia is {insomnia}; expected a share between 0 and 1")
        self.insomnia = insomnia

    def differentiable_loss(
        self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, *context: Tensor
    ) -> Tensor:
        """Negative bound summed over the batch; its gradient is that of wake–sleep."""
        weights, log_q = self.log_weights(model, guide, x, *context)
        bound = weights.logsumexp(0) - math.log(self.num_particles)
        # The bound's own gradient holds −log q at these weights: once undone, and then the phase.
        surrogate = (1 + self.insomnia) * (weights.softmax(0).detach() * log_q).sum()
        if self.insomnia < 1:
            surrogate = surrogate + (1 - self.insomnia) * _log_q_of_dreams(model, guide, x, context)
        return -bound.sum() - (surrogate - surrogate.detach())


def _log_q_of_dreams(
    model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, context: tuple[Tensor, ...]
) -> Tensor:
    """Draw latents and images from the model; give log q of the latents given the images."""
    with torch.no_grad():
        dream = poutine.trace(model).get_trace(None, *context, n=len(x))
    recognised = poutine.replay(guide, trace=dream)
    return poutine.trace(recognised).get_trace(dream.nodes["x"]["value"], *context).log_prob_sum()
