"""Where a loss or a gradient stopped being finite."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ppgen.data.batches import Batch
from ppgen.objectives.elbo import log_prob, paired_traces, sample_sites
from ppgen.objectives.structure import first_lines
from ppgen.program import Program


class NotFiniteError(ArithmeticError):
    """A training step gave NaN or infinity."""


def explain(program: Program, batch: Batch) -> str:
    """Say which sites and parameters, with the gradients of a step in them, are not finite."""
    gradients = [name for name, p in program.named_parameters() if not is_finite(p.grad)]
    values = [name for name, p in program.named_parameters() if not is_finite(p)]
    with torch.no_grad():
        sites = _sites(program, batch)
    findings = {
        "parameters": values,
        "log-probability of the sites": sites,
        "gradients of the parameters": gradients,
    }
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in findings.items() if names)


def is_finite(tensor: Tensor | nn.Parameter | None) -> bool:
    """Whether all values are finite; of a gradient that is not there, they are."""
    return tensor is None or bool(tensor.isfinite().all())


def _sites(program: Program, batch: Batch) -> list[str]:
    try:
        traces = paired_traces(program.model, program.guide, batch.args, batch.kwargs)
    except (ValueError, RuntimeError) as error:  # a distribution names its invalid parameters
        return [first_lines(error)]
    sites = [(trace, name) for trace in traces for name in sample_sites(trace)]
    return list(dict.fromkeys(name for t, name in sites if not is_finite(log_prob(t.nodes[name]))))
