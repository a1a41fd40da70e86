"""What is checked, found out and made before a program is used on some data."""

import math
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.infer import ELBO, TraceEnum_ELBO
from pyro.infer.autoguide import AutoGuide
from pyro.poutine import Trace
from pyro.util import check_model_guide_match, check_site_shape
from torch import Tensor

from ppgen.arguments import named
from ppgen.data.batches import Batch, Batches
from ppgen.objectives.elbo import Traces, latent_sites, paired_traces, plate_nesting, sample_sites
from ppgen.objectives.enumerated import EnumeratedELBO
from ppgen.objectives.objective import Objective, why_no_sum
from ppgen.objectives.plates import RowPlates, Site, frames, is_marked
from ppgen.objectives.structure import OWN_ROWS, find_structure, first_lines, joined
from ppgen.objectives.supports import check_observed, check_supports, warn_of_probabilities
from ppgen.program import Pair, Program
from ppgen.running import TURN, in_evaluation_mode, random_state, set_random_state

CONTAINERS = (dict, OrderedDict, list, set)

ON_DRAWS = (
    "; it ran with latents summed out, and this needs it to run on draws of them as well; "
    "ppgen.elbo and ppgen.posterior do not"
)

PROBED_ROWS = 1000
"""Rows on which a program is run first, unless it makes parameters then."""


def prepare(
    program: Program,
    data: Batches,
    *others: Batches,
    objective: ELBO | None = None,
    bfloat16: bool = False,
) -> Objective:
    """Run a program with Pyro's validation on, find its structure, and check all rows.

    Parameters that programs make when they first run exist afterwards. Everything else is as it
    was: buffers, modes and random numbers. ``others`` is further data that is judged. It is an
    error if the program cannot be run on the data, model and guide do not match, or observed rows
    lie outside the support of their site.
    """
    probe = CheckedRuns(program, objective or program.objective)
    for part in (data, *others):
        part.floating_images = program.floating_images
        part.dtype = floating_type(program) or part.dtype
    with TURN, unchanged(program):
        rows = None if makes_parameters(program) else PROBED_ROWS
        runs = probe.firsts(data, rows)
        dtype = floating_type(program)
        for part in (data, *others):
            part.dtype = dtype or part.dtype
        types = [[t.dtype for t in batch.tensors] for batch in data.firsts(2)]
        if types != [[t.dtype for t in batch.tensors] for batch, _ in runs]:
            runs = probe.firsts(data, rows)
        with torch.no_grad():
            structure = joined([find_structure(probe, *run, program.plate) for run in runs])
        warn_of_probabilities(runs)
        made = Objective(program, structure, data.rows, objective, bfloat16)
        traces = [trace for _, pair in runs for trace in pair]
        made.sites = sum(len(sample_sites(trace)) for trace in traces)
        summed = [s for _, pair in runs for s in _summed_out(*pair)]
        _check_summed_out(summed, made.elbo)
        shared = [s for s in summed if not structure.plates.holds(s)]
        latents = [s for trace in traces for s in latent_sites(trace).values()]
        latents_shared = any(not structure.plates.holds(s) for s in latents)
        why = why_no_sum(made.elbo, latents_shared, bool(shared))
        if why and not structure.whole:
            plates = RowPlates() if shared else structure.plates  # no row has terms of its own
            made.structure = replace(structure, whole=why, plates=plates)
        _check_rows(made, runs, data)
        for batch, _ in runs:
            _check_loss(made, batch)
        for part in others:
            with named("validation"):
                _check_form(part, data)
                runs = probe.firsts(part, None if structure.whole else PROBED_ROWS)
                _check_rows(made, runs, part)
    return made


def _check_rows(objective: Objective, runs: list[tuple[Batch, Traces]], part: Batches) -> None:
    """Check that all rows have a probability, after runs on the first."""
    structure = objective.structure
    check_supports(runs, structure.plates, part)
    if structure.by_row and not structure.whole:
        for few in _with_extreme_integers(part):
            with explained(few), pyro.validation_enabled(True):
                objective.bounds(few)


def _check_form(part: Batches, data: Batches) -> None:
    """Raise an error if rows consist of other arguments than those of the data."""
    expected = [batch.form for batch in data.firsts(2)]
    for batch in part.firsts(2):
        if batch.form not in expected:
            raise ValueError(
                f"its rows are of the arguments and dimensions {batch.form}; expected those of the "
                f"data: {' or '.join(map(str, expected))}"
            )


def _check_loss(objective: Objective, batch: Batch) -> None:
    """Compute the loss once with Pyro's validation on."""
    with explained(batch), pyro.validation_enabled(True), torch.no_grad(), objective.running():
        objective.elbo.loss(*objective.programs(batch), *batch.args, **batch.kwargs)


def makes_parameters(program: Program) -> bool:
    """Whether a program makes parameters when it first runs, perhaps one for each row."""
    if isinstance(program, Pair):
        return not program.has_run
    guides = (module for module in program.modules() if isinstance(module, AutoGuide))
    return any(guide.prototype_trace is None for guide in guides)


def floating_type(program: Program) -> torch.dtype | None:
    """Return the floating-point type of the parameters; None if there are none."""
    return next((p.dtype for p in program.parameters() if p.is_floating_point()), None)


class CheckedRuns:
    """Runs of guide and model with validation on, which check that they match."""

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
            return [(batch, self.explained(batch)) for batch in several]

        try:
            return runs(rows)
        except ValueError:
            if rows is None or part.rows <= rows:
                raise
            return runs(None)

    def explained(self, batch: Batch) -> Traces:
        """Run guide and model once, and keep what they make; an error says on which data."""
        try:
            with explained(batch):
                traces = self._run(batch)
                self._check_broadcast(batch, traces[0])
                return traces
        except ValueError as error:
            if self.program.observed and self._runs(self.model, batch):
                raise ValueError(
                    f"{error}; the model alone can be run: if the guide has parameters of the rows "
                    f"that it was fitted to, it has none for others; {OWN_ROWS}"
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
    drawn = latent_sites(guide_trace)
    if not sample_sites(model_trace):
        raise ValueError(
            "the model has no sample site; expected a Pyro program, with pyro.sample; an "
            "autoregressive network alone is none: ppgen.models.AutoregressiveModel(network) is"
        )
    for name, site in sample_sites(model_trace).items():
        if site["is_observed"] and name in drawn:
            raise ValueError(
                f"the guide draws the site {name!r}, which the model observes; leave it out there"
            )
        summed_out = sums_out or is_marked(site)
        if not site["is_observed"] and name not in drawn and not summed_out:
            raise ValueError(
                f"the model's latent site {name!r} is missing from the guide, which draws "
                f"{', '.join(drawn) or 'nothing'}; draw it there; or, if it is data, observe it by "
                "obs=; or, if it is discrete and to be summed out, mark it: "
                "infer={'enumerate': 'parallel'}"
            )


def _summed_out(model_trace: Trace, guide_trace: Trace) -> list[Site]:
    drawn = guide_trace.nodes
    return [site for name, site in latent_sites(model_trace).items() if name not in drawn]


def _check_summed_out(summed: list[Site], elbo: Any) -> None:
    if summed and not isinstance(elbo, TraceEnum_ELBO | EnumeratedELBO):
        names = ", ".join(site["name"] for site in summed)
        raise ValueError(
            f"the latent sites {names} are missing from the guide and marked for enumeration, and "
            f"{type(elbo).__name__} sums nothing out; expected pyro.infer.TraceEnum_ELBO"
        )


def _with_extreme_integers(part: Batches) -> Iterator[Batch]:
    """Yield, for each tensor of integers, the rows with the lowest and the highest of them.

    If any labels of the data are out of range, some of these are.
    """
    data = part.data
    for tensor in data.tensors:
        if tensor.numel() and tensor.dim() < 4 and tensor.dtype == torch.long:
            index = torch.stack([tensor.argmin(), tensor.argmax()]) // tensor[0].numel()
            yield part.batch(index)


@contextmanager
def unchanged(program: Program) -> Iterator[None]:
    """Run a program in evaluation mode, and leave modes, buffers and random numbers unchanged."""
    buffers = {buffer: buffer.clone() for buffer in program.buffers()}
    # Not a seed of their own: first values of parameters are drawn by the seed of the caller.
    generators = random_state()
    try:
        with in_evaluation_mode(program):
            yield
    finally:
        set_random_state(generators)
        with torch.no_grad():
            for buffer, before in buffers.items():
                buffer.copy_(before)


@contextmanager
def restored(program: Program) -> Iterator[None]:
    """Leave the attributes of a program's objects as they were, even if its run fails midway."""
    owners = [getattr(part, "__self__", None) for part in getattr(program, "_callables", ())]
    objects = {id(o): o for o in (*program.modules(), *owners) if hasattr(o, "__dict__")}
    before = [
        (vars(o), dict(vars(o)), {k: copy(v) for k, v in vars(o).items() if type(v) in CONTAINERS})
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
        if " expected" not in reason:
            reason += "; expected arguments that the model and the guide can be called with"
        raise ValueError(
            f"the program cannot be run on a batch of the shape {batch.shapes}: "
            f"{reason}{ON_DRAWS if on_draws else ''}"
        ) from error


def check_strays(objective: Objective, batch: Batch) -> None:
    """Raise an error if tensors want gradients that are not among the program's parameters."""
    program = objective.program
    with unchanged(program), torch.enable_grad(), objective.running():
        if hasattr(objective.elbo, "differentiable_loss"):
            total = objective.elbo.differentiable_loss(
                program.model, program.guide, *batch.args, **batch.kwargs
            )
        else:
            traces = paired_traces(program.model, program.guide, batch.args, batch.kwargs)
            total = sum(trace.log_prob_sum() for trace in traces)
    known = {id(parameter) for parameter in program.parameters()}
    strays = [tuple(leaf.shape) for leaf in leaves(total) if id(leaf) not in known]
    if strays:
        shapes = ", ".join(map(str, strays))
        raise ValueError(
            f"the program computes with tensors of the shapes {shapes} that want gradients and are "
            "none of its parameters, so they would never be trained; make their network an "
            "attribute of the program, or name it by pyro.module in the model or guide; or detach "
            "them"
        )


def leaves(result: Any) -> list[Tensor]:
    """Find the tensors without a history that a result's gradient would flow into.

    Examples
    --------
    >>> a, b = torch.ones(2, requires_grad=True), torch.ones(2)
    >>> [leaf is a for leaf in leaves((a * b).sum())]
    [True]
    """
    found: dict[Any, Tensor] = {}
    waiting, seen = [getattr(result, "grad_fn", None)], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found[node] = node.variable
        waiting += [further for further, _ in node.next_functions]
    return list(found.values())
