"""What a fit leaves as it was: random numbers, settings, modes, and it warns of nothing."""

import warnings
from functools import partial

import numpy as np
import pyro
import pytest
import torch
from programs import Gaussian, Pixels
from quiet_fit import assert_same, fit, weights


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
