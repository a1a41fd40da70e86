"""The mixture fitted by SVI, against its optimum and on real images."""

from functools import partial
from math import log

import pyro
import pytest
import torch
from mixtures import SHAPE, mean_log_likelihood
from real_data import needs_real
from torch.nn.utils import parameters_to_vector

import ppgen
from ppgen.data.batches import Batches
from ppgen.models import BernoulliMixture


def test_an_untrained_mixture_gives_each_pixel_one_bit():
    mixture = BernoulliMixture((1, 28, 28))
    images = torch.bernoulli(torch.full((100, 1, 28, 28), 0.13))
    assert mean_log_likelihood(mixture, images) == pytest.approx(-784 * log(2), abs=1)


@pytest.mark.parametrize("counts", [(0, 0), (0.5, 2.0)], ids=["likelihood", "posterior"])
def test_svi_and_em_reach_the_same_optimum(counts):
    """With two batches, so that SVI has to scale the prior of each."""
    true = BernoulliMixture(SHAPE, 3).double()
    with torch.no_grad():  # three classes far apart, so that the optimum is sharp
        true.weights.copy_(4 * torch.bernoulli(torch.full_like(true.weights, 0.5)) - 2)
    x = ppgen.sample(true, 200)
    em, svi = (BernoulliMixture(SHAPE, 3, *counts).double() for _ in range(2))
    em.fit_em(x, iterations=1000, tolerance=1e-10)
    svi.fit_em(x, iterations=0)  # the same start
    optimizer = partial(torch.optim.Adam, lr=0.1)
    scheduler = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.97)
    how = {"optimizer": optimizer, "scheduler": scheduler, "progress": False}
    ppgen.fit(svi, x, epochs=200, batch_size=100, **how)

    def objective(mixture):
        return mean_log_likelihood(mixture, x) + mixture.log_prior().item() / len(x)

    assert objective(svi) == pytest.approx(objective(em), abs=1e-4)
    torch.testing.assert_close(svi.class_images, em.class_images, atol=1e-2, rtol=0)
    classes = [mixture.class_logits.softmax(0) for mixture in (svi, em)]
    torch.testing.assert_close(*classes, atol=1e-2, rtol=0)


def test_svi_learns_from_what_was_seen(x, observed):
    mixture = BernoulliMixture(SHAPE, classes=1)
    data = (x, observed)
    optimizer = partial(torch.optim.Adam, lr=0.1)
    ppgen.fit(mixture, data, epochs=300, batch_size=40, optimizer=optimizer, progress=False)
    seen = observed.sum(0)
    expected = (x * observed).sum(0) / seen.clamp(min=1)
    expected[seen == 0] = 0.5
    torch.testing.assert_close(mixture.class_images[0].double(), expected, atol=5e-3, rtol=0)


def test_em_and_svi_learn_real_digits():
    digits = ppgen.data.load("digits").binarized()
    train, test = digits.train.images, digits.test.images
    scores = {}
    for classes in (1, 10):
        mixture = BernoulliMixture(digits.image_shape, classes, pixel_pseudo_count=0.1)
        mixture.fit_em(train)
        scores[classes] = mean_log_likelihood(mixture, test)
    mixture = BernoulliMixture(digits.image_shape, 10, pixel_pseudo_count=0.1)
    optimizer = partial(torch.optim.Adam, lr=0.05)
    ppgen.fit(mixture, train, epochs=20, optimizer=optimizer, progress=False)
    scores["svi"] = mean_log_likelihood(mixture, test)
    assert scores[10] > scores[1] + 2
    assert scores["svi"] > scores[1] + 2


def test_checkpoints_resume_to_the_same_numbers(tmp_path, binary_images):
    def run(epochs, **where):
        pyro.set_rng_seed(0)
        mixture = BernoulliMixture(SHAPE, 3, pixel_pseudo_count=0.1)
        ppgen.fit(mixture, binary_images, epochs=epochs, batch_size=15, progress=False, **where)
        return parameters_to_vector(mixture.parameters())

    whole = run(4)
    run(2, out=tmp_path)
    assert torch.equal(run(4, out=tmp_path, resume=True), whole)


@pytest.mark.slow
def test_compiled_steps_give_the_same(binary_images, recwarn):
    losses = []
    for compiled in ("off", "on"):
        pyro.set_rng_seed(0)
        mixture = BernoulliMixture(SHAPE, 3, pixel_pseudo_count=0.1)
        history = ppgen.fit(
            mixture, binary_images, epochs=3, batch_size=20, compile=compiled, progress=False
        )
        losses.append([epoch.elbo for epoch in history.epochs[1:]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert not [w for w in recwarn if "uncompiled" in str(w.message)]


@pytest.mark.slow
@needs_real("binarized_mnist.npz")
def test_the_first_epoch_on_binarized_mnist():
    images = ppgen.data.load("binarized_mnist").train.images
    mixture = BernoulliMixture((1, 28, 28))
    batches = [batch for (batch,) in Batches(images)]

    def score():
        with torch.no_grad():
            return torch.cat([mixture.log_likelihood(batch) for batch in batches]).mean().item()

    assert score() == pytest.approx(-543, abs=5)
    optimizer = partial(torch.optim.Adam, lr=0.03)
    ppgen.fit(mixture, images, epochs=1, optimizer=optimizer, progress=False)
    assert score() > -180
