"""What a program is found to be before it is used, and what that leaves behind."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.contrib.easyguide import EasyGuide
from pyro.infer import Trace_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO
from pyro.infer.autoguide import (
    AutoHierarchicalNormalMessenger,
    AutoNormal,
    AutoNormalMessenger,
    AutoRegressiveMessenger,
)

import ppgen
from ppgen.data.batches import Batches
from ppgen.objectives.preparation import prepare

X = torch.randn(20)


def local_model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


class LocalGuide(EasyGuide):
    """It keeps its plates while it runs, also if that fails midway."""

    def guide(self, x):
        with self.plate("data", len(x)):
            loc = pyro.param("loc", lambda: torch.randn(len(x)))
            pyro.sample("z", dist.Normal(loc, 1.0))


def test_a_probe_that_fails_midway_leaves_the_program_as_it_was():
    guide = LocalGuide(local_model)
    structure = prepare(ppgen.as_program((local_model, guide)), Batches(X)).structure
    assert "cannot be run on 10 of the 20 rows" in structure.whole
    assert guide.plates == {}
    guide(X)


def subsampling_model(x):
    mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(x), subsample_size=5) as index:
        pyro.sample("x", dist.Normal(mean, 1.0), obs=x[index])


def test_importance_weights_of_a_subsample_are_an_error():
    guide = pyro.infer.autoguide.AutoNormal(subsampling_model)
    program = ppgen.as_program((subsampling_model, guide))
    assert prepare(program, Batches(X)).structure.subsamples
    for estimate in (ppgen.iwae, ppgen.log_predictive):
        with pytest.raises(ValueError, match="draws a subsample of its rows itself"):
            estimate(program, X, 3)


def test_rows_without_outcomes_of_their_own_have_no_terms():
    def model(x):
        with pyro.plate("time", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    program = ppgen.as_program((model, pyro.infer.autoguide.AutoNormal(model)))
    assert ppgen.elbo(program, X).per_example is None


class Doubled(Trace_ELBO):
    """An objective that is no bound of Pyro's."""

    def loss(self, model, guide, *args, **kwargs):
        return 2 * super().loss(model, guide, *args, **kwargs)


def test_an_elbo_of_another_kind_is_judged_by_itself():
    def model(x):
        loc = pyro.param("loc", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(loc, 1.0), obs=x)

    total = ppgen.elbo(ppgen.as_program(model), X).total
    doubled = ppgen.elbo(ppgen.as_program(model, objective=Doubled()), X, batch_size=8)
    assert doubled.per_example is None
    assert doubled.total == pytest.approx(2 * total, rel=1e-5)


def test_first_values_of_parameters_follow_the_seed_of_the_fit():
    def first(seed):
        program = ppgen.as_program((local_model, LocalGuide(local_model)))
        ppgen.fit(program, X, epochs=0, seed=seed, batch_size="all", progress=False)
        return program.site_params["loc"].detach()

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def centre(x):
    mean = pyro.sample("mean", dist.Normal(0.0, 10.0))
    with pyro.plate("rows", len(x)):
        pyro.sample("x", dist.Normal(mean, 1.0), obs=x)


MESSENGERS = [AutoNormalMessenger, AutoHierarchicalNormalMessenger, AutoRegressiveMessenger]


@pytest.mark.parametrize("objective", [None, Trace_ELBO()], ids=["default", "Trace_ELBO"])
@pytest.mark.parametrize("kind", MESSENGERS)
def test_guides_that_run_the_model_learn_from_the_data(kind, objective):
    """The posterior is normal, so the guide can be it: its bound is then the evidence."""
    x = torch.linspace(2, 4, 50)
    precision = 0.01 + 50
    program = ppgen.as_program((centre, kind(centre)), objective=objective)
    ppgen.fit(program, x, steps=1000, lr=0.03, progress=False)
    draws = ppgen.posterior(program, x, 1000, seed=0)["mean"]
    error = precision**-0.5
    # The claim: a mean within one posterior scale and a scale within a half, which are 0.5 and
    # 0.32 nats of divergence; the mean of 100 draws adds a tenth.
    assert draws.mean().item() == pytest.approx(50 * 3 / precision, abs=error)
    assert draws.std().item() == pytest.approx(error, rel=0.5)
    covariance = 100 * torch.ones(50, 50).double() + torch.eye(50)
    evidence = dist.MultivariateNormal(torch.zeros(50).double(), covariance).log_prob(x.double())
    assert ppgen.elbo(program, x, 100, seed=0).total == pytest.approx(evidence.item(), abs=1.0)


@pytest.mark.parametrize("kind", [Trace_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO])
def test_the_bound_takes_as_many_draws_as_the_objective(kind):
    x = torch.linspace(2, 4, 50)
    program = ppgen.as_program((centre, AutoNormal(centre)), objective=kind(num_particles=3))
    found, three, one = (
        ppgen.elbo(program, x, particles, seed=0).total for particles in (None, 3, 1)
    )
    assert found == three != one
