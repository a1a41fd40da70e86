"""Autoregressive models: completions, labels, and sequences of symbols."""

import math
from copy import deepcopy
from functools import partial

import pytest
import torch
from programs import LinearChain
from torch.optim import SGD

import ppgen
from ppgen.autoregressive import Embedding, FullyVisible
from ppgen.inference import complete
from ppgen.likelihoods import Categorical
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
        # A difference of two sums of nine terms up to ten, in float32.
        torch.testing.assert_close(completed.log_prob[row], expected, rtol=0, atol=5e-5)
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


def test_labels_are_learned_from_as_their_one_hot_vectors():
    model, (x, labels) = labelled(torch.arange(10) % 3)
    of_vectors = deepcopy(model)
    before = model.network.context_weight.detach().clone()
    options = {"epochs": 1, "batch_size": 4, "optimizer": partial(SGD, lr=0.1), "progress": False}
    ppgen.fit(model, (x, labels), **options)
    ppgen.fit(of_vectors, (x, torch.eye(3)[labels]), **options)
    assert not torch.equal(model.network.context_weight, before)
    assert torch.equal(model.network.context_weight, of_vectors.network.context_weight)


def test_one_hot_vectors_of_integers_are_told_to_be_floating():
    model, (x, labels) = labelled(torch.arange(5) % 3)
    one_hot = torch.eye(3, dtype=torch.long)[labels]
    with pytest.raises(ValueError, match=r"\(5, 3\) and the type torch\.int64.*one-hot vectors"):
        ppgen.elbo(model, (x, one_hot))
    found, expected = (ppgen.elbo(model, (x, c)).per_example for c in (one_hot.float(), labels))
    torch.testing.assert_close(found, expected)


def test_anything_but_a_prefix_is_refused():
    model = AutoregressiveModel(LinearChain((1, 3, 3)))
    with pytest.raises(ValueError, match="observed holds pixels that come after"):
        complete(model, torch.zeros(2, 1, 3, 3), ~TOP)


# sequences of symbols

LENGTH, SYMBOLS = 12, 8


def markov_chain():
    """Transitions of a chain whose next symbol is in one of two sets, by the parity of the last.

    Both sets have even and odd symbols, and each symbol is in one set: the stationary distribution
    is uniform. The entropy rate is that of each row.
    """
    following = torch.tensor([[0, 3, 4, 7], [1, 2, 5, 6]])[torch.arange(SYMBOLS) % 2]
    return torch.full((SYMBOLS, SYMBOLS), 0.02 / 4).scatter_(1, following, 0.98 / 4)


def sequences(n):
    transitions, columns = markov_chain(), [torch.randint(SYMBOLS, (n,))]
    for _ in range(LENGTH - 1):
        columns.append(torch.multinomial(transitions[columns[-1]], 1).squeeze(1))
    return torch.stack(columns, 1)


def test_an_embedding_reads_symbols_that_grey_values_cannot():
    """Log-ratios of next symbols alternate with the last one; in its grey value they are linear."""
    rate = -(markov_chain()[0] * markov_chain()[0].log()).sum().item()
    entropy = math.log(SYMBOLS) + (LENGTH - 1) * rate
    train, held_out, excess = sequences(4000), sequences(4000), {}
    for inputs in (None, Embedding(SYMBOLS, size=2)):
        network = FullyVisible((LENGTH,), Categorical(SYMBOLS), inputs=inputs)
        model = AutoregressiveModel(network)
        ppgen.fit(
            model,
            train,
            epochs=12,
            batch_size=100,
            optimizer=lambda p: torch.optim.Adam(p, lr=0.02),
            progress=False,
        )
        log_prob = model.log_likelihood(held_out).detach()
        error = log_prob.std().item() / len(held_out) ** 0.5
        excess[inputs] = (-log_prob.mean().item() - entropy) / LENGTH
        assert excess[inputs] > -5 * error / LENGTH  # Gibbs' inequality, false alarms below 1e-6
    grey, embedded = excess.values()
    assert embedded < 0.05
    assert grey > 0.4  # without the last symbol it is log 8 − rate = 0.595


def test_sequences_go_through_the_calls_of_programs():
    model = AutoregressiveModel(LinearChain((5,), Categorical(3), context_size=2))
    x, labels = torch.randint(3, (6, 5)), torch.tensor([0, 1, 1, 0, 1, 0])
    found = ppgen.elbo(model, (x, labels)).per_example
    torch.testing.assert_close(found, model.log_likelihood(x, None, labels))
    assert ppgen.sample(model, 6, labels).shape == (6, 5)
    observed = torch.arange(5) < 3
    completed = model.complete(x, observed, labels)
    assert torch.equal(completed[:, :3], x[:, :3].to(completed))
    assert model.complete(x, observed, labels, mean=True).shape == (6, 5)
