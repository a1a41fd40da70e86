"""`fit` against closed forms and a loop by hand, with any ELBO and any likelihood."""

import copy
from functools import partial

import numpy as np
import pyro
import pytest
import torch
from programs import BeliefNet, Gaussian, Mixture, Pixels
from pyro.infer import (
    RenyiELBO,
    ReweightedWakeSleep,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
)
from quiet_fit import assert_same, fit, weights
from torch.optim import SGD, Adam

from ppgen.data.batches import Batches
from ppgen.objectives import MeanFieldELBO, TensorELBO


def test_maximum_likelihood_by_svi_reaches_the_closed_form(binary_images):
    program = Pixels()
    fit(program, binary_images, epochs=400, batch_size=40, optimizer=partial(Adam, lr=0.1))
    mean = binary_images.mean(0).clamp(1e-3, 1 - 1e-3)
    torch.testing.assert_close(program.logits.detach().sigmoid(), mean, rtol=0, atol=2e-3)


def test_a_binomial_is_a_likelihood_like_any_other():
    class Levels(Pixels):
        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                levels = pyro.distributions.Binomial(16, logits=self.logits).to_event(3)
                return pyro.sample("x", levels, obs=x)

    images = torch.randint(0, 17, (45, 1, 3, 3), dtype=torch.uint8)
    program = Levels()
    fit(program, images, epochs=300, batch_size=20, optimizer=partial(Adam, lr=0.05))
    mean = images.float().mean(0) / 16
    torch.testing.assert_close(program.logits.detach().sigmoid(), mean, rtol=0, atol=0.05)


def test_svi_reaches_the_exact_posterior(x):
    program = Gaussian()
    program.weights.requires_grad_(False)
    fit(program, x, epochs=300, batch_size=60, optimizer=partial(Adam, lr=0.02))
    found = program.encoder.weight.detach().clone(), program.encoder.bias.detach().clone()
    program.use_exact_posterior()
    torch.testing.assert_close(found[0], program.encoder.weight.detach(), rtol=0, atol=0.05)
    torch.testing.assert_close(found[1], program.encoder.bias.detach(), rtol=0, atol=0.05)


def test_equals_a_loop_by_hand_bit_for_bit(x):
    program = Gaussian()
    by_hand = copy.deepcopy(program)
    optimizer = SGD(by_hand.parameters(), lr=0.05)
    pyro.set_rng_seed(7)
    for epoch in (1, 2, 3):
        for (batch,) in Batches(x, 16).shuffled(seed=7, epoch=epoch):
            optimizer.zero_grad()
            loss = MeanFieldELBO().differentiable_loss(by_hand.model, by_hand.guide, batch)
            (loss / len(batch)).backward()
            optimizer.step()
    fit(program, x, epochs=3, batch_size=16, seed=7, optimizer=partial(SGD, lr=0.05))
    assert_same(weights(program), weights(by_hand))


ELBOS = {
    "TensorELBO": (Gaussian, TensorELBO()),
    "MeanFieldELBO": (Gaussian, MeanFieldELBO()),
    "Trace_ELBO": (Gaussian, Trace_ELBO()),
    "Trace_ELBO, particles": (Gaussian, Trace_ELBO(4, vectorize_particles=True)),
    "TraceMeanField_ELBO": (Gaussian, TraceMeanField_ELBO()),
    "RenyiELBO": (Gaussian, RenyiELBO(alpha=0.0, num_particles=4, vectorize_particles=True)),
    "TraceGraph_ELBO": (BeliefNet, TraceGraph_ELBO()),
    "ReweightedWakeSleep": (
        BeliefNet,
        ReweightedWakeSleep(num_particles=4, vectorize_particles=True, insomnia=1.0),
    ),
    "TensorELBO, score function": (BeliefNet, TensorELBO()),
    "TraceEnum_ELBO": (Mixture, TraceEnum_ELBO(max_plate_nesting=1)),
}


@pytest.mark.parametrize("name", ELBOS)
def test_any_elbo_trains_model_and_guide(name, x, binary_images):
    make, elbo = ELBOS[name]
    program = make()
    data = x if make is Gaussian else binary_images
    before = weights(program)
    history = fit(
        program, data, data, epochs=30, batch_size=20, objective=elbo,
        optimizer=partial(Adam, lr=0.02),
    )  # fmt: skip
    validation = history.column("validation")[1]
    assert np.mean(validation[-5:]) > validation[0]
    assert all(not torch.equal(before[n], value) for n, value in program.named_parameters())
    assert not list(pyro.get_param_store())


def test_enumeration_gives_the_exact_likelihood(binary_images):
    program = Mixture()
    history = fit(program, binary_images, binary_images, epochs=0)
    exact = program.log_likelihood(binary_images).mean().item()
    assert history.epochs[0].validation == pytest.approx(exact, rel=1e-5)


def test_context_goes_to_model_and_guide(x):
    class Shifted(Pixels):
        def model(self, x=None, y=None, *, n=1):
            seen.append(y)
            return super().model(x, n=n)

        def guide(self, x, y):
            """Nothing is latent."""

    seen = []
    images = torch.ones(10, 1, 3, 3)
    fit(Shifted(), (images, torch.arange(10)), epochs=1, batch_size=5)
    assert sorted(torch.cat(seen[-2:]).tolist()) == list(range(10))
