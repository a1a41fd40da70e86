"""Importance weights of rows: log p − log q of their own sites, and of what they share."""

from typing import Any

import torch
from pyro import poutine
from pyro.infer import config_enumerate
from pyro.poutine import Trace
from pyro.poutine.messenger import Messenger
from torch import Tensor

from ppgen.data.batch import Batch
from ppgen.objectives.elbo import latent_sites, paired_traces
from ppgen.objectives.enumerated import EnumeratedELBO, SummedOutELBO
from ppgen.objectives.importance import Draws, split_weight
from ppgen.objectives.objective import Objective
from ppgen.objectives.plates import Site


class RowWeights:
    """Draw latents from the guide, and weigh each draw: log p(x, z) − log q(z | x), in nats.

    Scales do not count, and of the guide only its latent sites. What the model marks for
    enumeration is summed out; what the guide marks is drawn.

    ``latents_shared`` says whether rows share a latent site, ``together`` whether several draws are
    made at once.
    """

    def __init__(self, objective: Objective, batch: Batch) -> None:
        program, self.structure = objective.program, objective.structure
        self.plates = self.structure.plates
        sums_out = isinstance(objective.elbo, EnumeratedELBO)
        self.model = config_enumerate(program.model, "parallel") if sums_out else program.model
        self.guide = poutine.block(program.guide, hide_fn=_is_no_latent)
        self.enumerated = self.structure.enumerated or sums_out
        traces = paired_traces(self.model, self.guide, batch.args, batch.kwargs)
        self.latents_shared = any(
            not self.plates.holds(site) for t in traces for site in latent_sites(t).values()
        )
        self._draws = Draws()
        self.together = False
        if not self.enumerated:
            self(batch, 2)
            self.together = bool(self._draws.together)

    def __call__(self, batch: Batch, draws: int) -> tuple[Tensor, Tensor]:
        """Return the weights of each row, ``(draws, rows)``, and those of what they share."""
        if not self.enumerated:
            rows, shared = self._draws(
                self.model, self.guide, batch.args, batch.kwargs, draws, self._weigh
            )
            return rows, shared
        bound = SummedOutELBO(max(self.structure.nesting, 1))
        bound.plates = self.plates
        model = Unscaled()(self.model)
        guide = Unscaled()(poutine.infer_config(self.guide, _unmarked))
        drawn = [bound.bounds(model, guide, *batch.args, **batch.kwargs) for _ in range(draws)]
        rows = torch.stack([row for row, _ in drawn])
        return rows, torch.stack([shared.view(1) for _, shared in drawn])

    def _weigh(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        return split_weight(model_trace, guide_trace, self.plates)


class Unscaled(Messenger):
    """A handler that removes the scales of all sites; it has to be outermost."""

    def _pyro_sample(self, msg: dict[str, Any]) -> None:
        msg["scale"] = 1.0


def _is_no_latent(site: Site) -> bool:
    return site["type"] == "sample" and bool(site["is_observed"])


def _unmarked(site: Site) -> dict[str, Any]:
    return {"enumerate": None}
