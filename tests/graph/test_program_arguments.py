"""Graphs of pairs, modules and programs, with their arguments, and what running them leaves."""

import functools

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs_of_graphs import as_edges, computed, eight_schools, parameters_only
from pyro import poutine
from pyro.distributions.util import gather
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ppgen.data import Part, Setting
from ppgen.graph import DAG, GraphError
from ppgen.models import VAE
from ppgen.program import Program


def test_a_vae_generates_and_then_observes():
    dag = DAG.from_program(VAE.mlp((1, 4, 4), latent=2))
    assert set(dag.graph.edges) == {("z", "x")}
    assert [dag.graph.nodes[n]["observed"] for n in ("z", "x")] == [False, True]
    assert all(plates == ("data",) for _, plates in dag.graph.nodes(data="plates"))


def test_pairs_modules_and_models_have_the_same_graph():
    vae = VAE.mlp((1, 4, 4), latent=2)
    images = torch.zeros(3, 1, 4, 4)
    for program, args in [((vae.model, vae.guide), ()), (vae, (images,)), (vae.model, (images,))]:
        dag = DAG.from_program(program, *args)
        assert dict(dag.graph.nodes(data="observed")) == {"z": False, "x": True}
        assert set(dag.graph.edges) == {("z", "x")}


def two_outputs(counts=None, sizes=None):
    with pyro.plate("rows", 3):
        rate = pyro.sample("rate", dist.Gamma(2.0, 1.0))
        counts = pyro.sample("counts", dist.Poisson(rate), obs=counts)
        sizes = pyro.sample("sizes", dist.Normal(counts, rate), obs=sizes)
    return counts, sizes


def named_outputs(*, counts=None, sizes=None):
    return dict(zip(("counts", "sizes"), two_outputs(counts, sizes), strict=True))


def one_output(heights=None):
    mean = pyro.sample("mean", dist.Normal(0, 1))
    with pyro.plate("rows", 3 if heights is None else len(heights)):
        return pyro.sample("height", dist.Normal(mean, 1), obs=heights)


@pytest.mark.parametrize(
    ("model", "latent", "edges"),
    [
        (one_output, {"mean"}, "mean-height"),
        (two_outputs, {"rate"}, "rate-counts rate-sizes counts-sizes"),
        (named_outputs, {"rate"}, "rate-counts rate-sizes counts-sizes"),
        (eight_schools, {"mean", "scale", "theta", "y"}, "mean-theta scale-theta theta-y"),
    ],
    ids=["a tensor", "a tuple", "a dict", "nothing"],
)
def test_a_pair_without_arguments_observes_what_its_model_returned(model, latent, edges):
    dag = DAG.from_program((model, lambda *args, **kwargs: None), latent="unobserved")
    assert dag.latent == latent
    assert set(dag.graph.edges) == as_edges(edges)


@pytest.mark.parametrize("returned", [torch.ones(2), 3.0, ("x", None), {"no": "argument"}])
def test_what_a_model_returns_need_not_be_its_data(returned):
    def model(*, n=2):
        with pyro.plate("rows", n):
            pyro.sample("x", dist.Normal(0, 1))
        return returned

    dag = DAG.from_program((model, lambda: None))
    assert dict(dag.graph.nodes(data="observed")) == {"x": False}


class OnNumbers(Program):
    """Of images, labels and a scale; its network takes floating-point images alone."""

    def __init__(self):
        super().__init__()
        self.network = nn.Linear(4, 2).double()

    def model(self, x=None, y=None, *, scale=1.0):
        with pyro.plate("data", 2 if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2).double(), scale).to_event(1))
            if x is not None:
                pyro.sample("loc", dist.Normal(self.network(x.flatten(1)) + z, 1.0).to_event(1))
            y = pyro.sample("y", dist.Bernoulli(logits=z.sum(-1)), obs=y)


IMAGES = torch.ones(3, 1, 2, 2, dtype=torch.uint8)
LABELS = torch.ones(3)


@pytest.mark.parametrize(
    ("args", "kwargs", "edges", "observed"),
    [
        ((IMAGES,), {}, "z-loc z-y", False),
        ((IMAGES.numpy(),), {}, "z-loc z-y", False),
        ((IMAGES, LABELS), {}, "z-loc z-y", True),
        (((IMAGES, LABELS),), {}, "z-loc z-y", True),
        (({"x": IMAGES, "y": LABELS, "scale": 2.0},), {}, "z-loc z-y", True),
        ((IMAGES,), {"y": LABELS, "scale": Setting(torch.tensor([0.5, 2.0]))}, "z-loc z-y", True),
        ((TensorDataset(IMAGES, LABELS),), {}, "z-loc z-y", True),
        ((DataLoader(TensorDataset(IMAGES, LABELS), batch_size=2),), {}, "z-loc z-y", True),
        ((Part(IMAGES, torch.zeros(3)),), {}, "z-loc z-y", False),
        ((None, LABELS[:2]), {}, "z-y", True),
        ((None,), {}, "z-y", False),
        ((), {"y": LABELS[:2], "scale": 3}, "z-y", True),
    ],
)
def test_arguments_of_a_program_are_taken_and_cast_as_in_training(args, kwargs, edges, observed):
    dag = DAG.from_program(OnNumbers(), *args, **kwargs)
    assert set(dag.graph.edges) == as_edges(edges)
    assert dag.graph.nodes["y"]["observed"] == observed


def test_an_object_with_a_model_alone_is_a_program():
    class Holder:
        def model(self, heights=None):
            return one_output(heights)

    dag = DAG.from_program(Holder(), torch.ones(3).double().numpy())
    assert dict(dag.graph.nodes(data="observed")) == {"mean": False, "height": True}


@pytest.mark.parametrize("wrap", [lambda m: m, functools.partial, lambda m: (m, None)])
def test_modules_run_in_evaluation_mode_and_get_their_modes_back(wrap):
    norm, modes = nn.BatchNorm1d(2), []

    class Normalising(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = norm

        def forward(self):
            modes.append(norm.training)
            pyro.sample("x", dist.Normal(norm(torch.zeros(3, 2)), 1).to_event(2))

    model = Normalising().train()
    DAG.from_program(wrap(model))
    assert not any(modes)
    assert model.training
    assert norm.training
    assert norm.num_batches_tracked == 0


def test_arguments_of_a_plain_model_are_passed_as_they_are():
    def model(config, *others, flag=None):
        assert (type(config), others, flag) == (dict, ((1, 2), "text"), [3])
        assert config["x"].dtype == torch.uint8
        pyro.sample("x", dist.Normal(config["x"].float(), 1))

    config = {"x": IMAGES, "path": None}
    assert DAG.from_program(model, config, (1, 2), "text", flag=[3]).nodes == ("x",)


# programs that run only with discrete sites summed out


def tracking(seen):
    """Assign points to moving objects: Pyro's tutorial tracking_1d in short.

    ``gather`` looks up one object for each point, or all of them if `assign` is summed out.
    """
    with pyro.plate("objects", 2):
        exists = pyro.sample("exists", dist.Bernoulli(0.5))
        with poutine.mask(mask=exists.bool()):
            speed = pyro.sample("speed", dist.Normal(0, 1))
    places = torch.arange(4.0)[:, None] * torch.cat([speed, torch.zeros(1)])
    with pyro.plate("points", 5), pyro.plate("time", 4):
        assign = pyro.sample("assign", dist.Categorical(torch.ones(3)))
        pyro.sample("seen", dist.Normal(gather(places, assign, -1), 0.1), obs=seen)


@pytest.mark.parametrize("pair", [False, True])
def test_a_program_that_runs_only_with_discrete_sites_summed_out(pair):
    seen = torch.zeros(4, 5)
    with pytest.raises(RuntimeError, match=r"size of tensor a \(3\) must match"):
        tracking(seen)
    dag = DAG.from_program((tracking, lambda seen: None) if pair else tracking, seen)
    assert set(dag.graph.edges) == as_edges("exists-speed speed-seen assign-seen")
    assert dag.graph.nodes["assign"]["plates"] == ("points", "time")
    assert dict(dag.graph.nodes(data="observed")) == {
        "exists": False, "speed": False, "assign": False, "seen": True
    }  # fmt: skip


def test_a_program_that_runs_neither_way_is_refused_with_its_own_error():
    def model():
        z = pyro.sample("z", dist.Bernoulli(0.5))
        pyro.sample("x", dist.Normal(z + torch.ones(2) + torch.ones(3), 1))

    with pytest.raises(
        GraphError,
        match=r"neither on draws of its discrete sites z \(RuntimeError: The size of tensor a \(2\)"
        r" .*\), nor with them summed out \(RuntimeError: .*pyro.condition\(model, data=\{'z': ",
    ):
        DAG.from_program(model)


def test_guides_and_partial_functions_are_programs_too():
    vae = VAE.mlp((1, 4, 4), latent=2)
    assert DAG.from_program(vae.guide, torch.zeros(3, 1, 4, 4)).nodes == ("z",)
    assert DAG.from_program(functools.partial(eight_schools, y=torch.zeros(4))).graph.nodes["y"][
        "observed"
    ]


# side effects and errors


def test_no_side_effects():
    class Normalised(Program):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(1)

        def model(self, x=None, *, n=2):
            with pyro.plate("data", n if x is None else len(x)):
                z = pyro.sample("z", dist.Normal(0, 1))
                loc = self.norm(z[:, None]).view(-1, 1, 1, 1)
                return pyro.sample("x", dist.Normal(loc, 1.0).to_event(3), obs=x)

    program = Normalised().train()
    state = {name: value.clone() for name, value in program.state_dict().items()}
    pyro.param("mine", torch.tensor(3.0))
    random = torch.get_rng_state()
    DAG.from_program(program)
    DAG.from_program(parameters_only)
    assert list(pyro.get_param_store()) == ["mine"]
    assert torch.equal(torch.get_rng_state(), random)
    assert program.training
    assert program.norm.training
    assert all(torch.equal(value, state[name]) for name, value in program.state_dict().items())
    assert all(type(p) is nn.Parameter for p in program.parameters())


def test_trained_parameters_are_found():
    pyro.param("loc", torch.tensor(3.0))

    def model():
        pyro.sample("x", dist.Normal(pyro.param("loc"), 1))

    assert DAG.from_program(model).nodes == ("x",)


def test_invalid_arguments_raise_errors():
    with pytest.raises(GraphError, match="latent is 'some'; expected one of 'none', 'unobserved'"):
        DAG.from_program(computed, latent="some")
    with pytest.raises(GraphError, match="model has no sample site"):
        DAG.from_program(lambda: None)
    with pytest.raises(TypeError, match="program is 3; expected"):
        DAG.from_program(3)


def test_errors_of_the_model_have_no_side_effects():
    def model():
        pyro.sample("x", dist.Normal(0, 1))
        pyro.param("p", torch.tensor(1.0))
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        DAG.from_program(model)
    assert list(pyro.get_param_store()) == []
    assert type(torch.ones(1) + 1) is torch.Tensor
