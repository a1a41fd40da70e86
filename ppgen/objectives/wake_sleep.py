"""Reweighted wake–sleep, row by row."""

import math
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from ppgen.arguments import Share, checked
from ppgen.objectives.elbo import Fn, latent_sites, log_density, sample_sites
from ppgen.objectives.importance import ImportanceWeightedELBO, Several


@checked
class WakeSleepELBO(ImportanceWeightedELBO):
    r"""Reweighted wake–sleep: the model ascends the bound over k draws, the guide fits posteriors.

    The model's parameters ascend the importance-weighted bound log 1/k Σ w_i with
    w_i = p(x, z_i) / q(z_i | x). The guide's ascend

    .. math::
        \text{insomnia} \sum_i \frac{w_i}{\sum_j w_j} \log q(z_i \mid x)
        + (1 - \text{insomnia}) \log q(z' \mid x'), \qquad x', z' \sim p,

    in the wake phase with the weights held fixed, in the sleep phase on data that the model
    dreams, one dream for each row of the batch (Bornschein and Bengio 2015, Reweighted wake-sleep,
    section 2). Reparametrised sites of the guide get the gradient of the bound instead of that of
    the wake phase.

    ``pyro.infer.ReweightedWakeSleep`` does the same to a single row. It weighs joint draws of the
    latents of all rows of a batch, so that nearly all the weight falls on one draw.

    Parameters
    ----------
    num_particles
        k; 2 or more.
    insomnia
        Share of the wake phase in the guide's gradient. Dreams replace the arguments that the model
        observes.

    Examples
    --------
    >>> import ppgen
    >>> net, x = ppgen.models.SigmoidBeliefNet((1, 8, 8), [3]), torch.zeros(5, 1, 8, 8)
    >>> ppgen.fit(net, x, epochs=1, objective=WakeSleepELBO(5), progress=False).last
    1
    """

    def __init__(self, num_particles: Several = 10, insomnia: Share = 1.0) -> None:
        super().__init__(num_particles)
        self.insomnia = insomnia

    def differentiable_loss(self, model: Fn, guide: Fn, *args: Any, **kwargs: Any) -> Tensor:
        """Negative bound summed over the data; its gradient is that of wake–sleep."""
        weights, log_q = self.log_weights(model, guide, *args, **kwargs)
        bound = weights.logsumexp(0) - math.log(self.num_particles)
        # The bound's own gradient holds −log q at these weights: cancel it, then add the phase.
        surrogate = (1 + self.insomnia) * (weights.softmax(0).detach() * log_q).sum()
        if self.insomnia < 1:
            dreamed = _log_q_of_dreams(model, guide, args, kwargs)
            surrogate = surrogate + (1 - self.insomnia) * dreamed
        return -bound.sum() - (surrogate - surrogate.detach())


def _log_q_of_dreams(model: Fn, guide: Fn, args: Any, kwargs: Any) -> Tensor:
    """Draw latents and data from the model; compute log q of the latents given that data."""
    with torch.no_grad():
        dream = poutine.trace(poutine.uncondition(model)).get_trace(*args, **kwargs)
    dreamed = {
        id(site["infer"]["obs"]): site["value"]
        for site in sample_sites(dream).values()
        if site["infer"].get("was_observed")
    }
    args = tuple(dreamed.get(id(value), value) for value in args)
    kwargs = {name: dreamed.get(id(value), value) for name, value in kwargs.items()}
    recognised = poutine.trace(poutine.replay(guide, trace=dream)).get_trace(*args, **kwargs)
    log_qs = [log_density(site).sum() for site in latent_sites(recognised).values()]
    return torch.stack(log_qs).sum()
