"""Steps of the optimiser: averaged, clipped, and on a schedule."""

from functools import partial

import pytest
import torch
from programs import Gaussian
from quiet_fit import fit
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import ExponentialLR, ReduceLROnPlateau


def test_the_average_is_the_recursion_by_hand(x):
    raw, averaged = Gaussian(), Gaussian()
    averaged.load_state_dict(raw.state_dict())
    expected = raw.weights.detach().clone()
    step = 0

    class Recorder(SGD):
        def step(self):
            nonlocal expected, step
            super().step()
            step += 1
            decay = min(0.9, (1 + step) / (10 + step))
            expected = decay * expected + (1 - decay) * raw.weights.detach()

    fit(raw, x, epochs=2, batch_size=10, optimizer=partial(Recorder, lr=0.01))
    fit(averaged, x, epochs=2, batch_size=10, optimizer=partial(SGD, lr=0.01), average=0.9)
    torch.testing.assert_close(averaged.weights.detach(), expected)
    assert not torch.equal(averaged.weights, raw.weights)


def test_clipping_bounds_the_step(x):
    program = Gaussian()
    before = program.weights.detach().clone()
    fit(program, 10 * x, epochs=1, batch_size=60, optimizer=partial(SGD, lr=1.0), clip_norm=0.1)
    assert 0 < (program.weights - before).norm() <= 0.1 + 1e-6


SCHEDULES = [
    partial(ExponentialLR, gamma=0.5),
    partial(ReduceLROnPlateau, factor=0.1, patience=0, threshold=0.05),
]


@pytest.mark.parametrize("scheduler", SCHEDULES)
def test_the_schedule_steps_once_an_epoch(x, scheduler):
    history = fit(
        Gaussian(), x + 3.0, x, epochs=6, batch_size=10,
        optimizer=partial(SGD, lr=0.1), scheduler=scheduler, clip_norm=1.0,
    )  # fmt: skip
    alone = SGD([nn.Parameter(torch.zeros(()))], lr=0.1)
    schedule = scheduler(alone)
    expected = [0.1]
    for epoch in history.epochs[1:]:
        expected.append(alone.param_groups[0]["lr"])
        alone.step()
        schedule.step(*[-epoch.validation] * isinstance(schedule, ReduceLROnPlateau))
    rates = history.column("learning_rate")[1]
    assert rates == pytest.approx(expected)
    assert rates[-1] < rates[0]
