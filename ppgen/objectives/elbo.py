"""The evidence lower bound in tensors alone, so that a training step can be compiled.

Pyro's own ELBO classes turn every site's term into a Python number, which no tracer can follow.
These compute the same estimates without leaving torch, and one value for each row of the data.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from pyro import poutine
from pyro.distributions.util import scale_and_mask
from pyro.infer import ELBO
from pyro.infer.util import is_validation_enabled
from pyro.poutine import Trace
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch.distributions import kl_divergence

from ppgen.arguments import Size, checked
from ppgen.objectives.plates import RowPlates, Site, frames

Fn = Callable[..., Any]
"""A model or a guide."""

Traces = tuple[Trace, Trace]
"""Of model and guide."""


def paired_traces(model: Fn, guide: Fn, args: Any = (), kwargs: Any = None) -> Traces:
    """Run the guide, then the model on the guide's draws; return both traces, the model's first."""
    kwargs = kwargs or {}
    guide_trace = poutine.trace(guide).get_trace(*args, **kwargs)
    replayed = poutine.replay(model, trace=guide_trace)
    return poutine.trace(replayed).get_trace(*args, **kwargs), guide_trace


def sample_sites(trace: Trace) -> dict[str, Site]:
    """Return the sample statements of a trace that have a probability.

    Statements that only choose a plate's subsample, or record what is computed
    (``pyro.deterministic``), have none.
    """
    return {
        name: site
        for name, site in trace.nodes.items()
        if site["type"] == "sample"
        and not site_is_subsample(site)
        and not site["infer"].get("_deterministic")
    }


def latent_sites(trace: Trace) -> dict[str, Site]:
    """Return the sample statements that are not observed."""
    return {name: site for name, site in sample_sites(trace).items() if not site["is_observed"]}


def log_prob(site: Site) -> Tensor:
    """Compute the log-probability at a site, scaled and masked as Pyro does, in nats."""
    return scale_and_mask(unscaled(site), scale=site["scale"], mask=site["mask"])


def log_density(site: Site) -> Tensor:
    """Compute the log-probability at a site, masked but not scaled, in nats."""
    return scale_and_mask(unscaled(site), mask=site["mask"])


def unscaled(site: Site) -> Tensor:
    """Compute the log-probability at a site, neither scaled nor masked, in nats."""
    return site["fn"].log_prob(site["value"], *site["args"], **site["kwargs"])


def plate_nesting(traces: Iterable[Trace]) -> int:
    """Count the dimensions that the plates of some traces take."""
    sites = [site for trace in traces for site in sample_sites(trace).values()]
    return max((-f.dim for site in sites for f in frames(site)), default=0)


def guessed_plates(trace: Trace, rows: int) -> RowPlates:
    """Take the plates along the first dimension of observed data, if they have its size.

    If nothing is observed along one, the outermost plates of that size count as such. A plate of
    another meaning may have the same size by chance; :func:`find_structure` runs the program on
    fewer rows to tell.
    """
    sites = sample_sites(trace).values()
    sized = [(frame, site) for site in sites for frame in frames(site) if frame.size == rows]
    along = {
        frame.name
        for frame, site in sized
        if site["is_observed"] and frame.dim == site["fn"].event_dim - site["value"].dim()
    }
    outermost = min((frame.dim for frame, _ in sized), default=0)
    return RowPlates(frozenset(along or {f.name for f, _ in sized if f.dim == outermost}))


@checked
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

    def __init__(self, num_particles: Size = 1) -> None:
        super().__init__(num_particles=num_particles)

    def differentiable_loss(self, model: Fn, guide: Fn, *args: Any, **kwargs: Any) -> Tensor:
        """Negative bound summed over the data; its gradient is an unbiased estimate."""
        loss = self._loss(model, guide, args, kwargs)
        for _ in range(self.num_particles - 1):
            loss = loss + self._loss(model, guide, args, kwargs)
        return loss / self.num_particles

    def bounds(self, model: Fn, guide: Fn, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Estimate the bound's part of each row, ``(rows,)``, and that of shared sites, in nats."""
        rows, shared = self._bounds(model, guide, args, kwargs)
        for _ in range(self.num_particles - 1):
            more_rows, more_shared = self._bounds(model, guide, args, kwargs)
            rows, shared = rows + more_rows, shared + more_shared
        return rows / self.num_particles, shared / self.num_particles

    def per_example(self, model: Fn, guide: Fn, *args: Any, **kwargs: Any) -> Tensor:
        """Estimate the bound of each row, ``(rows,)``, in nats; shared sites are left out."""
        return self.bounds(model, guide, *args, **kwargs)[0]

    def loss(self, model: Fn, guide: Fn, *args: Any, **kwargs: Any) -> float:
        """Negative bound summed over the data, as a number."""
        with torch.no_grad():
            return self.differentiable_loss(model, guide, *args, **kwargs).item()

    def loss_and_grads(self, model: Fn, guide: Fn, *args: Any, **kwargs: Any) -> float:
        """Add the gradients of the loss to the parameters; what ``pyro.infer.SVI`` calls."""
        loss = self.differentiable_loss(model, guide, *args, **kwargs)
        if loss.requires_grad:
            loss.backward()
        return loss.item()

    def latent_term(self, model_site: Site, guide_site: Site, plates: RowPlates) -> Tensor:
        """Compute one latent site's part of the bound: log p(z) − log q(z) at the value drawn."""
        return log_prob(model_site) - log_prob(guide_site)

    def terms(self, traces: Traces, plates: RowPlates) -> list[tuple[Tensor, Site]]:
        """Return every site's part of the bound, each in the shape of the site's plates."""
        drawn = sample_sites(traces[1])
        terms = []
        for name, site in sample_sites(traces[0]).items():
            if name in drawn and not site["is_observed"]:
                drawn_site = drawn.pop(name)
                terms.append((self.latent_term(site, drawn_site, plates), drawn_site))
            else:
                terms.append((log_prob(site), site))
        terms += [(-log_prob(site), site) for site in drawn.values()]  # auxiliary sites
        return terms

    def _get_trace(self, model: Fn, guide: Fn, args: Any, kwargs: Any) -> Traces:
        return paired_traces(model, guide, args, kwargs)

    def _plates_of(self, model_trace: Trace, args: Any) -> RowPlates:
        if self.plates is not None:
            return self.plates
        rows = len(args[0]) if args and isinstance(args[0], Tensor) and args[0].dim() else 0
        return guessed_plates(model_trace, rows)

    def _loss(self, model: Fn, guide: Fn, args: Any, kwargs: Any) -> Tensor:
        traces = paired_traces(model, guide, args, kwargs)
        plates = self._plates_of(traces[0], args)
        terms = self.terms(traces, plates)
        loss = torch.zeros(())
        for term, _ in terms:
            loss = loss - term.sum()
        for site in sample_sites(traces[1]).values():
            if not site["fn"].has_rsample:
                return loss - _score_surrogate(terms, traces[1], plates)
        return loss

    def _bounds(self, model: Fn, guide: Fn, args: Any, kwargs: Any) -> tuple[Tensor, Tensor]:
        traces = paired_traces(model, guide, args, kwargs)
        plates = self._plates_of(traces[0], args)
        rows, shared = plates.sums(self.terms(traces, plates))
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

    def terms(self, traces: Traces, plates: RowPlates) -> list[tuple[Tensor, Site]]:
        """Return every site's part of the bound; with validation on, check the order of sites."""
        if is_validation_enabled():
            of_model, of_guide = orders(traces)
            if of_model != of_guide:
                raise ValueError(
                    f"the model draws its latent sites in the order {of_model}, the guide in the "
                    f"order {of_guide}; MeanFieldELBO needs the same order: name TensorELBO instead"
                )
        return super().terms(traces, plates)

    def latent_term(self, model_site: Site, guide_site: Site, plates: RowPlates) -> Tensor:
        """Compute one latent site's part of the bound: −KL(q ‖ p), estimated if unknown."""
        try:
            kl = kl_divergence(guide_site["fn"], model_site["fn"])
        except NotImplementedError:
            return super().latent_term(model_site, guide_site, plates)
        return -scale_and_mask(kl, scale=guide_site["scale"], mask=guide_site["mask"])


def orders(traces: Traces) -> list[list[str]]:
    """Return the latent sites of model and guide, in the order in which each draws them."""
    return [
        [name for name in sample_sites(trace) if name in other.nodes]
        for trace, other in (traces, traces[::-1])
    ]
