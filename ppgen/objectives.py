"""The evidence lower bound in tensors alone, so that a training step can be compiled.

Pyro's own ELBO classes turn every site's term into a Python number, which no tracer can follow.
These compute the same estimates, one value an image, without leaving torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pyro import poutine
from pyro.distributions.util import is_identically_zero, scale_and_mask
from pyro.infer import ELBO
from pyro.infer.util import is_validation_enabled
from pyro.poutine import Trace
from pyro.util import check_site_shape
from torch import Tensor
from torch.distributions import kl_divergence

Site = dict[str, Any]

PARTICLES = "particles"  # the plate of repeated draws, left of all others


class TensorELBO(ELBO):
    r"""``pyro.infer.Trace_ELBO`` in tensors alone: E_q[log p(x, z) − log q(z | x)], in nats.

    Gradients flow through reparametrised sites; for others the score function is used
    (Ranganath et al. 2014, Black box variational inference, equation 2), so any guide is allowed,
    though ``pyro.infer.TraceGraph_ELBO`` has lower variance where sites are discrete.

    Where a site lies outside the batch plate, all images share its term evenly.

    Parameters
    ----------
    num_particles
        Draws of the guide that every estimate is the mean of.
    """

    def __init__(self, num_particles: int = 1) -> None:
        super().__init__(num_particles=num_particles)

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
            elbo, score = self._draw(model, guide, x, *context)
            loss = -elbo.sum()
            if not is_identically_zero(score):
                surrogate = (elbo.detach() * score).sum()
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
    ) -> tuple[Tensor, Tensor | float]:
        model_trace, guide_trace = importance_traces(model, guide, x, *context)
        elbo: Tensor | float = 0.0
        score: Tensor | float = 0.0
        for name, site in sample_sites(model_trace).items():
            if site["is_observed"]:
                elbo = elbo + per_image(log_prob(model_trace, name), site, x)
            else:
                guide_site = guide_trace.nodes[name]
                elbo = elbo + per_image(
                    self.latent_term(name, model_trace, guide_trace), guide_site, x
                )
        for name, site in sample_sites(guide_trace).items():
            if name not in model_trace.nodes:  # auxiliary
                elbo = elbo - per_image(log_prob(guide_trace, name), site, x)
            if not site["fn"].has_rsample:
                score = score + per_image(log_prob(guide_trace, name), site, x)
        return torch.as_tensor(elbo).expand(len(x)), score

    def latent_term(self, name: str, model_trace: Trace, guide_trace: Trace) -> Tensor:
        """One latent site's part of the bound: log p(z) − log q(z) at the value drawn."""
        return log_prob(model_trace, name) - log_prob(guide_trace, name)


class MeanFieldELBO(TensorELBO):
    """``pyro.infer.TraceMeanField_ELBO`` in tensors alone: −KL(q ‖ p) in closed form where known.

    Right where model and guide draw their latent sites in the same order (Pyro's condition);
    with validation on, another order is an error.
    """

    def latent_term(self, name: str, model_trace: Trace, guide_trace: Trace) -> Tensor:
        """One latent site's part of the bound: −KL(q ‖ p), or its estimate where unknown."""
        site = guide_trace.nodes[name]
        try:
            kl = kl_divergence(site["fn"], model_trace.nodes[name]["fn"])
        except NotImplementedError:
            return super().latent_term(name, model_trace, guide_trace)
        if is_validation_enabled():
            _check_same_order(model_trace, guide_trace)
        return -scale_and_mask(kl, scale=site["scale"], mask=site["mask"])


def importance_traces(
    model: Callable[..., Any], guide: Callable[..., Any], *args: Tensor
) -> tuple[Trace, Trace]:
    """Run the guide, then the model on the guide's draws; return both traces, the model's first.

    Raises
    ------
    ValueError
        Where the model has a latent site that the guide does not draw.
    """
    guide_trace = poutine.trace(guide).get_trace(*args)
    model_trace = poutine.trace(poutine.replay(model, trace=guide_trace)).get_trace(*args)
    for name, site in sample_sites(model_trace).items():
        if not site["is_observed"] and name not in guide_trace.nodes:
            raise ValueError(
                f"the model's latent site {name!r} is missing from the guide, which draws "
                f"{list(sample_sites(guide_trace)) or 'nothing'}; draw it there, or name an ELBO "
                "that sums it out, such as pyro.infer.TraceEnum_ELBO"
            )
    if is_validation_enabled():
        for trace in (model_trace, guide_trace):
            trace.compute_log_prob()
            for site in sample_sites(trace).values():
                check_site_shape(site, max_plate_nesting=float("inf"))
    return model_trace, guide_trace


def sample_sites(trace: Trace) -> dict[str, Site]:
    """Sample statements of a trace, without those that only choose a plate's subsample."""
    return {
        name: site
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and not poutine.util.site_is_subsample(site)
    }


def log_prob(trace: Trace, name: str) -> Tensor:
    """Log-probability at one site, scaled and masked as Pyro does, shape of its plates."""
    trace.compute_log_prob(lambda other, _: other == name)
    return trace.nodes[name]["log_prob"]


def per_image(value: Tensor, site: Site, x: Tensor) -> Tensor:
    """Sum a site's term over its plates down to ``(batch,)``, or ``(particles, batch)``.

    The batch plate is the outermost of the batch's size. A site outside of it counts an equal
    part in every image.
    """
    frames = [frame for frame in site["cond_indep_stack"] if frame.vectorized]
    particles = next((frame.dim for frame in frames if frame.name == PARTICLES), None)
    batch = next((f.dim for f in frames if f.size == len(x) and f.name != PARTICLES), None)
    inner = [dim for dim in range(-value.dim(), 0) if dim not in (batch, particles)]
    if inner:
        value = value.sum(inner)
    return value if batch is not None else (value / len(x)).unsqueeze(-1)


def _check_same_order(model_trace: Trace, guide_trace: Trace) -> None:
    orders = [
        [name for name in sample_sites(trace) if name in other.nodes]
        for trace, other in ((model_trace, guide_trace), (guide_trace, model_trace))
    ]
    if orders[0] != orders[1]:
        raise ValueError(
            f"the model draws its latent sites in the order {orders[0]}, the guide in the order "
            f"{orders[1]}; MeanFieldELBO needs the same order: name TensorELBO instead"
        )
