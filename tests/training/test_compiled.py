"""Compiled steps give the numbers of uncompiled ones."""

import shutil
import warnings
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from graphs import graphs_of, vae
from programs import BeliefNet, Pixels, function_guide, function_model, module_model
from quiet_fit import fit
from torch import nn

from ppgen.data.batch import Batch
from ppgen.program import as_program

PROGRAMS = {
    "VAE": vae,
    "score function": BeliefNet,
    "nothing latent": Pixels,
    "bfloat16": vae,
}


@pytest.mark.parametrize("mode", ["traced", "on"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_numbers_as_uncompiled(name, mode, images, uncompiled_graphs):
    results = []
    for each in ("off", mode):
        pyro.set_rng_seed(0)
        program = PROGRAMS[name]()
        history = fit(
            program,
            images,
            images,
            epochs=4,
            batch_size=16,
            compile=each,
            bfloat16=name == "bfloat16",
        )
        results.append((history.column("validation")[1], list(program.parameters())))
    (plain, parameters), (by_graph, others) = results
    tolerance = 1e-2 if name == "bfloat16" else 1e-5
    assert by_graph == pytest.approx(plain, rel=tolerance)
    for parameter, other in zip(parameters, others, strict=True):
        torch.testing.assert_close(parameter, other, rtol=tolerance, atol=tolerance)
    assert len(uncompiled_graphs) == (mode == "on")  # 16 images; the last 2 pay for no graph


OPTIMIZERS = {
    "Adam": partial(torch.optim.Adam, lr=0.02, weight_decay=0.1),
    "fused Adam, amsgrad": partial(torch.optim.Adam, lr=0.02, fused=True, amsgrad=True),
    "AdamW": partial(torch.optim.AdamW, lr=0.02),
    "SGD": partial(torch.optim.SGD, lr=0.02),
    "SGD, momentum": partial(torch.optim.SGD, lr=0.02, momentum=0.9, nesterov=True),
    "RMSprop": partial(torch.optim.RMSprop, lr=0.02, momentum=0.5, centered=True),
    "Adagrad": partial(torch.optim.Adagrad, lr=0.02),
    "NAdam": partial(torch.optim.NAdam, lr=0.02),
    "Rprop": partial(torch.optim.Rprop, lr=0.02),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers_take_the_same_steps_within_the_graph(name, images, uncompiled_graphs):
    results = []
    for mode in ("off", "on"):
        pyro.set_rng_seed(0)
        program = vae().double()
        history = fit(
            program,
            images[:48],
            epochs=4,
            batch_size=16,
            optimizer=OPTIMIZERS[name],
            scheduler=partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5),
            clip_norm=2.0,
            average=0.9,
            compile=mode,
        )
        results.append((program.state_dict(), history.column("elbo")[1]))
    assert "lerp" in uncompiled_graphs[0].code  # the average is within
    (plain, elbos), (by_graph, others) = results
    assert others == pytest.approx(elbos, rel=1e-9)
    for key, value in plain.items():
        torch.testing.assert_close(by_graph[key], value, rtol=1e-7, atol=1e-9)


class InPython(torch.optim.SGD):
    """An optimiser of a kind that no graph can follow."""

    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.grad.norm().item() > 1e-3:
                    parameter.data -= group["lr"] * parameter.grad


def momentum_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=9)


@pytest.mark.parametrize(
    ("optimizer", "scheduler"),
    [(InPython, None), (partial(torch.optim.Adam, lr=0.1), momentum_cycle)],
    ids=["an optimiser that reads values", "a schedule of momentum"],
)
def test_the_gradients_alone_are_compiled_where_the_optimiser_cannot_be(
    optimizer, scheduler, images, uncompiled_graphs
):
    results = []
    for mode in ("off", "on"):
        program = vae()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fit(
                program,
                images[:48],
                epochs=4,
                batch_size=16,
                optimizer=optimizer,
                scheduler=scheduler,
                compile=mode,
            )
        results.append(list(program.parameters()))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)
    assert uncompiled_graphs


def test_plain_functions_can_be_traced(uncompiled_graphs):
    x = torch.randn(40, 1, 1, 4)
    results = []
    for mode in ("off", "on"):
        pair = as_program((function_model, function_guide))
        fit(pair, x, epochs=3, batch_size=20, compile=mode)
        results.append(list(pair.parameters()))
    torch.testing.assert_close(*results)
    assert len(uncompiled_graphs) == 1


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


def test_frozen_and_unused_parameters_get_no_gradient(images, uncompiled_graphs):
    program = vae()
    program.unused = nn.Parameter(torch.zeros(3))
    program.decoder[0].bias.requires_grad_(False)
    step = graphs_of(program, images, "traced")
    for _ in range(2):
        step(Batch.of(images))
    assert not step.update.reason
    assert program.unused.grad is None
    assert program.decoder[0].bias.grad is None
    assert program.decoder[0].weight.grad is not None


def test_a_callback_may_freeze_a_parameter(images, uncompiled_graphs):
    def freeze(program, history):
        program.decoder[0].weight.requires_grad_(history.last < 2)

    results = []
    for mode in ("off", "traced", "on"):
        program = vae()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit(program, images, epochs=4, batch_size=25, compile=mode, callback=freeze)
        results.append(program.decoder[0].weight.detach())
    torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(results[2], results[0], rtol=1e-4, atol=1e-6)


def test_through_the_compiler_itself(images):
    """One whole run of torch.compile, random numbers included."""
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    results = []
    for mode in ("off", "on"):
        program = vae()
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="steps run uncompiled")
            history = fit(program, images[:48], images, epochs=3, batch_size=16, compile=mode)
        results.append(history.column("elbo")[1])
    assert results[1] == pytest.approx(results[0], rel=1e-5)
