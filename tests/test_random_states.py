"""Calls leave the random numbers of the caller as they were, also if they fail."""

import numpy as np
import pytest
import torch
from programs import Gaussian

import ppgen
from ppgen import inference
from ppgen.running import random_state

X = torch.linspace(-1, 1, 48).view(12, 1, 1, 4)
LEFT = torch.arange(4) < 2

CALLS = {
    "fit": lambda p, seed: ppgen.fit(p, X, X, epochs=1, batch_size=4, seed=seed, progress=False),
    "elbo": lambda p, seed: ppgen.elbo(p, X, seed=seed),
    "iwae": lambda p, seed: ppgen.iwae(p, X, 2, seed=seed),
    "log_predictive": lambda p, seed: ppgen.log_predictive(p, X, 2, seed=seed),
    "predict": lambda p, seed: ppgen.predict(p, X, seed=seed),
    "posterior": lambda p, seed: ppgen.posterior(p, X, seed=seed),
    "sample": lambda p, seed: ppgen.sample(p, 2, seed=seed),
    "reconstruct": lambda p, seed: ppgen.reconstruct(p, X, seed=seed),
    "ais": lambda p, seed: inference.ais(p, X, 2, 2, leapfrogs=1, seed=seed),
    "complete": lambda p, seed: inference.complete(p, X, LEFT, steps=2, seed=seed),
    "fit_latents": lambda p, seed: inference.fit_latents(p, X, steps=2, seed=seed),
    "log_evidence": lambda p, seed: inference.log_evidence(p, p.guide, X, particles=2, seed=seed),
}


def state():
    read = random_state()
    return read["torch"].tolist(), read["numpy"]["state"]["key"].tolist(), read["python"]


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70, 2.7, "a", np.int64(-1)], ids=repr)
@pytest.mark.parametrize("name", CALLS)
def test_a_seed_that_is_none_leaves_the_generators_alone(name, seed):
    program, before = Gaussian(), state()
    with pytest.raises((TypeError, ValueError, RuntimeError, OverflowError)):
        CALLS[name](program, seed)
    assert state() == before


class Failing(Gaussian):
    """It raises an error in its n-th run."""

    def __init__(self, n):
        super().__init__()
        self.left = n

    def model(self, x=None, *, n=1):
        self.left -= 1
        if self.left == 0:
            raise ZeroDivisionError("as a program may")
        return super().model(x, n=n)


@pytest.mark.parametrize("name", CALLS)
def test_a_program_that_fails_leaves_the_generators_and_its_modes_alone(name):
    failed = 0
    for n in (1, 3, 8):
        program = Failing(n)
        before = state(), torch.is_grad_enabled(), torch.distributions.Distribution._validate_args
        try:
            CALLS[name](program, 5)
        except (ZeroDivisionError, ValueError):
            failed += 1
        assert program.training
        after = state(), torch.is_grad_enabled(), torch.distributions.Distribution._validate_args
        assert after == before
    assert failed > 0


@pytest.mark.parametrize("name", CALLS)
def test_seeds_of_numpy_and_the_largest_one_are_seeds(name):
    before = state()
    results = []
    for seed in (7, np.int64(7), np.uint8(7), 2**32 - 1):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            program = Gaussian()
        results.append(CALLS[name](program, seed))
    assert state() == before
    if name == "sample":
        first, *same, other = results
        assert all(torch.equal(first, each) for each in same)
        assert not torch.equal(first, other)
