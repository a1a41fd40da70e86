"""What a fit leaves as it was: random numbers, settings, modes, and it warns of nothing."""

import warnings
from functools import partial

import numpy as np
import pyro
import pytest
import torch
from programs import Gaussian, Pixels
from quiet_fit import assert_same, fit, weights
from torch import nn

import ppgen


def test_the_callers_random_numbers_and_settings_are_left_as_they_were(x):
    program = Gaussian()
    pyro.set_rng_seed(5)
    expected = torch.rand(3), np.random.rand(3)
    settings = torch.distributions.Distribution._validate_args
    pyro.set_rng_seed(5)
    fit(program, x, x, epochs=1)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])
    assert torch.distributions.Distribution._validate_args == settings


def test_validation_and_callback_do_not_change_the_training(x):
    plain, watched = Gaussian(), Gaussian()
    watched.load_state_dict(plain.state_dict())
    fit(plain, x, epochs=3, batch_size=20)

    def draw(program, history):
        torch.rand(10), np.random.rand(3), program.model(n=5)

    lasts = []
    fit(
        watched, x, torch.randn(9, 1, 1, 4), epochs=3, batch_size=20,
        callback=lambda p, h: (draw(p, h), lasts.append(weights(p)))[0],
    )  # fmt: skip
    assert_same(weights(plain), lasts[-1])


def test_validation_sees_the_same_images_every_time_and_draws_nothing_of_the_trainings():
    x = torch.full((40, 1, 3, 3), 0.3)
    options = {"epochs": 3, "batch_size": 10, "transform": torch.bernoulli}
    alone, validated, resting = Pixels(), Pixels(), Pixels()
    fit(alone, x, **options)
    lasts = []
    fit(validated, x, x, callback=lambda p, h: lasts.append(weights(p)), **options)
    assert_same(weights(alone), lasts[-1])
    history = fit(resting, x, x, optimizer=partial(torch.optim.SGD, lr=0.0), **options)
    assert len(set(history.column("validation")[1])) == 1


@pytest.mark.parametrize("training", [True, False])
def test_the_program_is_left_in_the_mode_it_was_in(x, training):
    program = Gaussian().train(training)
    history = fit(
        program, x, x, epochs=1, callback=lambda p, h: p.training and pytest.fail("training")
    )
    assert history.last == 1
    assert program.training == training


def test_nothing_is_warned_of_in_a_plain_fit(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(Gaussian(), x, x, epochs=2, batch_size=25, average=0.9)


def replaced(program):
    program.encoder = nn.Linear(4, 2)


def added(program):
    program.more = nn.Parameter(torch.ones(()))


def unfrozen(program):
    program.weights.requires_grad_(True)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (replaced, r"encoder\.weight .*, encoder\.bias"),
        (added, "more"),
        (unfrozen, "weights"),
        (lambda program: program.double(), r"encoder\.weight \(torch.float64 on cpu\)"),
        (lambda program: program.to("meta"), r"encoder\.weight \(torch.float32 on meta\)"),
    ],
    ids=["replaced", "added", "unfrozen", "converted", "moved"],
)
def test_parameters_that_a_callback_changes_are_named(x, change, names):
    program = Gaussian()
    program.weights.requires_grad_(False)

    def callback(program, history):
        if history.last == 1:
            change(program)

    with pytest.raises(ValueError, match=f"parameters {names}.* stop this fit and call fit again"):
        fit(program, x, epochs=3, batch_size=20, callback=callback)


def test_a_callback_may_set_values_and_freeze(x):
    program = Gaussian()

    def callback(program, history):
        program.encoder.requires_grad_(False)
        program.load_state_dict({n: torch.zeros_like(v) for n, v in weights(program).items()})

    assert fit(program, x, epochs=3, batch_size=20, callback=callback).last == 3
    assert not program.encoder.weight.any()


def test_a_parameter_that_is_made_late_is_not_left_untrained(x):
    runs = []

    def model(x):
        runs.append(None)
        late = pyro.param("late", torch.ones(())) if len(runs) > 40 else 1.0
        mean = pyro.param("mean", torch.zeros(())) * late
        with pyro.plate("data", len(x)):
            pyro.sample(
                "x", pyro.distributions.Normal(mean, 1.0).expand([1, 1, 4]).to_event(3), obs=x
            )

    with pytest.raises(ValueError, match=r"parameters site_params\.late .* were added"):
        fit(ppgen.as_program(model), x, epochs=40, batch_size=20)
