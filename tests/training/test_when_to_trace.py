"""Which steps are traced or compiled, and how often a graph is compared with its program."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from graphs import graphs_of, vae
from programs import Pixels

from ppgen.autoregressive import NADE
from ppgen.data.batch import Batch
from ppgen.models import AutoregressiveModel
from ppgen.program import as_program
from ppgen.training import compiled, whole_step
from ppgen.training.compiled import steps_to_trace


def test_auto_decides_by_the_length_of_the_fit_alone(images, uncompiled_graphs):
    seen = {}
    for steps in (10, 20_000, 500_000):
        step = graphs_of(Pixels(), images, "auto", steps=steps)
        for _ in range(2):
            step(Batch.of(images))
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


def test_a_short_last_batch_is_traced_only_if_that_pays(images, uncompiled_graphs):
    step = graphs_of(Pixels(), images, "on", batch_size=16, steps=100)
    for rows in (16, 16, 2, 2):
        step(Batch.of(images[:rows]))
    assert [type(u).__name__ for u in step.update._updates.values()] == ["WholeStep", "NoneType"]


def test_pyros_handlers_run_once_a_shape_but_for_ever_rarer_comparisons(images, uncompiled_graphs):
    class Calls:  # where no graph looks for numbers of Python
        number = 0

    class Counting(Pixels):
        def model(self, x=None, *, n=1):
            Calls.number += 1
            return super().model(x, n=n)

    step = graphs_of(Counting(), images, "traced", batch_size=16)
    batch = Batch.of(images[:16])
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


def test_a_graph_that_is_made_anew_is_compared_with_its_program(
    images, uncompiled_graphs, monkeypatch
):
    """The optimiser's settings change, so its update leaves the graph."""
    compared, compare = [], compiled.Graphs._compare
    monkeypatch.setattr(
        compiled.Graphs, "_compare", lambda *args: compared.append(type(args[1])) or compare(*args)
    )
    program = vae()
    step = graphs_of(program, images)
    for weight_decay in (0.0, 0.1):
        step.update.state.optimizer.param_groups[0]["weight_decay"] = weight_decay
        step.begin_epoch()
        for _ in range(3):
            step(Batch.of(images))
    assert compared == [whole_step.WholeStep, compiled.ByGraph]
