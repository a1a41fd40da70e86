"""What a checkpoint may hold: numbers of numpy become Python's, what no file may hold is named."""

from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from programs import Gaussian
from quiet_fit import assert_same, fit, weights
from torch import nn
from torch.optim import SGD, Adam, lr_scheduler

from ppgen.objectives import BetaELBO, MeanFieldELBO
from ppgen.training import CheckpointError, load
from ppgen.training.archive import read

TWO = np.float64(2.0)


def gaussian_with(encoder):
    program = Gaussian()
    program.encoder = encoder
    return program


NUMPY = {
    "lr": {"lr": np.logspace(-3, -1, 3)[1]},
    "lr in float32": {"lr": np.float32(0.01)},
    "lr in an array": {"optimizer": partial(Adam, lr=np.array(0.01))},
    "weight decay": {"optimizer": partial(Adam, lr=0.01, weight_decay=np.float64(0.1))},
    "betas": {"optimizer": partial(Adam, lr=0.01, betas=tuple(np.array([0.8, 0.9])))},
    "clip_norm": {"clip_norm": TWO},
    "average": {"average": np.float32(0.9)},
    "beta": {"objective": BetaELBO(beta=TWO)},
    "particles": {"objective": MeanFieldELBO(np.int64(2))},
    "seed": {"seed": np.int64(3)},
    "factor of the schedule": {
        "scheduler": partial(lr_scheduler.StepLR, step_size=np.int64(1), gamma=np.float32(0.9))
    },
    "milestones": {
        "scheduler": partial(lr_scheduler.MultiStepLR, milestones=np.array([1, 3]), gamma=0.5)
    },
    "rates of the schedule": {
        "scheduler": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: np.float64(0.9) ** epoch)
    },
}


@pytest.mark.parametrize("name", NUMPY)
def test_a_run_with_numbers_of_numpy_is_gone_on_with(name, x, tmp_path):
    whole = Gaussian()
    parts = deepcopy(whole)
    options = {"batch_size": 20, **NUMPY[name]}
    history = fit(whole, x, epochs=4, out=tmp_path / "whole", **options)
    for epochs in (1, 4):
        again = fit(parts, x, epochs=epochs, out=tmp_path / "parts", resume=True, **options)
    assert_same(weights(whole), weights(parts))
    assert again.column("learning_rate") == history.column("learning_rate")
    assert_same(weights(load(tmp_path / "parts", Gaussian())), weights(whole))
    torch.load(tmp_path / "parts" / "checkpoint.pt", weights_only=True)


SCHEDULES = {
    "StepLR": partial(lr_scheduler.StepLR, step_size=2),
    "MultiStepLR": partial(lr_scheduler.MultiStepLR, milestones=[1, 3]),
    "ConstantLR": lr_scheduler.ConstantLR,
    "LinearLR": lr_scheduler.LinearLR,
    "ExponentialLR": partial(lr_scheduler.ExponentialLR, gamma=0.9),
    "PolynomialLR": lr_scheduler.PolynomialLR,
    "CosineAnnealingLR": partial(lr_scheduler.CosineAnnealingLR, T_max=4),
    "CosineAnnealingWarmRestarts": partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=2),
    "OneCycleLR": partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=9),
    "CyclicLR": partial(lr_scheduler.CyclicLR, base_lr=0.01, max_lr=0.1),
    "ReduceLROnPlateau": partial(lr_scheduler.ReduceLROnPlateau, patience=0),
    "LambdaLR": partial(lr_scheduler.LambdaLR, lr_lambda=lambda epoch: 0.9**epoch),
    "MultiplicativeLR": partial(lr_scheduler.MultiplicativeLR, lr_lambda=lambda epoch: 0.9),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, np.float32(0.9))], [2]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_of_torch_is_gone_on_with(name, x, tmp_path):
    whole = Gaussian()
    parts = deepcopy(whole)
    options = {
        "batch_size": 20,
        "optimizer": partial(SGD, lr=1e-3, momentum=0.5),
        "scheduler": SCHEDULES[name],
    }
    history = fit(whole, x, epochs=5, **options, out=tmp_path / "whole")
    for epochs in (3, 5):
        again = fit(parts, x, epochs=epochs, out=tmp_path / "parts", resume=True, **options)
    assert again.column("learning_rate") == history.column("learning_rate")
    assert_same(weights(whole), weights(parts))


class Thing:
    """An object of a user's own."""


class Kept(lr_scheduler.StepLR):
    def __init__(self, optimizer):
        super().__init__(optimizer, 1)
        self.thing = [1, Thing()]


class Function(lr_scheduler.StepLR):
    def __init__(self, optimizer):
        super().__init__(optimizer, 1)
        self.rate = lambda epoch: 1.0


class Marked(Adam):
    def __init__(self, parameters):
        super().__init__(parameters)
        self.param_groups[0]["mark"] = Thing()


class Extra(nn.Linear):
    """A network with a state besides its parameters."""

    calls: int | Thing = 0

    def forward(self, x):
        if isinstance(self.calls, int):
            self.calls += 1
        return super().forward(x)

    def get_extra_state(self):
        return {"calls": self.calls}

    def set_extra_state(self, state):
        self.calls = state["calls"]


def marked_program():
    program = gaussian_with(Extra(4, 2))
    program.encoder.calls = Thing()
    return program


REFUSED = {
    "schedule": ({"scheduler": Kept}, r"the state\['scheduler'\]\['thing'\]\[1\], a .*\.Thing,"),
    "function": ({"scheduler": Function}, r"\['scheduler'\]\['rate'\], a builtins\.function,"),
    "optimizer": ({"optimizer": Marked}, r"\['optimizer'\]\['param_groups'\]\[0\]\['mark'\], a "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_file_may_hold_is_named_before_training(name, x, tmp_path):
    options, message = REFUSED[name]
    program = Gaussian()
    before = weights(program)
    with pytest.raises(CheckpointError, match=message + ".* cannot be saved: .* run code when"):
        fit(program, x, epochs=1, out=tmp_path, **options)
    assert_same(weights(program), before)
    assert not list(tmp_path.glob("*.pt"))
    assert fit(program, x, epochs=1, **options).last == 1  # nothing needs to be saved


def test_an_extra_state_that_no_file_may_hold_is_named(x, tmp_path):
    with pytest.raises(CheckpointError, match=r"\['encoder._extra_state'\]\['calls'\], a .*Thing"):
        fit(marked_program(), x, epochs=1, out=tmp_path)


def test_what_comes_up_in_training_is_named_and_the_checkpoint_before_it_stays(x, tmp_path):
    class Late(Adam):
        def step(self, closure=None):
            super().step(closure)
            self.state[self.param_groups[0]["params"][0]]["thing"] = Thing()

    with pytest.raises(CheckpointError, match=r"\['optimizer'\]\['state'\]\[0\]\['thing'\], a "):
        fit(Gaussian(), x, epochs=3, out=tmp_path, optimizer=Late)
    assert read(tmp_path / "checkpoint.pt")["history"].count("number") == 1


def test_an_extra_state_is_gone_on_with_and_loaded(x, tmp_path):
    program = gaussian_with(Extra(4, 2))
    fit(program, x, epochs=2, batch_size=20, out=tmp_path)
    calls = program.encoder.calls
    again = load(tmp_path, gaussian_with(Extra(4, 2)))
    assert again.encoder.calls == calls > 6
    with pytest.raises(CheckpointError, match="_extra_state' is no tensor there and missing"):
        load(tmp_path, gaussian_with(nn.Linear(4, 2)))
    fit(again, x, epochs=3, batch_size=20, out=tmp_path, resume=True)
    assert again.encoder.calls > calls


def test_a_program_of_another_floating_type_is_refused(x, tmp_path):
    fit(Gaussian().double(), x.double(), epochs=1, out=tmp_path)
    with pytest.raises(
        CheckpointError, match=r"torch.float64 there and .* torch.float32 in .*program.to\(dtype\)"
    ):
        load(tmp_path, Gaussian())
    assert load(tmp_path, Gaussian().double()).dtype == torch.float64


def three_layers(tied):
    layers = [nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)]
    if tied:
        layers[1].weight = layers[0].weight
    return gaussian_with(nn.Sequential(*layers))


def test_weights_that_are_one_are_not_filled_from_two(x, tmp_path):
    fit(three_layers(False), x, epochs=1, out=tmp_path / "two")
    with pytest.raises(CheckpointError, match=r"'encoder.0.weight' and 'encoder.1.weight' are one"):
        load(tmp_path / "two", three_layers(True))
    tied = three_layers(True)
    fit(tied, x, epochs=1, out=tmp_path / "one")
    assert_same(weights(load(tmp_path / "one", three_layers(True))), weights(tied))
    assert_same(weights(load(tmp_path / "one", three_layers(False))), weights(tied))
    with pytest.raises(CheckpointError, match=r"not of such a fit: .* size of optimizer's group"):
        fit(three_layers(False), x, epochs=2, out=tmp_path / "one", resume=True)


def test_a_lazy_network_is_run_first(x, tmp_path):
    def lazy():
        return gaussian_with(nn.LazyLinear(2))

    program = lazy()
    fit(program, x, epochs=1, out=tmp_path)
    with pytest.raises(CheckpointError, match=r"and missing in this .*load\(path, program, data\)"):
        load(tmp_path, lazy())
    assert_same(weights(load(tmp_path, lazy(), x)), weights(program))
