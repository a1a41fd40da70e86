"""Steps that no graph can follow run uncompiled and say why; graphs that fail change nothing."""

import warnings
from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from graphs import graphs_of
from programs import Gaussian, Pixels, prepared
from quiet_fit import fit
from torch import nn

from ppgen.data.batch import Batch
from ppgen.program import Program, as_program
from ppgen.training import NotFiniteError, tracing


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
    "branches on data": (
        Branching,
        r"value of a tensor is read, in .*test_untraceable_steps.py, line \d+: if x",
    ),
    "writes into buffers": (Normalised, "writes into the buffers .*norm"),
    "prints": (Printing, "a step prints a, step"),
    "keeps a counter": (KeepingCount, "a step changes program.steps"),
    "draws by numpy": (DrawingByNumpy, "a step changes numpy's generator"),
}


@pytest.mark.parametrize("mode", ["traced", "on"])
@pytest.mark.parametrize("name", FALL_BACKS)
def test_what_cannot_be_traced_falls_back_with_its_reason(name, mode, images, uncompiled_graphs):
    make, reason = FALL_BACKS[name]
    results = []
    for each in ("off", mode):
        pyro.set_rng_seed(0)
        program = make()
        if each == mode:
            with pytest.warns(UserWarning, match=f"steps run uncompiled: .*{reason}") as caught:
                fit(program, images, epochs=2, batch_size=16, compile=each)
            assert len([w for w in caught if "uncompiled" in str(w.message)]) == 1
        else:
            fit(program, images, epochs=2, batch_size=16, compile=each)
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


def test_a_number_that_changes_between_epochs_is_noticed(images, uncompiled_graphs):
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
                fit(program, images, epochs=4, batch_size=25, compile=mode, callback=anneal)
        else:
            fit(program, images, epochs=4, batch_size=25, compile=mode, callback=anneal)
        results.append(program.logits)
    torch.testing.assert_close(*results)


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


class WarmingUp:
    """A model whose prior is weighed by a number that a plain object counts up."""

    def __init__(self):
        self.step = 0

    def model(self, x):
        self.step += 1
        mean = pyro.param("mean", torch.zeros(1, 3, 3))
        with pyro.plate("data", len(x)), pyro.poutine.scale(scale=1 + self.step / 10_000):
            pyro.sample("x", dist.Normal(mean, 1.0).to_event(3), obs=x)


class Called(WarmingUp):
    """A callable object, which is the model itself."""

    def __call__(self, x):
        return super().model(x)

    model = None


class CountingInAList(Pixels):
    def __init__(self):
        super().__init__()
        self.steps = [0]

    def model(self, x=None, *, n=1):
        self.steps[0] += 1
        with pyro.poutine.scale(scale=1 + self.steps[0] / 10_000):
            return super().model(x, n=n)


@pytest.mark.parametrize("make", [WarmingUp, Called, CountingInAList])
def test_numbers_are_watched_wherever_a_program_keeps_them(make, images, uncompiled_graphs):
    results = []
    for mode in ("off", "traced"):
        program = as_program(make())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(program, images, epochs=30, batch_size="all", compile=mode)
        results.append(list(program.parameters()))
    assert any("steps run uncompiled" in str(each.message) for each in caught)
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=0)
