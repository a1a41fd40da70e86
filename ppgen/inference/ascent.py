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
    """Where the ascent of each objective ended, one row each."""

    parameters: list[Tensor]  # the average over the last window
    steps: Tensor  # gradient steps that it took
    converged: Tensor  # whether it stopped because it rose no more
    failed: Tensor  # whether it stopped because it was no longer finite


def ascend(
    objective: Objective,
    start: Sequence[Tensor],
    steps: int,
    learning_rate: float,
    tolerance: float,
    halvings: int,
) -> Ascent:
    """Maximise every row's objective by Adam, and drop rows as they stop.

    Each objective is a function of its own row of the parameters alone, noisy or not. When it has
    not risen by ``tolerance`` in :data:`WINDOW` steps, the row halves its steps; after ``halvings``
    of these, or ``steps`` in all, it stops.

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
    parameters = [p.detach().clone().requires_grad_() for p in start]
    # The usual memory of 1,000 steps for the squared gradient would outlast the whole ascent.
    optimizer = Adam(parameters, lr=learning_rate, betas=(0.9, 0.95), maximize=True)
    halved = torch.zeros_like(rows)
    done = 0
    while done < steps and len(rows):
        window = min(WINDOW, steps - done)
        averages = _climb(objective, optimizer, rows, 0.5**halved, window)
        done += window
        before = [p[rows] for p in result.parameters]
        # By the same random numbers, so that little noise is left.
        rise = _value(objective, averages, rows) - _value(objective, before, rows)
        finite = rise.isfinite()
        for last, average in zip(result.parameters, averages, strict=True):
            last[rows[finite]] = average[finite]
        halved = torch.where(rise > tolerance, halved, halved + 1)
        running = finite & (halved <= halvings)
        result.steps[rows] = done
        result.failed[rows] = ~finite
        result.converged[rows] = finite & ~running
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
        before = [p.detach().clone() for p in parameters]
        optimizer.zero_grad()
        with torch.enable_grad():
            objective(parameters, rows).sum().backward(inputs=parameters)
        optimizer.step()
        for parameter, old, average in zip(parameters, before, averages, strict=True):
            share = shares.view(-1, *[1] * (old.dim() - 1))
            parameter.data = old + share * (parameter.data - old)
            average.add_(parameter.data, alpha=1 / steps)
    return averages


def _value(objective: Objective, parameters: list[Tensor], rows: Tensor) -> Tensor:
    """Average a few evaluations of a noisy objective, from the same random numbers each time."""
    with own_random_state(len(rows)), torch.no_grad():
        return torch.stack([objective(parameters, rows) for _ in range(DRAWS)]).mean(0)


def _rows_of(optimizer: Adam, rows: Tensor) -> Adam:
    """Make the same optimiser of some rows of its parameters, with what it knows of them."""
    (group,) = optimizer.param_groups
    parameters = [p.detach()[rows].requires_grad_() for p in group["params"]]
    new = Adam(parameters, lr=group["lr"], betas=group["betas"], maximize=True)
    for old, parameter in zip(group["params"], parameters, strict=True):
        state = optimizer.state[old]
        moments = {name: state[name][rows] for name in ("exp_avg", "exp_avg_sq")}
        new.state[parameter] = {"step": state["step"], **moments}
    return new
