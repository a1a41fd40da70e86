"""Which epoch is the last, and whose weights are kept."""

from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from programs import Gaussian, Pixels
from quiet_fit import assert_same, fit, weights
from torch.optim import Adam

import ppgen


def test_early_stopping_restores_the_best_epoch(x):
    """Trained on data of another kind than the validation's, a program gets worse."""
    seen = {}
    program = Gaussian()
    history = fit(
        program, x + 3.0, x, epochs=50, batch_size=10, patience=4, optimizer=partial(Adam, lr=0.05),
        callback=lambda p, h: seen.setdefault(h.last, weights(p)) and None,
    )  # fmt: skip
    assert history.last == history.best.number + 4 < 50
    assert_same(weights(program), seen[history.best.number])
    validation = history.column("validation")[1]
    assert history.best.validation == max(validation)


def test_a_validation_that_is_not_finite_is_never_the_best():
    values = [np.nan, -3.0, np.inf, -2.0, -np.inf, -2.5]
    epochs = [ppgen.training.Epoch(i, None, value, 0.0, 0.1) for i, value in enumerate(values)]
    assert ppgen.training.History(epochs).best is epochs[3]
    assert ppgen.training.History(epochs[:1]).best is None


def test_where_no_validation_is_finite_the_last_weights_are_kept(x):
    class Mean(Pixels):
        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                return pyro.sample("x", dist.Normal(self.logits, 1.0).to_event(3), obs=x)

    seen, program, impossible = {}, Mean((1, 1, 4)), torch.full((1, 1, 1, 4), 1e25)
    history = fit(
        program, x, impossible, epochs=3, callback=lambda p, h: seen.update({h.last: weights(p)})
    )
    assert history.best is None
    assert_same(weights(program), seen[3])
    assert program.logits.any()


def test_without_validation_the_last_weights_are_kept(x):
    seen = {}
    program = Gaussian()
    fit(program, x, epochs=3, callback=lambda p, h: seen.update({h.last: weights(p)}), batch_size=9)
    assert_same(weights(program), seen[3])


def test_a_callback_can_stop_the_fit(x):
    history = fit(Gaussian(), x, epochs=9, batch_size=9, callback=lambda p, h: h.last == 2)
    assert history.last == 2
