"""Images: the site that observes them, and images of which only some pixels are known."""

from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions import Independent, Unit
from pyro.poutine import Trace
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.distributions import biject_to

from ppgen.data.batch import Batch, repeat_rows
from ppgen.data.batches import observed_batches
from ppgen.objectives.elbo import sample_sites
from ppgen.objectives.plates import Site, is_factor
from ppgen.program import Program


def image_site(program: Program, trace: Trace, names: Sequence[str] = ()) -> Site:
    """Return the site of the images in a trace of the model.

    It is the one that the program names as ``site``; else the only one among ``names``, or among
    the observed sites, or the one called ``"x"``. Raises a ValueError if there is none, or several.
    """
    sites = {name: site for name, site in sample_sites(trace).items() if not is_factor(site)}
    if program.site is not None:
        names = [program.site]
    elif not names:
        # Without data nothing is observed.
        names = [name for name, site in sites.items() if site["is_observed"]] or list(sites)
        names = [name for name in names if sites[name]["fn"].event_dim == 3] or names
    if len(names) != 1 and "x" in sites:
        names = ["x"]
    if len(names) != 1 or names[0] not in sites:
        raise ValueError(
            f"site is {program.site!r}, and the model observes {', '.join(names) or 'no site'} of "
            f"{', '.join(sites) or 'no sites'}; expected one site of images: name it by "
            "ppgen.as_program(program, site=...)"
        )
    return sites[names[0]]


def observed_batch(
    program: Program, x: Tensor, *context: Tensor, observed: Tensor | None
) -> tuple[Batch, Tensor | None]:
    """Return images as one batch of the program's type, 0 at missing pixels, and their masks.

    Raises a ValueError if the masks have the wrong type or shape, or observed pixels are not
    finite.
    """
    batches = observed_batches((x, *context), observed, len(x), program.device)
    batch = batches.cast_for(program).first()
    if observed is None:
        return batch, None
    return Batch.of(batch.args[:-1]), batch[-1]


class ObservedPixels(Messenger):
    """A handler that leaves the missing pixels of a site out of its log-probability.

    Pixels are independent given the latents, or their distribution has a method
    ``prefix_log_prob(value, observed)``, as :class:`ppgen.distributions.Autoregressive` has; else
    the site raises a ValueError. If a program runs on the images several times over, the masks
    ``observed``, booleans of the images' shape, are repeated with them.
    """

    def __init__(self, observed: Tensor, site: str) -> None:
        super().__init__()
        self.observed, self.site = observed, site

    def _pyro_sample(self, msg: dict[str, Any]) -> None:
        if msg["name"] != self.site:
            return
        fn = msg["fn"]
        observed = repeat_rows(self.observed, fn.batch_shape[-1] // len(self.observed))
        if hasattr(fn, "prefix_log_prob"):
            msg["fn"] = Unit(fn.prefix_log_prob(msg["value"], observed))
            msg["value"] = msg["value"].new_empty(*fn.batch_shape, 0)  # as at a factor
            return
        if not isinstance(fn, Independent) or fn.reinterpreted_batch_ndims != fn.event_dim:
            raise ValueError(
                f"the site {self.site!r} has the distribution {type(fn).__name__}, whose pixels "
                "are not independent given the latents; expected one such as "
                "Bernoulli(...).to_event(3), "
                "or one with prefix_log_prob(value, observed), such as Autoregressive"
            )
        msg["fn"] = fn.base_dist.mask(observed).to_event(fn.reinterpreted_batch_ndims)
        if msg["is_observed"]:
            msg["value"] = msg["value"].where(observed, _inside(fn.base_dist.support))


def _inside(support: Any) -> Tensor:
    """Return a value inside a support, outside of which gradients may be NaN; 0 if discrete."""
    try:
        return biject_to(support)(torch.zeros(()))
    except NotImplementedError:
        return torch.zeros(())
