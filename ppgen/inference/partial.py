"""Images of which only some pixels are known."""

from __future__ import annotations

from typing import Any

from pyro.distributions import Independent
from pyro.poutine.messenger import Messenger
from torch import Tensor


class ObservedPixels(Messenger):
    """A handler that leaves the missing pixels of the site ``"x"`` out of its log-probability.

    Parameters
    ----------
    observed
        Which pixels are known, booleans that broadcast to the images.

    Raises
    ------
    ValueError
        At the site ``"x"``, where its pixels are not independent given the latents, so that a
        missing one cannot be left out.
    """

    def __init__(self, observed: Tensor) -> None:
        super().__init__()
        self.observed = observed

    def _pyro_sample(self, msg: dict[str, Any]) -> None:
        if msg["name"] != "x":
            return
        fn = msg["fn"]
        if not isinstance(fn, Independent) or fn.reinterpreted_batch_ndims != fn.event_dim:
            raise ValueError(
                f"the site 'x' has the distribution {type(fn).__name__}, whose pixels are not "
                "independent given the latents; expected one such as Bernoulli(...).to_event(3)"
            )
        msg["fn"] = fn.base_dist.mask(self.observed).to_event(fn.reinterpreted_batch_ndims)
