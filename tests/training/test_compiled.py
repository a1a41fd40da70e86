"""Compiled steps give the numbers of uncompiled ones, or say why there are none."""

import shutil
import warnings
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import (
    BeliefNet,
    Gaussian,
    Pixels,
    function_guide,
    function_model,
    module_model,
    prepared,
)
from torch import nn

import ppgen
from ppgen.data.batches import Batch
from ppgen.program import as_program
from ppgen.training.compiled import CompiledGradients

fit = partial(ppgen.fit, progress=False)


@pytest.fixture
def uncompiled_graphs(monkeypatch):
    """Trace as usual, but skip the slow compiler: the traced graph itself is run."""
    compiled = []

    def keep(graph, **_):
        compiled.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", keep)
    return compiled


@pytest.fixture
def x():
    return torch.bernoulli(torch.full((50, 1, 3, 3), 0.4))


def vae():
    pyro.set_rng_seed(0)
    return ppgen.models.VAE.mlp((1, 3, 3), latent=2, hidden=(16,))


PROGRAMS = {
    "VAE": vae,
    "score function": BeliefNet,
    "nothing latent": Pixels,
    "bfloat16": vae,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_numbers_as_uncompiled(name, x, uncompiled_graphs):
    results = []
    for mode in ("off", "on"):
        pyro.set_rng_seed(0)
        program = PROGRAMS[name]()
        history = fit(
            program, x, x, epochs=4, batch_size=16, compile=mode, bfloat16=name == "bfloat16"
        )
        results.append((history.column("validation")[1], list(program.parameters())))
    (plain, parameters), (compiled, others) = results
    tolerance = 1e-2 if name == "bfloat16" else 1e-5
    assert compiled == pytest.approx(plain, rel=tolerance)
    for parameter, other in zip(parameters, others, strict=True):
        torch.testing.assert_close(parameter, other, rtol=tolerance, atol=tolerance)
    assert len(uncompiled_graphs) == 2  # 16 images, and the last 2


def test_plain_functions_can_be_traced(uncompiled_graphs):
    x = torch.randn(40, 1, 1, 4)
    results = []
    for mode in ("off", "on"):
        pair = as_program((function_model, function_guide))
        fit(pair, x, epochs=3, batch_size=20, compile=mode)
        results.append(list(pair.parameters()))
    torch.testing.assert_close(*results)
    assert len(uncompiled_graphs) == 1


def test_pyros_handlers_run_once_a_shape(x, uncompiled_graphs):
    calls = []

    class Counting(Pixels):
        def model(self, x=None, *, n=1):
            calls.append(len(x))
            return super().model(x, n=n)

    objective = prepared(Counting(), x)
    calls.clear()
    gradients = CompiledGradients(objective)
    for batch in (x[:16], x[16:32], x[:2], x[32:48], x[:2]):
        gradients(Batch.of(batch))
    traced_and_compared = [16, 16, 2, 2]
    assert calls == traced_and_compared
    for _ in range(3):  # short epochs are not compared each time
        gradients.begin_epoch()
        gradients(Batch.of(x[:2]))
    assert calls == traced_and_compared
    for _ in range(100):
        gradients(Batch.of(x[:2]))
    gradients.begin_epoch()
    for batch in (x[:16], x[16:32]):
        gradients(Batch.of(batch))
    assert calls == [*traced_and_compared, 16]


def test_frozen_and_unused_parameters_get_no_gradient(x, uncompiled_graphs):
    program = vae()
    program.unused = nn.Parameter(torch.zeros(3))
    program.decoder[0].bias.requires_grad_(False)
    gradients = CompiledGradients(prepared(program, x))
    gradients(Batch.of(x))
    assert gradients.reason is None
    assert program.unused.grad is None
    assert program.decoder[0].bias.grad is None
    assert program.decoder[0].weight.grad is not None


class Branching(Pixels):
    def model(self, x=None, *, n=1):
        if x is not None and x.mean() > 0.5:
            return super().model(1 - x)
        return super().model(x, n=n)


class Normalised(Pixels):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            logits = self.logits if x is None else self.norm(self.logits + 0 * x)
            return pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)


class PyroELBO(Gaussian):
    def __init__(self):
        super().__init__(pixels=9, objective=pyro.infer.Trace_ELBO())


FALL_BACKS = {
    "branches on data": (Branching, "tracing tensor|data-dependent|get value"),
    "writes into buffers": (Normalised, "writes into the buffers .*running_var"),
    "an ELBO that leaves torch": (PyroELBO, "tracing tensor|data-dependent|get value"),
}


@pytest.mark.parametrize("name", FALL_BACKS)
def test_what_cannot_be_traced_falls_back_with_its_reason(name, x, uncompiled_graphs):
    make, reason = FALL_BACKS[name]
    if make is PyroELBO:
        x = torch.randn(50, 1, 1, 9)
    results = []
    for mode in ("off", "on"):
        pyro.set_rng_seed(0)
        program = make()
        if mode == "on":
            with pytest.warns(UserWarning, match=f"steps run uncompiled: .*({reason})") as caught:
                fit(program, x, epochs=2, batch_size=16, compile=mode)
            assert len([w for w in caught if "uncompiled" in str(w.message)]) == 1
        else:
            fit(program, x, epochs=2, batch_size=16, compile=mode)
        results.append(program.state_dict())
    for key, value in results[0].items():
        assert torch.equal(value, results[1][key]), key


def test_a_number_that_changes_between_epochs_is_noticed(x, uncompiled_graphs):
    class Annealed(Pixels):
        weight = 1.0

        def model(self, x=None, *, n=1):
            with pyro.poutine.scale(scale=self.weight):
                pyro.sample("prior", dist.Normal(0.0, 1.0), obs=self.logits.mean())
            return super().model(x, n=n)

    def anneal(program, history):
        program.weight = 50.0 if history.last >= 2 else 1.0

    results = []
    for mode in ("off", "on"):
        program = Annealed()
        if mode == "on":
            with pytest.warns(UserWarning, match="Python numbers that changed"):
                fit(program, x, epochs=4, batch_size=25, compile=mode, callback=anneal)
        else:
            fit(program, x, epochs=4, batch_size=25, compile=mode, callback=anneal)
        results.append(program.logits)
    torch.testing.assert_close(*results)


def test_networks_that_functions_refer_to_are_traced_too(uncompiled_graphs):
    net = nn.Linear(1, 4)
    before = net.weight.detach().clone()
    pair = as_program((module_model(net), function_guide))
    fit(pair, torch.randn(40, 1, 1, 4), epochs=2, batch_size=20, compile="on")
    assert len(uncompiled_graphs) == 1
    assert not torch.equal(before, net.weight)


def test_networks_out_of_sight_are_traced_too(uncompiled_graphs):
    hidden = [nn.Linear(1, 4)]

    def model(x=None, *, n=1):
        net = pyro.module("net", hidden[0])
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            mean = net(z).unflatten(-1, (1, 1, -1))
            return pyro.sample("x", dist.Normal(mean, 0.7).to_event(3), obs=x)

    before = hidden[0].weight.detach().clone()
    pair = as_program((model, function_guide))
    fit(pair, torch.randn(40, 1, 1, 4), epochs=2, batch_size=20, compile="on")
    assert len(uncompiled_graphs) == 1
    assert not torch.equal(before, hidden[0].weight)


def test_auto_leaves_short_runs_alone(x, uncompiled_graphs):
    fit(Pixels(), x, epochs=2, batch_size=16, compile="auto", device="cpu")
    assert not uncompiled_graphs


def test_through_the_compiler_itself(x):
    """One whole run of torch.compile, random numbers included."""
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    results = []
    for mode in ("off", "on"):
        program = vae()
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="steps run uncompiled")
            history = fit(program, x[:48], x, epochs=3, batch_size=16, compile=mode)
        results.append(history.column("elbo")[1])
    assert results[1] == pytest.approx(results[0], rel=1e-5)
