"""Any pair of Pyro programs is a Program, and none touches another or the global store."""

import copy
import subprocess
import sys

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import Gaussian, Pixels, function_guide, function_model, module_model
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoDiagonalNormal, AutoNormal
from pyro.nn import PyroModule, PyroParam
from torch import nn

import ppgen
from ppgen.program import Pair, as_program


class Modular(PyroModule):
    """A user's PyroModule with the two methods and a constrained parameter."""

    def __init__(self):
        super().__init__()
        self.scale = PyroParam(torch.ones(4), constraint=dist.constraints.positive)

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            scale = self.scale.view(1, 1, 4)
            return pyro.sample("x", dist.Normal(0.0, scale).to_event(3), obs=x)

    def guide(self, x):
        """Nothing is latent."""


def with_autoguide(kind):
    # An autoguide draws one latent for all images, so the plate must not be the batch's.
    def model(x=None, *, n=1):
        shift = pyro.sample("shift", dist.Normal(torch.zeros(4), 1.0).to_event(1))
        scale = pyro.param("scale", torch.tensor(0.7), constraint=dist.constraints.positive)
        with pyro.plate("data", n if x is None else len(x)):
            mean = shift.unflatten(-1, (1, 1, -1))
            return pyro.sample("x", dist.Normal(mean, scale).to_event(3), obs=x)

    return model, kind(model)


PROGRAMS = {
    "subclass": Gaussian,
    "nothing latent": lambda: Pixels((1, 1, 4)),
    "functions with pyro.param": lambda: (function_model, function_guide),
    "functions with pyro.module": lambda: (module_model(nn.Linear(1, 4)), function_guide),
    "AutoNormal": lambda: with_autoguide(AutoNormal),
    "AutoDiagonalNormal": lambda: with_autoguide(AutoDiagonalNormal),
    "PyroModule": Modular,
}


@pytest.fixture(params=PROGRAMS)
def make(request):
    return PROGRAMS[request.param]


@pytest.fixture
def x():
    return torch.bernoulli(torch.full((20, 1, 1, 4), 0.4))


def test_training_moves_every_parameter_and_leaves_the_global_store_alone(make, x):
    pyro.param("mine", torch.ones(2))
    program = as_program(make())
    program.guide(x), program.model(x)
    before = copy.deepcopy(program.state_dict())
    ppgen.fit(program, x, epochs=3, batch_size=5, progress=False)
    assert before
    assert all(not torch.equal(before[name], p) for name, p in program.named_parameters())
    assert list(pyro.get_param_store()) == ["mine"]


def test_two_of_a_kind_trained_in_turns_equal_two_trained_alone(make, x):
    def train(program, epochs, folder):
        pyro.set_rng_seed(1)
        ppgen.fit(program, x, epochs=epochs, batch_size=5, progress=False, out=folder, resume=True)

    def fresh():
        pyro.set_rng_seed(0)
        return as_program(make())

    import tempfile

    with tempfile.TemporaryDirectory() as root:
        alone = fresh()
        train(alone, 4, f"{root}/alone")
        first, second = fresh(), fresh()
        for epochs in (1, 2, 3, 4):
            train(first, epochs, f"{root}/first")
            train(second, epochs, f"{root}/second")
    for program in (first, second):
        for name, value in alone.state_dict().items():
            assert torch.equal(value, program.state_dict()[name]), name


def test_model_generates_and_a_state_dict_is_the_whole_state(make, x):
    program, other = as_program(make()), as_program(make())
    for p in (program, other):
        p.guide(x), p.model(x)
    with torch.no_grad():
        for parameter in program.parameters():
            parameter.add_(0.3)
    other.load_state_dict(program.state_dict())
    draws = []
    for p in (program, other):
        pyro.set_rng_seed(3)
        draws.append(p.model(n=7))
    assert draws[0].shape == (7, 1, 1, 4)
    assert torch.equal(*draws)


def test_a_class_keeps_its_parameters_itself_and_functions_keep_those_of_the_store(x):
    class Base(ppgen.Program):
        def model(self, x=None, *, n=1):
            b = pyro.param("b", torch.zeros(4))
            with pyro.plate("data", n if x is None else len(x)):
                mean = (b + self.offset()).view(1, 1, 4)
                return pyro.sample("x", dist.Normal(mean, 1.0).to_event(3), obs=x)

        def offset(self):
            return 0.0

    class Derived(Base):
        def model(self, x=None, *, n=1):
            self.a = pyro.param("a", torch.ones(()))
            return super().model(x, n=n)

        def offset(self):
            return self.a

    refused = "Derived makes the parameters a, b by pyro.param"
    for call in (lambda: ppgen.fit(Derived(), x, epochs=1), lambda: ppgen.elbo(Derived(), x)):
        with pytest.raises(ValueError, match=refused):
            call()
    program = as_program((Derived().model, None))
    ppgen.fit(program, x, epochs=1, progress=False)
    assert set(program.site_params) == {"a", "b"}
    assert not list(pyro.get_param_store())


mentioned = nn.Linear(3, 3)


def test_networks_that_functions_call_belong_to_the_program(x):
    """However they are reached; those that are merely mentioned do not."""
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    nets, modes = {"decoder": [net]}, []

    def decode(z):
        mean = nets["decoder"][0](z)
        modes.append(net.training)
        return mean

    def model(x=None, *, n=1):
        size = n if x is None else len(x)
        if size < 0:
            return mentioned(x)
        with pyro.plate("data", size):
            mean = decode(torch.ones(size, 4)).view(-1, 1, 1, 4)
            return pyro.sample("x", dist.Normal(mean, 1.0).to_event(3), obs=x)

    program, statistics = as_program(model), net[1].running_mean.clone()
    ppgen.elbo(program, x)
    assert torch.equal(net[1].running_mean, statistics)
    ppgen.elbo(program, x)
    assert not any(modes)
    assert "parts.0.1.running_mean" in program.state_dict()
    assert len(list(program.parameters())) == 4


def test_a_model_alone_needs_no_guide(x):
    class Alone:
        def model(self, x=None, *, n=1):
            mean = pyro.param("mean", torch.zeros(1, 1, 4))
            with pyro.plate("data", n if x is None else len(x)):
                return pyro.sample("x", dist.Normal(mean, 1.0).to_event(3), obs=x)

    program = as_program(Alone())
    ppgen.fit(program, x, epochs=1, batch_size=5, progress=False)
    assert not torch.equal(program.site_params["mean"], torch.zeros(1, 1, 4))


def test_a_class_in_place_of_an_instance_is_refused():
    with pytest.raises(TypeError, match="program is the class Gaussian; expected an instance"):
        as_program(Gaussian)


def test_constrained_parameters_stay_in_their_support(x):
    program = Pair(function_model, function_guide)
    ppgen.fit(
        program, x, epochs=20, batch_size=5, progress=False,
        optimizer=lambda ps: torch.optim.SGD(ps, 0.5), clip_norm=5.0,
    )  # fmt: skip
    with program.own_store():
        assert pyro.param("scale") > 0


def test_a_program_works_under_pyros_own_svi(x):
    """SVI optimises what the trace names, so a program's module has to be named there."""
    program = Gaussian()

    def model(x):
        pyro.module("program", program)
        return program.model(x)

    svi = SVI(model, program.guide, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO())
    before = program.weights.detach().clone()
    svi.step(x)
    assert not torch.equal(before, program.weights)


@pytest.mark.parametrize("thing", [3, None, "model", (1, 2, 3)])
def test_what_is_no_program_is_refused(thing):
    with pytest.raises(TypeError, match=r"program is .*expected a ppgen\.Program"):
        as_program(thing)


def test_a_pair_of_things_that_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="guide is 3; expected a Pyro program"):
        as_program((function_model, 3))


def test_a_subclass_without_model_says_so():
    class Empty(ppgen.Program):
        pass

    with pytest.raises(NotImplementedError, match="Empty defines no model"):
        Empty().model()


def test_importing_ppgen_changes_no_setting():
    """Pyro's and torch's settings and generators are the same after the import."""
    script = """
import random, numpy, torch, pyro
def settings():
    return (torch.distributions.Distribution._validate_args,
            pyro.poutine.util.is_validation_enabled(),
            pyro.settings.get(), torch.get_default_dtype(), torch.get_num_threads(),
            torch.is_grad_enabled(), torch.initial_seed(), hash(random.getstate()),
            numpy.random.get_state()[1].sum(), len(pyro.get_param_store()))
random.seed(1); numpy.random.seed(1); torch.manual_seed(1)
import sklearn.datasets, torchvision, matplotlib
before = settings()
from ppgen import *  # rooms are imported when they are first used
assert settings() == before, (before, settings())
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_parameters_of_functions_are_read_by_their_names():
    def model(x):
        scale = pyro.param("scale", torch.tensor(3.0), constraint=dist.constraints.positive)
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(0.0, scale), obs=x)

    program = as_program(model)
    with pytest.raises(KeyError, match="name is 'scale'; expected a program that has run"):
        program.param("scale")
    program.model(torch.zeros(2))
    assert program.param("scale").item() == pytest.approx(3.0)
    with pytest.raises(KeyError, match="name is 'scales'; expected scale"):
        program.param("scales")
    assert "scale" not in pyro.get_param_store()
