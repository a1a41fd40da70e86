"""Tensors that a program computes with and a fit would leave as they are."""

from __future__ import annotations

from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from ppgen.data.batches import Batch
from ppgen.training.gradients import Objective


def check_parameters(objective: Objective, batch: Batch) -> None:
    """Refuse a program in which tensors want gradients that are not among its parameters.

    Such are the weights of a network that only a helper function refers to.

    Raises
    ------
    ValueError
        Naming their shapes.
    """
    program = objective.program
    training = program.training
    program.eval()
    with torch.enable_grad(), objective.precision():
        guide = poutine.trace(program.guide).get_trace(*batch)
        model = poutine.trace(poutine.replay(program.model, trace=guide)).get_trace(*batch)
        total = guide.log_prob_sum() + model.log_prob_sum()
    program.train(training)
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
