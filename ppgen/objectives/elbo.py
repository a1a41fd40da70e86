"""The evidence lower bound in tensors alone, so that a training step can be compiled.

Pyro's own ELBO classes turn every site's term into a Python number, which no tracer can follow.
These compute the same estimates without leaving torch, and one value for each row of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pyro.distributions.util import scale_and_mask
from pyro.infer import ELBO
from pyro.infer.util import is_validation_enabled
from pyro.poutine import Trace
from torch import Tensor
from torch.distributions import kl_divergence

from ppgen.objectives.plates import RowPlates
from ppgen.objectives.traces import Site, log_density, log_prob, paired_traces, sample_sites


class TensorELBO(ELBO):
    r"""``pyro.infer.Trace_ELBO`` in tensors alone: E_q[log p(x, z) − log q(z | x)], in nats.

    Gradients flow through reparametrised sites. For others the score function is used (Ranganath
    et al. 2014, Black box variational inference, equation 2), so any guide is allowed, though
    ``pyro.infer.TraceGraph_ELBO`` has lower variance if sites are discrete.

    Parameters
    ----------
    num_particles
        Draws of the guide that every estimate is the mean of.

    Attributes
    ----------
    plates : RowPlates or None
        Plates over the rows; None: those of the size of the first argument.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> TensorELBO(num_particles=3).per_example(vae.model, vae.guide, torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5])
    """

    plates: RowPlates | None = None
    keeps_scale = True  # of sites, as programs set it

    def __init__(self, num_particles: int = 1) -> None:
        super().__init__(num_particles=num_particles)

    def differentiable_loss(
        self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Tensor:
        """Negative bound summed over the data; its gradient is an unbiased estimate."""
        loss = self._loss(model, guide, args, kwargs)
        for _ in range(self.num_particles - 1):
            loss = loss + self._loss(model, guide, args, kwargs)
        return loss / self.num_particles

    def per_example(
        self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Tensor:
        """Estimate the bound of each row, ``(rows,)``, in nats; shared sites are left out."""
        rows, _ = self.bounds(model, guide, *args, **kwargs)
        return rows

    def bounds(
        self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Estimate the bound's part of each row, ``(rows,)``, and that of shared sites, in nats."""
        rows, shared = self._bounds(model, guide, args, kwargs)
        for _ in range(self.num_particles - 1):
            more_rows, more_shared = self._bounds(model, guide, args, kwargs)
            rows, shared = rows + more_rows, shared + more_shared
        return rows / self.num_particles, shared / self.num_particles

    def loss(
        self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> float:
        """Negative bound summed over the data, as a number."""
        with torch.no_grad():
            return self.differentiable_loss(model, guide, *args, **kwargs).item()

    def loss_and_grads(
        self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> float:
        """Add the gradients of the loss to the parameters; what ``pyro.infer.SVI`` calls."""
        loss = self.differentiable_loss(model, guide, *args, **kwargs)
        if loss.requires_grad:
            loss.backward()
        return loss.item()

    def latent_term(self, model_site: Site, guide_site: Site, plates: RowPlates) -> Tensor:
        """Compute one latent site's part of the bound: log p(z) − log q(z) at the value drawn."""
        return log_prob(model_site) - log_prob(guide_site)

    def terms(
        self, model_trace: Trace, guide_trace: Trace, plates: RowPlates
    ) -> list[tuple[Tensor, Site]]:
        """Return every site's part of the bound, each in the shape of the site's plates."""
        drawn = sample_sites(guide_trace)
        terms = []
        for name, site in sample_sites(model_trace).items():
            if name in drawn and not site["is_observed"]:
                drawn_site = drawn.pop(name)
                terms.append((self.latent_term(site, drawn_site, plates), drawn_site))
            else:
                terms.append((log_prob(site), site))
        terms += [(-log_prob(site), site) for site in drawn.values()]  # auxiliary sites
        return terms

    def _get_trace(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[Trace, Trace]:
        return paired_traces(model, guide, args, kwargs)

    def _guessed_plates(self, model_trace: Trace, args: tuple[Any, ...]) -> RowPlates:
        rows = len(args[0]) if args and isinstance(args[0], Tensor) and args[0].dim() else 0
        return RowPlates.guess(model_trace, rows)

    def _loss(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Tensor:
        model_trace, guide_trace = paired_traces(model, guide, args, kwargs)
        plates = self.plates or self._guessed_plates(model_trace, args)
        terms = self.terms(model_trace, guide_trace, plates)
        loss = torch.zeros(())
        for term, _ in terms:
            loss = loss - term.sum()
        for site in sample_sites(guide_trace).values():
            if not site["fn"].has_rsample:
                return loss - _score_surrogate(terms, guide_trace, plates)
        return loss

    def _bounds(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[Tensor, Tensor]:
        model_trace, guide_trace = paired_traces(model, guide, args, kwargs)
        plates = self.plates or self._guessed_plates(model_trace, args)
        rows, shared = plates.sums(self.terms(model_trace, guide_trace, plates))
        return rows, shared.sum()


def _score_surrogate(
    terms: list[tuple[Tensor, Site]], guide_trace: Trace, plates: RowPlates
) -> Tensor:
    """Compute a number that is 0 and whose gradient is that of the score function."""
    rows, shared = plates.sums(terms)
    whole = (rows.sum() + shared.sum()).detach()
    surrogate = torch.zeros_like(whole)
    drawn_before: set[str] = set()
    for name, site in sample_sites(guide_trace).items():
        if not site["fn"].has_rsample:
            signal = whole
            if plates.holds(site):
                # A row's draw bears on its own row, and on shared sites that come after it.
                after = [t for t in terms if t[1]["name"] not in drawn_before]
                signal = (rows + plates.sums(after)[1]).detach()
            surrogate = surrogate + (signal * plates.per_row(log_density(site), site)).sum()
        drawn_before.add(name)
    return surrogate - surrogate.detach()


class MeanFieldELBO(TensorELBO):
    """``pyro.infer.TraceMeanField_ELBO`` in tensors alone: −KL(q ‖ p) in closed form if known.

    It is right if model and guide draw their latent sites in the same order (Pyro's condition).
    With validation on, another order is an error.

    Examples
    --------
    >>> import ppgen
    >>> vae, x = ppgen.models.VAE.mlp((1, 8, 8), latent=2), torch.zeros(5, 1, 8, 8)
    >>> ppgen.fit(vae, x, epochs=1, objective=MeanFieldELBO(), progress=False).last
    1
    """

    def terms(
        self, model_trace: Trace, guide_trace: Trace, plates: RowPlates
    ) -> list[tuple[Tensor, Site]]:
        """Return every site's part of the bound; with validation on, check the order of sites."""
        if is_validation_enabled():
            of_model, of_guide = orders(model_trace, guide_trace)
            if of_model != of_guide:
                raise ValueError(
                    f"the model draws its latent sites in the order {of_model}, the guide in the "
                    f"order {of_guide}; MeanFieldELBO needs the same order: name TensorELBO instead"
                )
        return super().terms(model_trace, guide_trace, plates)

    def latent_term(self, model_site: Site, guide_site: Site, plates: RowPlates) -> Tensor:
        """Compute one latent site's part of the bound: −KL(q ‖ p), estimated if unknown."""
        try:
            kl = kl_divergence(guide_site["fn"], model_site["fn"])
        except NotImplementedError:
            return super().latent_term(model_site, guide_site, plates)
        return -scale_and_mask(kl, scale=guide_site["scale"], mask=guide_site["mask"])


def orders(model_trace: Trace, guide_trace: Trace) -> list[list[str]]:
    """Return the latent sites of model and guide, in the order in which each draws them."""
    return [
        [name for name in sample_sites(trace) if name in other.nodes]
        for trace, other in ((model_trace, guide_trace), (guide_trace, model_trace))
    ]
