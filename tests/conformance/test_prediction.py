"""Laws of `predict`, `posterior` and `sample` on every program of the table."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import ppgen
from conformance.laws import fitted, sites
from conformance.programs import PROGRAMS, names


def shapes(values):
    return {name: tuple(value.shape) for name, value in values.items()}


@pytest.mark.parametrize("name", names(lambda entry: entry.predict))
def test_predict_draws_each_observed_site(name):
    case, program = fitted(name).case, fitted(name).program
    drawn = ppgen.predict(program, case.data, 3, seed=0)
    expected = sites(program, case.data)
    assert shapes(drawn) == {k: (3, *v.shape) for k, v in expected.observed.items()}
    types = sites(program, case.data, drawn=True).observed
    assert {k: v.dtype for k, v in drawn.items()} == {k: v.dtype for k, v in types.items()}
    assert not any(value.requires_grad for value in drawn.values())


@pytest.mark.parametrize("name", names(lambda entry: entry.predict))
def test_predict_repeats_by_a_seed_of_its_own_or_of_torch(name):
    case, program = fitted(name).case, fitted(name).program

    def draw(seed=None):
        return torch.cat(
            [v.double().flatten() for v in ppgen.predict(program, case.data, 2, seed=seed).values()]
        )

    assert torch.equal(draw(seed=5), draw(seed=5))
    assert not torch.equal(draw(seed=5), draw(seed=6))
    torch.manual_seed(0)
    first, second = draw(), draw()
    torch.manual_seed(0)
    assert torch.equal(draw(), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    "name", names(lambda e: e.predict and e.example.without_outcomes is not None)
)
def test_predict_needs_no_outcomes(name):
    case, program = fitted(name).case, fitted(name).program
    drawn = ppgen.predict(program, case.without_outcomes, 2, seed=0)
    expected = sites(program, case.data).observed
    assert shapes(drawn) == {k: (2, *v.shape) for k, v in expected.items()}


@pytest.mark.parametrize("name", names(lambda e: e.predict and e.example.heldout is not None))
@pytest.mark.parametrize("rows", ["guide", "prior"])
def test_predict_takes_other_rows(name, rows):
    if (name, rows) == ("row_parameters", "guide"):
        pytest.skip("the guide has no parameters of other rows: see the test below")
    case, program = fitted(name).case, fitted(name).program
    drawn = ppgen.predict(program, case.heldout, 2, rows=rows, seed=0)
    expected = sites(program, case.heldout).observed
    assert shapes(drawn) == {k: (2, *v.shape) for k, v in expected.items()}


def test_a_guide_without_parameters_for_other_rows_is_refused():
    case, program = fitted("row_parameters").case, fitted("row_parameters").program
    with pytest.raises(ValueError, match="prior"):
        ppgen.predict(program, case.heldout, 2, rows="guide", seed=0)


@pytest.mark.parametrize("name", names(lambda e: e.predict and e.example.predictive))
def test_predict_has_the_exact_mean_and_spread(name):
    case = PROGRAMS[name].make()
    program = case.program(case.exact_guide)
    drawn = ppgen.predict(program, case.data, 100, seed=0)
    for site, exact in case.predictive.items():
        check_moments(drawn[site], *exact)


@pytest.mark.parametrize("name", names(lambda e: e.posterior and e.example.posterior))
def test_posterior_has_the_exact_mean_and_spread(name):
    case = PROGRAMS[name].make()
    program = case.program(case.exact_guide)
    drawn = ppgen.posterior(program, case.data, 100, seed=0)
    for site, exact in case.posterior.items():
        check_moments(drawn[site], *exact)


def check_moments(drawn, mean, spread):
    """Means within 5 standard errors (1 of 1.7 million a value); squares too, unless 0 or 1."""
    drawn = drawn.double()
    z = (drawn - mean) / spread
    n = len(z)
    assert z.mean(0).abs().max() < 5 / n**0.5
    if not (drawn == drawn.round()).all():
        # The fourth moment is not known in general: the standard error is that of the draws.
        squares = z.square()
        assert ((squares.mean(0) - 1).abs() <= 5 * squares.std(0) / n**0.5).all()


@pytest.mark.parametrize("name", names(lambda entry: entry.posterior))
def test_posterior_draws_each_latent_site(name):
    case, program = fitted(name).case, fitted(name).program
    drawn = ppgen.posterior(program, case.data, 3, seed=0)
    expected = sites(program, case.data)
    assert shapes(drawn) == {k: (3, *v.shape) for k, v in expected.latent.items()}
    again = ppgen.posterior(program, case.data, 3, seed=0)
    assert all(torch.equal(again[site], value) for site, value in drawn.items())


def test_a_multinomial_takes_its_total_from_the_observed_row():
    case, program = fitted("bags_of_words").case, fitted("bags_of_words").program
    drawn = ppgen.predict(program, case.data, 4, seed=0)["counts"]
    assert torch.equal(drawn.sum(-1), case.data.sum(-1).expand(4, -1))


def test_a_model_that_runs_without_data_is_sampled():
    program = fitted("vae_functions").program
    assert ppgen.sample(program, 3, seed=0).shape == (3, 5)


def test_a_model_that_needs_data_is_not_sampled():
    with pytest.raises((TypeError, ValueError), match="predict"):
        ppgen.sample(fitted("linear_regression").program, 3)


class LabelledMixture(ppgen.Program):
    """Classes that are observed in a fit, and marked so that they can be summed out later."""

    def __init__(self):
        super().__init__()
        self.loc = nn.Parameter(torch.tensor([-1.0, 1.0]))

    def model(self, x=None, kind=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            even = dist.Categorical(torch.full((2,), 0.5))
            k = pyro.sample("kind", even, obs=kind, infer={"enumerate": "parallel"})
            return pyro.sample("x", dist.Normal(self.loc[k], 1.0), obs=x)


def test_a_marked_outcome_that_is_left_out_is_drawn_given_the_others():
    """The share of a class is compared with Bayes' rule, at four standard errors."""
    x = torch.tensor([-1.5, -0.2, 0.4, 2.0])
    program = LabelledMixture()
    ppgen.fit(program, {"x": x, "kind": (x > 0).long()}, steps=1, lr=1e-9, progress=False)
    exact, draws = (2 * x).sigmoid(), 400
    error = (exact * (1 - exact) / draws).sqrt()
    for found in (ppgen.posterior, ppgen.predict):
        kind = found(program, {"x": x}, draws=draws, seed=0)["kind"]
        assert ((kind.double().mean(0) - exact).abs() < 4 * error).all()
    new = ppgen.predict(program, {"x": x}, draws=draws, seed=0)
    assert new.keys() == {"kind", "x"}
    drawn = new["x"][new["kind"] == 1]  # of N(1, 1)
    assert abs(drawn.mean().item() - 1) < 4 / len(drawn) ** 0.5
