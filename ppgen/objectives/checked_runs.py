"""Runs of a program with all checks on, which leave it as it was and explain their errors."""

import math
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.infer import TraceEnum_ELBO
from pyro.poutine import Trace
from pyro.util import check_model_guide_match, check_site_shape

from ppgen.data.batch import Batch
from ppgen.data.batches import Batches
from ppgen.objectives.elbo import Traces, latent_sites, paired_traces, plate_nesting, sample_sites
from ppgen.objectives.enumerated import EnumeratedELBO
from ppgen.objectives.plates import Site, frames, is_marked
from ppgen.objectives.structure import OWN_ROWS, first_lines
from ppgen.objectives.supports import check_observed
from ppgen.program import Program

CONTAINERS = (dict, OrderedDict, list, set)

ON_DRAWS = (
    "; it ran with latents summed out, and this needs it to run on draws of them as well; "
    "ppgen.elbo and ppgen.posterior do not"
)


class CheckedRuns:
    """Runs of guide and model with validation on, which check that they match."""

    remedy = OWN_ROWS
    """What to do if the guide has parameters of other rows."""

    def __init__(self, program: Program, elbo: Any = None) -> None:
        self.program = program
        # Whether the objective sums out latent sites that the program does not mark for it.
        self.sums_out = isinstance(elbo, EnumeratedELBO)
        self.nesting = getattr(elbo, "max_plate_nesting", math.inf)
        self.enumerates = isinstance(elbo, TraceEnum_ELBO) and math.isfinite(self.nesting)

    def firsts(self, part: Batches, rows: int | None) -> list[tuple[Batch, Traces]]:
        """Run on the first rows of each kind of batch; on all if the program takes no fewer."""

        def runs(rows: int | None) -> list[tuple[Batch, Traces]]:
            batches = part.firsts(rows)
            # A batch of one row is copied: alone it may be broadcast silently.
            several = [b.repeated(2) if len(b) == 1 < part.rows else b for b in batches]
            return [(batch, self.run(batch)) for batch in several]

        try:
            return runs(rows)
        except ValueError:
            if rows is None or part.rows <= rows:
                raise
            return runs(None)

    def run(self, batch: Batch) -> Traces:
        """Run guide and model once, and keep what they make; an error says on which data."""
        try:
            with explained(batch):
                traces = self._run(batch)
                self._check_broadcast(batch, traces[0])
                return traces
        except ValueError as error:
            several = batch.repeated(2) if len(batch) == 1 else batch  # one may be broadcast
            fitted = bool(self.program.observed)
            if fitted and self._runs(self.model, batch) and not self._runs(self._shapes, several):
                raise ValueError(
                    f"{error}; the model alone can be run: if the guide has parameters of the rows "
                    f"that it was fitted to, it has none for others; {self.remedy}"
                ) from error
            raise

    def _check_broadcast(self, batch: Batch, trace: Trace) -> None:
        """Raise an error if a single row is broadcast along a plate, and two could not be."""
        found = (
            [broadcast(site) for site in sample_sites(trace).values()] if len(batch) == 1 else []
        )
        for frame in filter(None, found):
            if not self._runs(lambda two: check_shapes(self.pair(two)), batch.repeated(2)):
                raise ValueError(
                    f"it broadcasts the only row along the plate {frame.name!r} of size "
                    f"{frame.size}; expected {frame.size} rows, or a plate of the data's size"
                )

    def _runs(self, run: Callable[[Batch], Any], batch: Batch) -> bool:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run(batch)
        except Exception as error:  # a program may raise errors of any kind
            if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
                raise
            return False
        return True

    def model(self, batch: Batch) -> Trace:
        """Run the model alone, and leave the program as it was."""
        with torch.no_grad(), restored(self.program):
            return poutine.trace(self.program.model).get_trace(*batch.args, **batch.kwargs)

    def pair(self, batch: Batch) -> Traces:
        """Run guide and model once, check that they match, and leave the program as it was."""
        with restored(self.program):
            return self._run(batch)

    def replayed(self, batch: Batch, draws: Trace) -> Traces:
        """Run guide and model on given draws, and leave the program as it was."""
        program = self.program
        with restored(program), program.own_store(), poutine.replay(trace=draws):
            return self._traces(batch)

    def _traces(self, batch: Batch) -> Traces:
        return paired_traces(self.program.model, self.program.guide, batch.args, batch.kwargs)

    def _shapes(self, batch: Batch) -> None:
        with torch.no_grad(), restored(self.program), self.program.own_store():
            check_shapes(self._traces(batch))

    def _run(self, batch: Batch) -> Traces:
        program = self.program
        with (
            torch.no_grad(),
            pyro.validation_enabled(True),
            program.own_store(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # each of them is an error below, or Pyro's to repeat
            try:
                traces = self._traces(batch)
            except RuntimeError:
                if not self.enumerates:
                    raise
                return self._enumerated(batch, self.nesting)  # some models cannot do without it
            self.check(batch, traces)
        return traces

    def check(self, batch: Batch, traces: Traces) -> None:
        """Raise an error if model and guide do not match."""
        check_latents(*traces, self.sums_out)
        check_observed(traces[0], batch)
        if any(is_marked(site) for t in traces for site in latent_sites(t).values()):
            self._enumerated(batch, plate_nesting(traces))
        elif not self.sums_out:
            check_shapes(traces)

    def _enumerated(self, batch: Batch, nesting: float) -> Traces:
        pyros = TraceEnum_ELBO(max_plate_nesting=nesting)
        pairs = pyros._get_traces(self.program.model, self.program.guide, batch.args, batch.kwargs)
        return next(iter(pairs))


class ModelRuns(CheckedRuns):
    """Runs of a model without its guide, which may have parameters of other rows."""

    def _run(self, batch: Batch) -> Traces:
        return self.model(batch), Trace()

    _traces = _run


def check_shapes(traces: Traces) -> None:
    """Raise an error if model and guide differ in shape, or a site and its plates do."""
    # Without a limit, left of which Pyro would not look.
    check_model_guide_match(*traces)
    for trace in traces:
        trace.compute_log_prob()
        for site in sample_sites(trace).values():
            check_site_shape(site, max_plate_nesting=math.inf)


def broadcast(site: Site) -> Any:
    """Return a plate along which a site's observed value, or another plate, is broadcast."""
    for frame in frames(site):
        shape, along = site["value"].shape, frame.dim - site["fn"].event_dim
        single = site["is_observed"] and len(shape) >= -along and shape[along] == 1 < frame.size
        if single or (frame.full_size or frame.size) < frame.size:  # the guide's rows are others
            return frame
    return None


def check_latents(model_trace: Trace, guide_trace: Trace, sums_out: bool = False) -> None:
    """Raise an error if the guide leaves a latent site out, or draws one that is observed."""
    drawn, guided = latent_sites(guide_trace), sample_sites(guide_trace)
    if not sample_sites(model_trace):
        raise ValueError(
            "the model has no sample site; expected a Pyro program, with pyro.sample; an "
            "autoregressive network alone is none: ppgen.models.AutoregressiveModel(network) is"
        )
    for name, site in sample_sites(model_trace).items():
        if site["is_observed"] and name in guided:
            raise ValueError(
                f"the guide has the site {name!r}, which the model observes; leave it out there, "
                f"or hide it: poutine.block(guide, hide=[{name!r}])"
            )
        summed_out = sums_out or is_marked(site)
        if not site["is_observed"] and name not in drawn and not summed_out:
            raise ValueError(
                f"the model's latent site {name!r} is missing from the guide, which draws "
                f"{', '.join(drawn) or 'nothing'}; expected it there; or, if it is data, observed "
                "by obs=; or, if it is discrete and to be summed out, marked: "
                "infer={'enumerate': 'parallel'}"
            )


def owners(program: Program) -> dict[str, Any]:
    """Return the objects that the callables of a program are, or are methods of, by their part."""
    parts = zip(("model", "guide"), getattr(program, "_callables", ()), strict=False)
    objects = {part: getattr(called, "__self__", called) for part, called in parts}
    return {part: o for part, o in objects.items() if isinstance(getattr(o, "__dict__", 0), dict)}


@contextmanager
def restored(program: Program) -> Iterator[None]:
    """Leave the attributes of a program's objects as they were, even if its run fails midway."""
    objects = {id(o): o for o in (*program.modules(), *owners(program).values())}
    before = [
        (vars(o), dict(vars(o)), {k: v.copy() for k, v in vars(o).items() if type(v) in CONTAINERS})
        for o in objects.values()
    ]
    try:
        yield
    finally:
        for attributes, values, contents in before:
            attributes.clear()
            attributes.update(values)
            for name, content in contents.items():
                held = attributes[name]
                held.clear()
                (held.extend if isinstance(held, list) else held.update)(content)


@contextmanager
def explained(
    batch: Batch, on_draws: bool = False, but: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Say on which data a program failed, and whether on draws of what else is summed out."""
    try:
        yield
    except Exception as error:  # a program may raise errors of any kind
        if isinstance(error, (MemoryError, torch.OutOfMemoryError, *but)):
            raise
        kind = "" if isinstance(error, ValueError | RuntimeError) else f"{type(error).__name__}: "
        reason = f"{kind}{first_lines(error)}"
        if not re.search(r"\bexpected", reason, re.IGNORECASE):
            whole = [name for name in batch.rows if not batch[name].is_floating_point()]
            if "Shape mismatch inside plate" in reason:
                expected = "rows of numbers, or dimensions of a row declared by .to_event(number)"
            elif whole and ("type" in reason or "bool" in reason):
                expected = (
                    f"floating tensors, perhaps for data[{whole[0]!r}], which is of "
                    f"{batch[whole[0]].dtype}: tensor.float()"
                )
            else:
                expected = (
                    "arguments that the model and the guide can be called with: a tensor, a tuple, "
                    "or a dict by their names, such as dict(frame)"
                )
            reason += f"; expected {expected}"
        raise ValueError(
            f"the program cannot be run on a batch of the shape {batch.shapes}: "
            f"{reason}{ON_DRAWS if on_draws else ''}"
        ) from error
