"""A single row is not broadcast silently, and batches of one row tell what larger ones do."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import AutoNormal
from torch.utils.data import DataLoader, StackDataset

import ppgen

ROWS = 20
X = torch.linspace(-1, 1, ROWS)


def model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def guide_of_rows(x):
    half = pyro.param("half", torch.tensor(0.5))
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(half * x, 0.5**0.5))


def guide_of_all(x):
    mean = pyro.param("mean", torch.tensor(0.0))
    pyro.sample("z", dist.Normal(mean, 1.0))


def fixed(x):
    mean = pyro.param("mean", torch.zeros(ROWS))
    with pyro.plate("data", ROWS):
        pyro.sample("x", dist.Normal(mean, 1.0), obs=x)


CALLS = {
    "fit": lambda p, data: ppgen.fit(p, data, epochs=1, progress=False),
    "validation": lambda p, data: ppgen.fit(p, X, data, epochs=1, progress=False),
    "elbo": ppgen.elbo,
    "iwae": lambda p, data: ppgen.iwae(p, data, 2),
    "iwae in parts": lambda p, data: ppgen.iwae(p, data, 2, chunk=1),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_guide_without_the_rows_plate_is_refused_in_batches_of_one_row(name):
    program = ppgen.as_program((model, guide_of_all))
    with pytest.raises(ValueError, match="shapes disagree at site 'z'"):
        CALLS[name](program, DataLoader(X, batch_size=1))
    with pytest.raises(ValueError, match="shapes disagree at site 'z'"):
        ppgen.elbo(program, StackDataset(x=X), batch_size=1)


@pytest.mark.parametrize("name", [name for name in CALLS if name != "fit"])
@pytest.mark.parametrize("of_rows", [lambda: fixed, lambda: (model, AutoNormal(model))])
def test_one_row_for_a_program_of_more_rows_is_refused(name, of_rows):
    program = ppgen.as_program(of_rows())
    ppgen.fit(program, X, epochs=1, batch_size="all", progress=False)
    with pytest.raises(ValueError, match=r"\(1,\): it broadcasts the only row along .* size 20"):
        CALLS[name](program, X[:1])


def test_parameters_of_a_batch_of_one_row_are_not_those_of_all():
    program = ppgen.as_program((model, AutoNormal(model)))
    with pytest.raises(ValueError, match="needs all rows at once: it cannot be run on 2 copies"):
        ppgen.fit(program, DataLoader(X, batch_size=1), epochs=1, progress=False)


@pytest.mark.parametrize("call", [ppgen.predict, ppgen.posterior])
def test_latents_of_one_row_are_not_those_of_the_rows_that_were_fitted(call):
    program = ppgen.as_program((model, AutoNormal(model)))
    ppgen.fit(program, X, epochs=1, batch_size="all", progress=False)
    with pytest.raises(ValueError, match=r"broadcasts the only row .* rows='prior'"):
        call(program, X[:1])
    with pytest.raises(ValueError, match="shapes disagree"):
        call(ppgen.as_program((model, guide_of_all)), X)


def test_bounds_of_one_row_are_exact():
    """The guide is the posterior, so each draw's bound is log N(x; 0, 2)."""
    program = ppgen.as_program((model, guide_of_rows))
    expected = dist.Normal(0.0, 2**0.5).log_prob(X)
    for rows in (1, 2, 3, ROWS):
        for estimate in (ppgen.elbo(program, X[:rows]), ppgen.iwae(program, X[:rows], 3)):
            torch.testing.assert_close(estimate.per_example, expected[:rows])
    for one_by_one in (DataLoader(X, batch_size=1), DataLoader(X, batch_size=19)):
        torch.testing.assert_close(ppgen.elbo(program, one_by_one).per_example, expected)
    history = ppgen.fit(program, DataLoader(X, batch_size=1), epochs=1, lr=1e-9, progress=False)
    assert history.epochs[-1].elbo == pytest.approx(expected.mean().item(), rel=1e-4)
