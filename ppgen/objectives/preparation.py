"""What is checked, found out and made before a program is used on some data."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyro
import torch
from pyro.infer import ELBO, TraceEnum_ELBO
from pyro.infer.autoguide import AutoGuide
from pyro.poutine import Trace
from torch import Tensor

from ppgen.arguments import named
from ppgen.data.batch import Batch
from ppgen.data.batches import Batches
from ppgen.objectives.checked_runs import CheckedRuns, explained
from ppgen.objectives.elbo import Traces, latent_sites, paired_traces, sample_sites
from ppgen.objectives.enumerated import EnumeratedELBO
from ppgen.objectives.objective import Objective, why_no_sum
from ppgen.objectives.plates import RowPlates, Site
from ppgen.objectives.structure import find_structure, joined
from ppgen.objectives.supports import check_supports, warn_of_no_outcome, warn_of_probabilities
from ppgen.program import Pair, Program
from ppgen.running import TURN, in_evaluation_mode, random_state, set_random_state

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
        part.cast_for(program)
    with TURN, unchanged(program):
        rows = None if makes_parameters(program) else PROBED_ROWS
        runs = probe.firsts(data, rows)
        for part in (data, *others):
            part.cast_for(program)
        types = [[t.dtype for t in batch.tensors] for batch in data.firsts(2)]
        if types != [[t.dtype for t in batch.tensors] for batch, _ in runs]:
            runs = probe.firsts(data, rows)
        with torch.no_grad():
            structure = joined([find_structure(probe, *run, program.plate) for run in runs])
        warn_of_no_outcome(runs)
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
    return not program.has_run if isinstance(program, Pair) else unmade_guides(program)


def unmade_guides(program: Program) -> bool:
    """Whether there are autoguides that have not seen their model yet."""
    guides = (module for module in program.modules() if isinstance(module, AutoGuide))
    return any(guide.prototype_trace is None for guide in guides)


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
