"""Draws of a program's latent sites given arguments, and of outcomes given the latents."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from pyro import poutine
from pyro.distributions import Multinomial
from pyro.infer import config_enumerate, infer_discrete
from pyro.poutine import Trace
from pyro.poutine.messenger import Messenger
from pyro.util import check_model_guide_match
from torch import Tensor

from ppgen.data.batch import Batch, Data
from ppgen.data.batches import Batches
from ppgen.objectives.checked_runs import CheckedRuns, ModelRuns, explained
from ppgen.objectives.elbo import Traces, latent_sites, plate_nesting, sample_sites
from ppgen.objectives.enumerated import EnumeratedELBO
from ppgen.objectives.plates import RowPlates, Site, innermost, is_factor, is_marked
from ppgen.objectives.preparation import unmade_guides
from ppgen.objectives.structure import find_structure
from ppgen.program import Program
from ppgen.running import evaluating


class Redraw(Messenger):
    """A handler that draws observed sites from the model.

    Unlike ``poutine.uncondition`` it leaves deterministic sites and factors as they are. If the
    distribution is multinomial, the total of each observed row is kept.
    """

    def _pyro_sample(self, msg: dict[str, Any]) -> None:
        if not msg["is_observed"] or msg["infer"].get("_deterministic") or is_factor(msg):
            return
        fn, observed = innermost(msg["fn"]), msg["value"]
        msg["is_observed"], msg["done"] = False, False
        msg["infer"] = {**msg["infer"], "was_observed": True, "obs": observed}
        multinomial = isinstance(fn, Multinomial)
        msg["value"] = _with_totals(fn, observed.sum(-1)) if multinomial else None


def _with_totals(fn: Multinomial, totals: Tensor) -> Tensor:
    """Draw counts whose sums are those of the rows."""
    draws = torch.distributions.Categorical(fn.probs).sample((int(totals.max()),))
    kept = torch.arange(len(draws), device=totals.device)
    kept = kept.view(-1, *[1] * totals.dim()) < totals
    counts = torch.zeros(*totals.shape, fn.probs.shape[-1]).to(fn.probs)
    places = draws.expand(kept.shape).movedim(0, -1)
    return counts.scatter_add(-1, places, kept.movedim(0, -1).to(counts))


def outcomes(trace: Trace, left_out: set[str]) -> dict[str, Tensor]:
    """Return the values of observed and deterministic sites, without factors."""

    def is_outcome(name: str, site: Site) -> bool:
        if site["type"] != "sample":
            return False
        if poutine.util.site_is_subsample(site):
            return len(site["value"]) < site["fn"].size
        if site["infer"].get("_deterministic"):
            return True
        return not is_factor(site) and (site["infer"].get("was_observed") or name in left_out)

    return {name: site["value"] for name, site in trace.nodes.items() if is_outcome(name, site)}


class LatentDraws:
    """Draws of latents given some arguments: from the guide, or of what is summed out.

    With ``rows_from_prior``, a row's own latents are left to the model. ``names`` are those of the
    model's latent sites, ``missing`` those of observed sites whose outcomes are left out, and
    ``left_out`` those of them that cannot be summed out.
    """

    def __init__(self, program: Program, batch: Batch, rows_from_prior: bool = False) -> None:
        self.program, self.batch = program, batch
        self.guide: Callable[..., Any] = program.guide
        self.from_prior = RowPlates()
        runs = (ModelRuns if rows_from_prior else _Runs)(program, program.objective)
        if not rows_from_prior:
            _check_made(program, runs, batch)
        model_trace, guide_trace = traces = runs.run(batch)
        latents = latent_sites(model_trace)
        if rows_from_prior:
            self.from_prior = find_structure(runs, batch, traces, program.plate).plates
            if all(self.from_prior.holds(site) for site in latents.values()):
                # The guide may have no parameters for these rows.
                self.guide = lambda *args, **kwargs: None
            else:
                _check_made(program, runs, batch)
            with explained(batch):
                guide_trace = self._run(self.guide)
        drawn = latent_sites(guide_trace)
        self.enumerated = any(is_marked(site) for site in (*latents.values(), *drawn.values()))
        sums_out = isinstance(program.objective, EnumeratedELBO)
        left = {name: site for name, site in latents.items() if name not in drawn}
        observed = set(program.observed)
        self.summed_out = {  # a set in the model's order
            name: site
            for name, site in left.items()
            if is_marked(site) or (sums_out and name not in observed)
        }.keys()
        # Outcomes may be left out: what was observed in a fit is no latent, unless it is marked.
        self.missing = left.keys() & observed if observed else left.keys() - self.summed_out
        self.left_out = self.missing - self.summed_out
        self.names = (drawn.keys() & model_trace.nodes.keys()) | self.summed_out
        self.nesting = max(plate_nesting(traces), 1)
        self.model = config_enumerate(program.model, "parallel") if sums_out else program.model

    def draw(self) -> Trace:
        """Draw the latents once."""
        latents = self._run(poutine.block(self.guide, expose_fn=self._is_drawn))
        if self.summed_out and not self.left_out and not self.from_prior.names:
            replayed = poutine.replay(self.model, trace=latents)
            trace = self._run(infer_discrete(replayed, first_available_dim=-1 - self.nesting))
            for name in self.summed_out:
                latents.add_node(name, **trace.nodes[name])
        return latents

    def redraw(self, latents: Trace) -> Trace:
        """Run the model at some latents, and draw every observed site.

        Raises a ValueError if the guide leaves out a latent that nothing else draws.
        """
        with explained(self.batch, on_draws=self.enumerated):
            trace = self._run(poutine.replay(Redraw()(self.program.model), trace=latents))
        for name, site in latent_sites(trace).items():
            known = name in latents.nodes or name in self.names or name in self.left_out
            if not (known or site["infer"].get("was_observed") or self.from_prior.holds(site)):
                raise ValueError(
                    f"the model's latent site {name!r} is missing from the guide; draw it there, "
                    "or mark it for enumeration"
                )
        return trace

    def _is_drawn(self, site: Site) -> bool:
        """Whether a site of the guide is a latent, or a subsample, that the guide draws."""
        latent = site["type"] == "sample" and not site["is_observed"]
        index = site["name"] in self.from_prior.names  # of the rows in the guide's plate
        return latent and not index and not self.from_prior.holds(site)

    def _run(self, program: Callable[..., Any]) -> Trace:
        return poutine.trace(program).get_trace(*self.batch.args, **self.batch.kwargs)


@contextmanager
def drawing(
    program: Program, data: Data, seed: int | None, rows_from_prior: bool = False
) -> Iterator[LatentDraws]:
    """Draw from a program in evaluation mode, on random numbers of its own."""
    batches = Batches(data, device=program.device).cast_for(program)
    with evaluating(program, seed):
        yield LatentDraws(program, batches.first(), rows_from_prior)


def _check_made(program: Program, runs: CheckedRuns, batch: Batch) -> None:
    """Raise an error if the guide's first run would take an outcome for a latent."""
    if unmade_guides(program) and not any(
        site["is_observed"] for site in sample_sites(runs.model(batch)).values()
    ):
        raise ValueError(
            "the guide has never been run, and the data holds no outcome, which it would take for "
            "a latent; expected a program after ppgen.fit(program, data)"
        )


class _Runs(CheckedRuns):
    """Runs in which outcomes may be left out."""

    remedy = "draw these from the prior: ppgen.predict(program, data, rows='prior')"

    def check(self, batch: Batch, traces: Traces) -> None:
        """Raise an error if model and guide differ in shape; sites may be missing."""
        marked = any(is_marked(site) for trace in traces for site in latent_sites(trace).values())
        if not (marked or self.sums_out):
            check_model_guide_match(*traces)
