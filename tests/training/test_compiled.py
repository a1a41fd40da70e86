"""Compiled steps give the numbers of uncompiled ones, or say why there are none."""

import shutil
import warnings
from functools import partial

import numpy as np
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
from ppgen.autoregressive import NADE
from ppgen.data.batch import Batch
from ppgen.data.batches import Batches
from ppgen.models import AutoregressiveModel
from ppgen.program import Program, as_program
from ppgen.training import NotFiniteError, compiled, tracing, whole_step
from ppgen.training.compiled import make_update, steps_to_trace
from ppgen.training.fitting import adam
from ppgen.training.state import TrainingState
from ppgen.training.step import Step

fit = partial(ppgen.fit, progress=False)


@pytest.fixture
def uncompiled_graphs(monkeypatch):
    """Trace as usual, but skip the slow compiler: the traced graph itself is run."""
    graphs = []

    def keep(graph, inputs):
        graphs.append(graph)
        return graph

    for module in (compiled, whole_step):
        monkeypatch.setattr(module, "compiled", keep)
    return graphs


def graphs_of(program, x, mode="on", batch_size=None, steps=0, maker=adam):
    """A step by graphs, as ``fit`` makes it."""
    objective = prepared(program, x)
    state = TrainingState.start(program, maker)
    batches = Batches(x, batch_size or len(x))
    return Step(program, make_update(objective, state, batches, mode, steps))


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


@pytest.mark.parametrize("mode", ["traced", "on"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_numbers_as_uncompiled(name, mode, x, uncompiled_graphs):
    results = []
    for each in ("off", mode):
        pyro.set_rng_seed(0)
        program = PROGRAMS[name]()
        history = fit(
            program, x, x, epochs=4, batch_size=16, compile=each, bfloat16=name == "bfloat16"
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
def test_optimisers_take_the_same_steps_within_the_graph(name, x, uncompiled_graphs):
    results = []
    for mode in ("off", "on"):
        pyro.set_rng_seed(0)
        program = vae().double()
        history = fit(
            program,
            x[:48],
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
    optimizer, scheduler, x, uncompiled_graphs
):
    results = []
    for mode in ("off", "on"):
        program = vae()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fit(
                program,
                x[:48],
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


def test_pyros_handlers_run_once_a_shape_but_for_ever_rarer_comparisons(x, uncompiled_graphs):
    class Calls:  # where no graph looks for numbers of Python
        number = 0

    class Counting(Pixels):
        def model(self, x=None, *, n=1):
            Calls.number += 1
            return super().model(x, n=n)

    step = graphs_of(Counting(), x, "traced", batch_size=16)
    batch = Batch.of(x[:16])
    Calls.number = 0
    step(batch)
    assert Calls.number == 1
    step(batch)
    traced_and_compared = 2
    assert Calls.number == 1 + traced_and_compared
    compared = []
    for epoch in range(1, 80):
        before = Calls.number
        step.begin_epoch()
        for _ in range(10):
            step(batch)
        compared += [epoch] * (Calls.number - before)
    assert compared == [11, 31, 71]  # after 100, 200 and 400 further steps


def test_frozen_and_unused_parameters_get_no_gradient(x, uncompiled_graphs):
    program = vae()
    program.unused = nn.Parameter(torch.zeros(3))
    program.decoder[0].bias.requires_grad_(False)
    step = graphs_of(program, x, "traced")
    for _ in range(2):
        step(Batch.of(x))
    assert not step.update.reason
    assert program.unused.grad is None
    assert program.decoder[0].bias.grad is None
    assert program.decoder[0].weight.grad is not None


@pytest.mark.parametrize("mode", ["traced", "on"])
def test_a_step_that_is_not_finite_is_named_and_changes_nothing(mode, uncompiled_graphs):
    program = Gaussian()
    x = torch.randn(5, 1, 1, 4)
    step = graphs_of(program, x, mode, maker=partial(torch.optim.Adam, lr=0.1))
    for _ in range(3):
        step(Batch.of(x))
    before = {name: value.clone() for name, value in program.state_dict().items()}
    bad = Batch.of(torch.full((5, 1, 1, 4), torch.nan))
    expected = r"step 4: the loss is nan, .* sites: z.* gradients of the parameters: weights"
    with pyro.validation_enabled(False), pytest.raises(NotFiniteError, match=expected):
        step(bad)
    for name, value in program.state_dict().items():
        assert torch.equal(value, before[name])


class Correlated(Program):
    """Rows of two correlated numbers: its covariance has no root where the correlation is 1."""

    def __init__(self):
        super().__init__()
        self.correlation = nn.Parameter(torch.tensor(0.5))

    def model(self, x):
        covariance = self.correlation * (1 - torch.eye(2)) + torch.eye(2)
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.MultivariateNormal(torch.zeros(2), covariance), obs=x)

    def guide(self, x):
        """Nothing is latent."""


@pytest.mark.parametrize("mode", ["traced", "on"])
def test_a_factorisation_that_fails_is_named_and_changes_nothing(mode, uncompiled_graphs):
    program, x = Correlated(), torch.randn(20, 2)
    step = graphs_of(program, x, mode, maker=partial(torch.optim.SGD, lr=0.0))
    for _ in range(3):
        step(Batch.of(x))
    assert not step.update.reason
    with torch.no_grad():
        program.correlation.fill_(1.5)
    with pytest.raises(NotFiniteError, match=r"step 4: the loss is nan, .*PositiveDefinite"):
        step(Batch.of(x))
    assert program.correlation.item() == 1.5


class Written(Correlated):
    """One that writes in place, for which a graph is traced a second time."""

    def model(self, x):
        moved = torch.zeros(len(x), 2)
        moved[:, 0] = x[:, 1]
        super().model(x + 0 * moved)


@pytest.mark.parametrize("make", [Correlated, Written])
def test_graphs_have_no_effects_for_which_they_would_not_be_cached(make):
    program, x = make(), torch.randn(20, 2)
    objective = prepared(program, x)
    graph = tracing.trace(objective, [program.correlation], {}, Batch.of(x)).graph.graph
    names = [str(node.target) for node in graph.nodes]
    assert any("cholesky" in name for name in names)
    assert not any("check_errors" in name for name in names)


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


class Printing(Pixels):
    def model(self, x=None, *, n=1):
        print("a step")
        return super().model(x, n=n)


class KeepingCount(Pixels):
    steps = 0

    def model(self, x=None, *, n=1):
        self.steps += 1
        with pyro.poutine.scale(scale=1 + 1e-6 * self.steps):
            return super().model(x, n=n)


class DrawingByNumpy(Pixels):
    def model(self, x=None, *, n=1):
        with pyro.poutine.scale(scale=1 + 1e-6 * np.random.rand()):
            return super().model(x, n=n)


FALL_BACKS = {
    "branches on data": (Branching, r"value of a tensor is read, in .*compiled.py, line \d+: if x"),
    "writes into buffers": (Normalised, "writes into the buffers .*norm"),
    "prints": (Printing, "a step prints a, step"),
    "keeps a counter": (KeepingCount, "a step changes program.steps"),
    "draws by numpy": (DrawingByNumpy, "a step changes numpy's generator"),
}


@pytest.mark.parametrize("mode", ["traced", "on"])
@pytest.mark.parametrize("name", FALL_BACKS)
def test_what_cannot_be_traced_falls_back_with_its_reason(name, mode, x, uncompiled_graphs):
    make, reason = FALL_BACKS[name]
    results = []
    for each in ("off", mode):
        pyro.set_rng_seed(0)
        program = make()
        if each == mode:
            with pytest.warns(UserWarning, match=f"steps run uncompiled: .*{reason}") as caught:
                fit(program, x, epochs=2, batch_size=16, compile=each)
            assert len([w for w in caught if "uncompiled" in str(w.message)]) == 1
        else:
            fit(program, x, epochs=2, batch_size=16, compile=each)
        results.append((program.state_dict(), getattr(program, "steps", None)))
    assert results[0][1] == results[1][1]
    for key, value in results[0][0].items():
        assert torch.equal(value, results[1][0][key]), key


def test_a_shape_that_a_graph_cannot_take_runs_uncompiled(uncompiled_graphs):
    class Some(Pixels):
        def model(self, x=None, *, n=1):
            with pyro.plate("data", n if x is None else len(x)):
                pyro.sample("x", dist.Bernoulli(logits=self.logits).to_event(3), obs=x)
            some = x[x[:, 0, 0, 0] > 0]  # as many rows as there happen to be
            pyro.factor("some", -(some - self.logits).reshape(-1, 9).pow(2).sum(-1).mean())

    x = torch.bernoulli(torch.full((48, 1, 3, 3), 0.4))
    results = []
    for mode in ("off", "on"):
        program = Some()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit(program, x, epochs=3, batch_size=16, compile=mode)
        results.append(program.logits)
    torch.testing.assert_close(*results)


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


def test_a_callback_may_freeze_a_parameter(x, uncompiled_graphs):
    def freeze(program, history):
        program.decoder[0].weight.requires_grad_(history.last < 2)

    results = []
    for mode in ("off", "traced", "on"):
        program = vae()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit(program, x, epochs=4, batch_size=25, compile=mode, callback=freeze)
        results.append(program.decoder[0].weight.detach())
    torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(results[2], results[0], rtol=1e-4, atol=1e-6)


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


def test_auto_decides_by_the_length_of_the_fit_alone(x, uncompiled_graphs):
    seen = {}
    for steps in (10, 20_000, 500_000):
        step = graphs_of(Pixels(), x, "auto", steps=steps)
        for _ in range(2):
            step(Batch.of(x))
        (update,) = step.update._updates.values()
        seen[steps] = type(update).__name__
    assert seen == {10: "NoneType", 20_000: "ByGraph", 500_000: "WholeStep"}
    assert 400 < steps_to_trace(60) < steps_to_trace(3) < 6_000


def random_walk(x):
    """Fill a tensor one step after the other, as a simulator may."""
    step = pyro.param("step", torch.ones(100))
    walk = torch.zeros(100)
    for t in range(1, 100):
        walk[t] = walk[t - 1] + step[t]
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.Normal(walk[-1], 1), obs=x)


FILLED = {
    "NADE": (lambda: AutoregressiveModel(NADE((1, 8, 8), hidden=5)), torch.ones(20, 1, 8, 8)),
    "random walk": (lambda: as_program(random_walk), torch.linspace(-1, 1, 20)),
}


@pytest.mark.parametrize("name", FILLED)
def test_auto_leaves_programs_alone_that_fill_tensors_part_by_part(name, uncompiled_graphs):
    """A graph of NADE takes several times as long as NADE itself."""
    make, x = FILLED[name]
    step = graphs_of(make(), x, "auto", steps=10**6)
    for _ in range(2):
        step(Batch.of(x))
    assert list(step.update._updates.values()) == [None]
    assert not step.update.reason


def test_a_program_that_fills_tensors_is_traced_if_asked(uncompiled_graphs):
    make, x = FILLED["random walk"]
    step = graphs_of(make(), x, "traced")
    for _ in range(2):
        step(Batch.of(x))
    (update,) = step.update._updates.values()
    assert isinstance(update, compiled.ByGraph)
    assert not step.update.reason


def test_a_short_last_batch_is_traced_only_if_that_pays(x, uncompiled_graphs):
    step = graphs_of(Pixels(), x, "on", batch_size=16, steps=100)
    for rows in (16, 16, 2, 2):
        step(Batch.of(x[:rows]))
    assert [type(u).__name__ for u in step.update._updates.values()] == ["WholeStep", "NoneType"]


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


def test_a_graph_that_is_made_anew_is_compared_with_its_program(x, uncompiled_graphs, monkeypatch):
    """The optimiser's settings change, so its update leaves the graph."""
    compared, compare = [], compiled.Graphs._compare
    monkeypatch.setattr(
        compiled.Graphs, "_compare", lambda *args: compared.append(type(args[1])) or compare(*args)
    )
    program = vae()
    step = graphs_of(program, x)
    for weight_decay in (0.0, 0.1):
        step.update.state.optimizer.param_groups[0]["weight_decay"] = weight_decay
        step.begin_epoch()
        for _ in range(3):
            step(Batch.of(x))
    assert compared == [whole_step.WholeStep, compiled.ByGraph]
