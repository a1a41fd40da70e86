"""Stochastic gradient ascent on many objectives at once, each with parameters of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Adam

from ppgen.running import own_random_state

WINDOW = 25
"""Steps whose parameters are averaged, and after which the rise of an objective is measured."""

DRAWS = 4
"""Evaluations of a noisy objective by which its rise is measured."""

Objective = Callable[[list[Tensor], Tensor], Tensor]
"""From the parameters of some rows, and their numbers, to their objectives, ``(rows,)``."""


@dataclass
class Ascent:
    """Where the ascent of each objective ended.

    Attributes
    ----------
    parameters
        For each objective a row, the average of its parameters over its last window.
    steps
        Gradient steps that each took.
    converged
        Whether it stopped because it rose no more.
    failed
        Whether it stopped because it was no longer finite.
    """

    parameters: list[Tensor]
    steps: Tensor
    converged: Tensor
    failed: Tensor


def ascend(
    objective: Objective,
    start: Sequence[Tensor],
    steps: int,
    learning_rate: float,
    tolerance: float,
    halvings: int,
) -> Ascent:
    """Maximise every row's objective by Adam, and drop rows as they stop.

    Parameters
    ----------
    objective
        From the parameters of the rows that are still running, and these rows' numbers, to their
        objectives ``(rows,)``, each a function of its own row alone; noisy or not.
    start
        Parameters, one row for each objective.
    steps
        Steps at most.
    learning_rate
        Of Adam.
    tolerance, halvings
        When a row's objective has not risen by ``tolerance`` in :data:`WINDOW` steps, the row
        halves its steps; after this number of halvings it stops.

    Examples
    --------
    >>> peaks = torch.tensor([1.0, -2.0, 3.0])
    >>> found = ascend(lambda p, rows: -((p[0] - peaks[rows]) ** 2), [torch.zeros(3)],
    ...                steps=2000, learning_rate=0.05, tolerance=1e-6, halvings=6)
    >>> found.parameters[0].round(decimals=2)
    tensor([ 1., -2.,  3.])
    """
    rows = torch.arange(len(start[0]), device=start[0].device)
    no = torch.zeros_like(rows, dtype=torch.bool)
    result = Ascent([p.clone() for p in start], torch.zeros_like(rows), no, no.clone())
    # The usual memory of 1,000 steps for the squared gradient would outlast the whole ascent.
    betas = (0.9, 0.95)
    parameters = [p.detach().clone().requires_grad_() for p in start]
    optimizer = Adam(parameters, lr=learning_rate, betas=betas)
    halved = torch.zeros_like(rows)
    done = 0
    while done < steps and len(rows):
        window = min(WINDOW, steps - done)
        averages = _climb(objective, optimizer, rows, 0.5**halved, window)
        done += window
        before = [p[rows] for p in result.parameters]
        rise = _rise(objective, before, averages, rows)
        finite = rise.isfinite()
        for last, average in zip(result.parameters, averages, strict=True):
            last[rows[finite]] = average[finite]
        halved = torch.where(rise > tolerance, halved, halved + 1)
        result.steps[rows] = done
        result.failed[rows] = ~finite
        result.converged[rows] = finite & (halved > halvings)
        running = finite & (halved <= halvings)
        if not running.all():
            rows, halved = rows[running], halved[running]
            optimizer = _rows_of(optimizer, running)
    return result


def _climb(
    objective: Objective, optimizer: Adam, rows: Tensor, shares: Tensor, steps: int
) -> list[Tensor]:
    """Take a number of steps, of each row's share of Adam's length; average the parameters."""
    parameters = optimizer.param_groups[0]["params"]
    averages = [torch.zeros_like(p) for p in parameters]
    for _ in range(steps):
        with torch.enable_grad():
            gradients = torch.autograd.grad(objective(parameters, rows).sum(), parameters)
        before = [p.detach().clone() for p in parameters]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = -gradient
        optimizer.step()
        for parameter, old, average in zip(parameters, before, averages, strict=True):
            share = shares.view(-1, *[1] * (old.dim() - 1))
            parameter.data = old + share * (parameter.data - old)
            average.add_(parameter.data, alpha=1 / steps)
    return averages


def _rise(objective: Objective, before: list[Tensor], after: list[Tensor], rows: Tensor) -> Tensor:
    """How much the objectives rose, by the same random numbers, so that little noise is left."""
    values = []
    for parameters in (before, after):
        with own_random_state(len(rows)), torch.no_grad():
            draws = [objective(parameters, rows) for _ in range(DRAWS)]
        values.append(torch.stack(draws).mean(0))
    return values[1] - values[0]


def _rows_of(optimizer: Adam, rows: Tensor) -> Adam:
    """Make the same optimiser of some rows of its parameters, with what it knows of them."""
    (group,) = optimizer.param_groups
    parameters = [p.detach()[rows].requires_grad_() for p in group["params"]]
    new = Adam(parameters, lr=group["lr"], betas=group["betas"])
    for old, parameter in zip(group["params"], parameters, strict=True):
        state = optimizer.state[old]
        moments = {name: state[name][rows] for name in ("exp_avg", "exp_avg_sq")}
        new.state[parameter] = {"step": state["step"], **moments}
    return new
