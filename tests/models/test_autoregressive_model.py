"""An autoregressive model completes images by the same calls as every other program."""

import pytest
import torch
from programs import LinearChain

import ppgen
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


def labelled(labels):
    x = torch.bernoulli(torch.full((len(labels), 1, 3, 3), 0.5))
    return AutoregressiveModel(LinearChain((1, 3, 3), context_size=3)), (x, labels)


@pytest.mark.parametrize("row", [0, 9])
@pytest.mark.parametrize("label", [3, -1])
@pytest.mark.parametrize("validation", [False, True])
def test_a_label_out_of_range_is_named_before_training(row, label, validation):
    labels = torch.arange(10) % 3
    labels[row] = label
    model, data = labelled(labels)
    before = model.network.bias.detach().clone()
    train, held_out = (labelled(torch.arange(10) % 3)[1], data) if validation else (data, None)
    with pytest.raises(ValueError, match=f"labels from .*{label}.*expected 0 … 2"):
        ppgen.fit(model, train, held_out, epochs=1, batch_size=4, progress=False)
    assert torch.equal(model.network.bias, before)
    with pytest.raises(ValueError, match=f"labels from .*{label}.*expected 0 … 2"):
        ppgen.elbo(model, data, batch_size=4)


def test_labels_in_range_are_taken():
    model, data = labelled(torch.arange(10) % 3)
    ppgen.fit(model, data, epochs=1, batch_size=4, progress=False)


def test_one_hot_vectors_of_integers_are_told_to_be_floating():
    model, (x, labels) = labelled(torch.arange(5) % 3)
    one_hot = torch.eye(3, dtype=torch.long)[labels]
    with pytest.raises(ValueError, match=r"\(5, 3\) and the type torch\.int64.*one-hot vectors"):
        ppgen.elbo(model, (x, one_hot))
    found, expected = (ppgen.elbo(model, (x, c)).per_image for c in (one_hot.float(), labels))
    torch.testing.assert_close(found, expected)


def test_anything_but_a_prefix_is_refused():
    model = AutoregressiveModel(LinearChain((1, 3, 3)))
    with pytest.raises(ValueError, match="observed holds pixels that come after"):
        complete(model, torch.zeros(2, 1, 3, 3), ~TOP)
