"""Latent variables that are summed out: a bound for each row."""

from typing import Any

import torch
from opt_einsum import shared_intermediates
from pyro import poutine
from pyro.infer import TraceEnum_ELBO, config_enumerate
from pyro.infer.traceenum_elbo import _compute_model_factors
from pyro.infer.util import Dice, is_validation_enabled
from pyro.ops import packed
from pyro.ops.contract import contract_tensor_tree
from pyro.ops.rings import SampleRing
from pyro.poutine import Trace
from pyro.util import check_site_shape
from torch import Tensor

from ppgen.objectives.elbo import Fn, TensorELBO, log_density, log_prob, sample_sites, unscaled
from ppgen.objectives.plates import RowPlates, Site


class EnumeratedELBO(TensorELBO):
    """``pyro.infer.TraceEnum_ELBO`` in tensors alone, of a model that needs no guide: log p(x).

    Every latent site of the model is discrete and lies in the plate over the rows and in no other;
    the sum goes over all their joint states at once, exactly. Unlike Pyro's class this one can be
    compiled. If latents lie in further plates, or a guide draws some of them, name Pyro's class.

    Examples
    --------
    >>> import pyro
    >>> import pyro.distributions as dist
    >>> def model(x):
    ...     with pyro.plate("data", len(x)):
    ...         z = pyro.sample("z", dist.Categorical(torch.tensor([0.2, 0.8])))
    ...         pyro.sample("x", dist.Bernoulli(torch.tensor([0.5, 0.1])[z]), obs=x)
    >>> EnumeratedELBO().per_example(model, lambda x: None, torch.tensor([0.0, 1.0])).exp()
    tensor([0.8200, 0.1800])
    """

    def _loss(self, model: Fn, guide: Fn, args: Any, kwargs: Any) -> Tensor:
        rows, shared = self._bounds(model, guide, args, kwargs)
        return -rows.sum() - shared

    def _bounds(self, model: Fn, guide: Fn, args: Any, kwargs: Any) -> tuple[Tensor, Tensor]:
        drawn = sample_sites(poutine.trace(guide).get_trace(*args, **kwargs))
        if drawn:
            raise ValueError(
                f"the guide draws {', '.join(drawn)}, and EnumeratedELBO takes an empty one; name "
                "pyro.infer.TraceEnum_ELBO or ppgen.objectives.TensorELBO"
            )
        enumerated = poutine.enum(config_enumerate(model, "parallel"), first_available_dim=-2)
        trace = poutine.trace(enumerated).get_trace(*args, **kwargs)
        plates = self._plates_of(trace, args)
        joint, apart, shared = torch.zeros(1, 1), torch.zeros(1), torch.zeros(())
        scales = set()
        for name, site in sample_sites(trace).items():
            _check(name, site, plates)
            if is_validation_enabled():
                site["log_prob"] = log_prob(site)
                check_site_shape(site, max_plate_nesting=1)
            # A mask applies inside the sum over states, and not to their probabilities, which sum
            # to one; a scale applies to the sum.
            summed = "_enumerate_dim" in site["infer"]
            term = unscaled(site) if summed else log_density(site)
            if not plates.holds(site):
                shared = shared + log_prob(site).sum()
            elif summed or term.dim() > 1:
                joint = joint + term  # (*states, rows)
                scale = site["scale"]
                if isinstance(scale, Tensor) and scale.numel() > 1:
                    scales.update(scale.flatten().tolist())
                else:
                    scales.add(float(scale))
            else:
                apart = apart + log_prob(site)
        if len(scales) > 1:
            raise ValueError(
                f"the sites that are summed over have the scales {scales}; expected one scale"
            )
        summed_out = joint.flatten(0, -2).logsumexp(0) * next(iter(scales), 1.0)
        return summed_out + apart, shared


class SummedOutELBO(TensorELBO):
    """The estimate of ``pyro.infer.TraceEnum_ELBO``, one value a row; to judge by, not to train by.

    Pyro contracts the factors of a model to terms that keep the plate over the rows. The estimate
    is linear in these, so its derivative in a weight of each row's terms is the row's part.
    """

    def __init__(self, nesting: int, num_particles: int = 1) -> None:
        super().__init__(num_particles)
        self.max_plate_nesting = nesting

    def _bounds(self, model: Fn, guide: Fn, args: Any, kwargs: Any) -> tuple[Tensor, Tensor]:
        pyros = TraceEnum_ELBO(
            max_plate_nesting=self.max_plate_nesting, strict_enumeration_warning=False
        )
        traces = pyros._get_traces(model, guide, args, kwargs)
        parts = [self._parts(of_model, of_guide, args) for of_model, of_guide in traces]
        rows = torch.stack([row for row, _ in parts]).sum(0)
        return rows, torch.stack([shared for _, shared in parts]).sum()

    def _parts(
        self, model_trace: Trace, guide_trace: Trace, args: tuple[Any, ...]
    ) -> tuple[Tensor, Tensor]:
        plates = self._plates_of(model_trace, args)
        symbols = {
            symbol for name, symbol in model_trace.plate_to_symbol.items() if name in plates.names
        }
        costs, ordering = _costs(model_trace, guide_trace)
        terms: list[Any] = [t for ts in costs.values() for t in ts]  # packed, by Pyro's symbols
        size = next(
            (t.shape[t._pyro_dims.index(s)] for t in terms for s in symbols if s in t._pyro_dims), 1
        )
        like = terms[0] if terms else torch.zeros(())
        weight = torch.ones(size, dtype=like.dtype, device=like.device, requires_grad=True)
        with torch.enable_grad():
            weighed = {
                ordinal: [_times(term, weight, symbols & ordinal) for term in some]
                for ordinal, some in costs.items()
            }
            expectation = Dice(guide_trace, ordering).compute_expectation(weighed)
            expectation = expectation + 0 * weight.sum()  # also if no term has rows
            (rows,) = torch.autograd.grad(expectation, weight)
        return rows, expectation.detach() - rows.sum()


def _times(term: Any, weight: Any, symbols: set[str]) -> Any:
    """Multiply a packed term by the weights of the rows, if it has any."""
    constant, constant_weight = term.detach(), weight.view_as(weight)
    constant._pyro_dims = term._pyro_dims
    if not symbols:
        return constant
    constant_weight._pyro_dims = next(iter(symbols))
    first, second = packed.broadcast_all(constant, constant_weight)
    product = first * second
    product._pyro_dims = first._pyro_dims
    return product


def _costs(model_trace: Trace, guide_trace: Trace) -> tuple[dict[Any, list[Tensor]], Any]:
    """Sum out what the model enumerates; return the terms of the bound in their plates."""
    costs, factors, ordering, sum_dims, scale = _compute_model_factors(model_trace, guide_trace)
    if factors:
        sizes: dict[str, int] = {}
        for terms in factors.values():
            for term in terms:
                sizes.update(zip(term._pyro_dims, term.shape, strict=True))
        with shared_intermediates() as cache:
            ring = SampleRing(cache=cache, dim_to_size=sizes)
            factors = contract_tensor_tree(factors, sum_dims, ring=ring)
        for ordinal, terms in factors.items():
            scaled = [packed.scale_and_mask(term, scale=scale) for term in terms]
            costs.setdefault(ordinal, []).extend(scaled)
    for name, site in guide_trace.nodes.items():
        if site["type"] == "sample":
            costs.setdefault(ordering[name], []).append(packed.neg(site["packed"]["log_prob"]))
    return costs, ordering


def _check(name: str, site: Site, plates: RowPlates) -> None:
    enumerated = "_enumerate_dim" in site["infer"] and plates.holds(site)
    around = [frame for frame in site["cond_indep_stack"] if frame.vectorized]
    if not (site["is_observed"] or enumerated) or any(frame.dim != -1 for frame in around):
        names = ", ".join(frame.name for frame in around) or "no plate"
        raise ValueError(
            f"the site {name!r} is {site['fn']} in the plates: {names}; EnumeratedELBO expects "
            "the plate over the rows alone, and finite support if the site is latent; name "
            "pyro.infer.TraceEnum_ELBO, or draw latents in a guide and name another ELBO"
        )
