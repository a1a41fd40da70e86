"""An autoregressive model completes images by the same calls as every other program."""

import pytest
import torch
from programs import LinearChain

from ppgen.inference import complete
from ppgen.models import AutoregressiveModel

TOP = torch.tensor([[True, True, True], [True, False, False], [False, False, False]])


def every_image():
    digits = torch.arange(512)[:, None] >> torch.arange(9) & 1
    return digits.float().view(-1, 1, 3, 3)


@pytest.mark.parametrize("labelled", [False, True])
def test_completions_and_their_log_prob_are_those_of_the_enumeration(labelled):
    model = AutoregressiveModel(LinearChain((1, 3, 3), context_size=2 * labelled))
    context = (torch.tensor([0, 1, 1]),) if labelled else ()
    x = torch.bernoulli(torch.full((3, 1, 3, 3), 0.5))
    completed = complete(model, x, TOP, *context, draws=2)
    assert torch.equal(completed.samples[..., TOP], x[..., TOP].expand(2, -1, -1, -1))
    for row in range(3):
        images = every_image()
        images = images[(images == x[row])[..., TOP].flatten(1).all(1)]
        label = (context[0][row].expand(len(images)),) if labelled else ()
        log_probs = model.log_likelihood(images, None, *label)
        truth = (images == x[row]).flatten(1).all(1)
        expected = (log_probs - log_probs.logsumexp(0))[truth].squeeze()
        torch.testing.assert_close(completed.log_prob[row], expected)
        # 100 draws: four standard errors of a fraction, over 15 pixels false alarms below 1e-3.
        mean = (log_probs.softmax(0)[:, None, None, None] * images).sum(0)
        assert (completed.mean[row] - mean).abs().max() < 0.2


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_the_draws_of_a_mean_are_in_memory_a_few_at_a_time(monkeypatch, at_once):
    """A mean over 100 draws at 5 standard errors: 6 pixels, false alarms below 1e-5."""
    monkeypatch.setattr("ppgen.models.autoregressive.IMAGES_AT_ONCE", at_once)
    model, batches = AutoregressiveModel(LinearChain((1, 3, 3))), []
    model.network.register_forward_pre_hook(lambda _, args: batches.append(len(args[0])))
    x = torch.ones(3, 1, 3, 3)
    mean = model.complete(x, TOP, mean=True)
    assert max(batches) <= max(3, at_once)
    images = every_image()
    images = images[(images == x[0])[..., TOP].flatten(1).all(1)]
    weights = model.log_likelihood(images).softmax(0)[:, None, None, None]
    expected = (weights * images).sum(0)
    error = (expected * (1 - expected) / 100).clamp(min=0).sqrt()
    assert ((mean - expected).abs() <= 5 * error + 1e-5).all()


def test_anything_but_a_prefix_is_refused():
    model = AutoregressiveModel(LinearChain((1, 3, 3)))
    with pytest.raises(ValueError, match="observed holds pixels that come after"):
        complete(model, torch.zeros(2, 1, 3, 3), ~TOP)
