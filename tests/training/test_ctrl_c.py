"""Ctrl-C ends a fit as early stopping does: with its history, its weights and its checkpoint."""

import json
import signal
from functools import partial

import pytest
import torch
from programs import Gaussian

import ppgen
from ppgen.training.checkpoint import Checkpoints

fit = partial(ppgen.fit, epochs=6, batch_size=20, progress=False)


def interrupted(*args, said="Ctrl-C ended the fit", **options):
    with pytest.warns(UserWarning, match=said):
        return fit(*args, **options)


class Interrupted(Gaussian):
    """Ctrl-C is pressed in the middle of one of its training steps."""

    def __init__(self, step):
        super().__init__()
        self.step, self.steps = step, 0

    def guide(self, x):
        self.steps += self.training
        if self.steps == self.step:
            self.step = None
            signal.raise_signal(signal.SIGINT)
        return super().guide(x)


@pytest.fixture
def x():
    return torch.randn(60, 1, 1, 4)


@pytest.mark.parametrize(
    ("step", "epochs"), [(1, 0), (3, 0), (4, 1), (8, 2)], ids=["first step", "3rd", "4th", "8th"]
)
def test_the_history_and_the_weights_of_the_last_whole_epoch(step, epochs, x, tmp_path):
    stopped, undisturbed = Interrupted(step), Gaussian()
    undisturbed.load_state_dict(stopped.state_dict())
    said = rf"Ctrl-C ended .* after {3 * epochs} of 18 steps; .* the weights of epoch {epochs}$"
    history = interrupted(stopped, x, out=tmp_path, said=said)
    assert history.last == epochs
    assert stopped.training  # the mode that it had before
    fit(undisturbed, x, epochs=epochs)
    for name, value in stopped.state_dict().items():
        assert torch.equal(value, undisturbed.state_dict()[name]), name
    assert len(json.loads(Checkpoints(tmp_path).load()["history"])) == epochs + 1


def test_the_weights_of_the_best_epoch_where_there_is_validation(x):
    stopped, undisturbed = Interrupted(11), Gaussian()
    undisturbed.load_state_dict(stopped.state_dict())
    history = interrupted(stopped, x, x + 1)
    again = fit(undisturbed, x, x + 1, epochs=3)
    assert [e.validation for e in history.epochs] == [e.validation for e in again.epochs]
    for name, value in stopped.state_dict().items():
        assert torch.equal(value, undisturbed.state_dict()[name]), name


def test_the_run_goes_on_to_the_same_numbers(x, tmp_path):
    stopped, undisturbed = Interrupted(8), Gaussian()
    undisturbed.load_state_dict(stopped.state_dict())
    whole = fit(undisturbed, x)
    interrupted(stopped, x, out=tmp_path)
    history = fit(stopped, x, out=tmp_path, resume=True)
    assert history.column("elbo") == whole.column("elbo")
    for name, value in stopped.state_dict().items():
        assert torch.equal(value, undisturbed.state_dict()[name]), name


def test_before_anything_is_known_it_is_an_error(x):
    """While the program is looked at there is no history to return."""

    class Early(Gaussian):
        def model(self, x=None, *, n=1):
            signal.raise_signal(signal.SIGINT)
            return super().model(x, n=n)

    with pytest.raises(KeyboardInterrupt):
        fit(Early(), x)
