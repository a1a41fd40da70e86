"""The evidence lower bound in tensors alone, so that a training step can be compiled.

Pyro's own ELBO classes turn every site's term into a Python number, which no tracer can follow.
These compute the same estimates, one value an image, without leaving torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pyro.distributions.util import is_identically_zero, scale_and_mask
from pyro.infer import ELBO
from pyro.infer.util import is_validation_enabled
from pyro.poutine import Trace
from torch import Tensor
from torch.distributions import kl_divergence

from ppgen.objectives.traces import BatchPlate, importance_traces, log_prob, sample_sites, score


class TensorELBO(ELBO):
    r"""``pyro.infer.Trace_ELBO`` in tensors alone: E_q[log p(x, z) − log q(z | x)], in nats.

    Gradients flow through reparametrised sites; for others the score function is used
    (Ranganath et al. 2014, Black box variational inference, equation 2), so any guide is allowed,
    though ``pyro.infer.TraceGraph_ELBO`` has lower variance where sites are discrete.

    A site outside the batch plate, such as a weight with a prior, is shared by all images of the
    data set: each image counts an equal part of its term.

    Parameters
    ----------
    num_particles
        Draws of the guide that every estimate is the mean of.
    data_size
        Images of the whole data set, among which the terms of shared sites are divided; None: the
        batch is the data set.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> TensorELBO(num_particles=3).per_image(vae.model, vae.guide, torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5])
    """

    def __init__(self, num_particles: int = 1, data_size: int | None = None) -> None:
        super().__init__(num_particles=num_particles)
        self.data_size = data_size

    def per_image(
        self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, *context: Tensor
    ) -> Tensor:
        """Estimate the bound of each image by draws of the guide, ``(batch,)``, in nats."""
        draws = [self._draw(model, guide, x, *context)[0] for _ in range(self.num_particles)]
        return torch.stack(draws).mean(0)

    def differentiable_loss(
        self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, *context: Tensor
    ) -> Tensor:
        """Negative bound summed over the batch; its gradient is an unbiased estimate."""
        losses = []
        for _ in range(self.num_particles):
            elbo, own, shared = self._draw(model, guide, x, *context)
            loss = -elbo.sum()
            if not (is_identically_zero(own) and is_identically_zero(shared)):
                fixed = elbo.detach()
                surrogate = (fixed * own).sum() + fixed.sum() * shared
                loss = loss - (surrogate - surrogate.detach())
            losses.append(loss)
        return losses[0] if len(losses) == 1 else torch.stack(losses).mean()

    def loss(self, model: Callable[..., Any], guide: Callable[..., Any], *args: Tensor) -> float:
        """Negative bound summed over the batch, as a number."""
        with torch.no_grad():
            return self.differentiable_loss(model, guide, *args).item()

    def loss_and_grads(
        self, model: Callable[..., Any], guide: Callable[..., Any], *args: Tensor
    ) -> float:
        """Add the gradients of the loss to the parameters; what ``pyro.infer.SVI`` calls."""
        loss = self.differentiable_loss(model, guide, *args)
        loss.backward()
        return loss.item()

    def latent_term(self, name: str, model_trace: Trace, guide_trace: Trace) -> Tensor:
        """One latent site's part of the bound: log p(z) − log q(z) at the value drawn."""
        return log_prob(model_trace, name) - log_prob(guide_trace, name)

    def weighted(self, nats: Tensor) -> Tensor:
        """Weigh a latent site's part of each image's bound, ``(batch,)``: here by 1."""
        return nats

    def _get_trace(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Tensor, ...],
        kwargs: dict[str, Any],
    ) -> tuple[Trace, Trace]:
        return importance_traces(model, guide, *args)

    def _draw(
        self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor, *context: Tensor
    ) -> tuple[Tensor, Tensor | float, Tensor | float]:
        """Draw once: the bound of each image, its own sites' score, and the shared sites'."""
        model_trace, guide_trace = importance_traces(model, guide, x, *context)
        plate = BatchPlate(model_trace, x)
        elbo = torch.zeros((), device=x.device)
        own: Tensor | float = 0.0
        shared: Tensor | float = 0.0

        def add(each: Tensor, site: dict[str, Any]) -> Tensor:
            return elbo + (each if plate.holds(site) else each / (self.data_size or len(x)))

        for name, site in sample_sites(model_trace).items():
            if site["is_observed"]:
                elbo = add(plate.per_image(log_prob(model_trace, name), site), site)
            else:
                term = self.latent_term(name, model_trace, guide_trace)
                drawn = guide_trace.nodes[name]
                elbo = add(self.weighted(plate.per_image(term, drawn)), drawn)
        for name, site in sample_sites(guide_trace).items():
            if name not in model_trace.nodes:  # auxiliary
                elbo = add(plate.per_image(-log_prob(guide_trace, name), site), site)
            if not site["fn"].has_rsample:
                term = plate.per_image(score(guide_trace, name), site)
                if plate.holds(site):
                    own = own + term
                else:
                    shared = shared + term.sum()
        return elbo.expand(len(x)), own, shared


class MeanFieldELBO(TensorELBO):
    """``pyro.infer.TraceMeanField_ELBO`` in tensors alone: −KL(q ‖ p) in closed form where known.

    Right where model and guide draw their latent sites in the same order (Pyro's condition);
    with validation on, another order is an error.

    Examples
    --------
    >>> import ppgen
    >>> vae, x = ppgen.models.VAE.mlp((1, 8, 8), latent=2), torch.zeros(5, 1, 8, 8)
    >>> ppgen.fit(vae, x, epochs=1, objective=MeanFieldELBO(), progress=False).last
    1
    """

    def latent_term(self, name: str, model_trace: Trace, guide_trace: Trace) -> Tensor:
        """One latent site's part of the bound: −KL(q ‖ p), or its estimate where unknown."""
        site = guide_trace.nodes[name]
        try:
            kl = kl_divergence(site["fn"], model_trace.nodes[name]["fn"])
        except NotImplementedError:
            return super().latent_term(name, model_trace, guide_trace)
        if is_validation_enabled():
            of_model, of_guide = orders(model_trace, guide_trace)
            if of_model != of_guide:
                raise ValueError(
                    f"the model draws its latent sites in the order {of_model}, the guide in the "
                    f"order {of_guide}; MeanFieldELBO needs the same order: name TensorELBO instead"
                )
        return -scale_and_mask(kl, scale=site["scale"], mask=site["mask"])


def orders(model_trace: Trace, guide_trace: Trace) -> list[list[str]]:
    """Return the latent sites of model and guide, in the order in which each draws them."""
    return [
        [name for name in sample_sites(trace) if name in other.nodes]
        for trace, other in ((model_trace, guide_trace), (guide_trace, model_trace))
    ]
