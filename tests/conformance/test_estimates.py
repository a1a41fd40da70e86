"""Laws of `elbo`, `iwae` and `log_predictive` on every program of the table."""

import math

import pytest
import torch

import ppgen
from conformance.laws import fitted, rows_of
from conformance.programs import PROGRAMS, names

# A law within 4 standard errors, estimated from 25 values, fails for 1 seed in 1,900 (Student's t),
# and somewhere in a table of 43 programs for 1 seed in 45. Seeds are fixed.
PARTICLES = 25


@pytest.mark.parametrize("name", PROGRAMS)
def test_elbo_is_the_mean_of_pyros_own(name):
    case, program = fitted(name).case, fitted(name).program
    args, kwargs = case.arguments
    program.eval()
    own = PROGRAMS[name].own_elbo()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        values = [
            -own.loss(program.model, program.guide, *args, **kwargs) for _ in range(PARTICLES)
        ]
    values = torch.tensor(values, dtype=torch.float64)
    estimate = ppgen.elbo(program, case.data, PARTICLES, seed=2)
    error = float(values.std()) * math.sqrt(2 / PARTICLES)
    # Besides, rounding of single precision where nothing is random.
    assert estimate.total == pytest.approx(float(values.mean()), abs=4 * error, rel=1e-5)


@pytest.mark.parametrize("name", PROGRAMS)
def test_elbo_of_rows_and_of_what_they_share_add_up(name):
    case, program = fitted(name).case, fitted(name).program
    estimate = ppgen.elbo(program, case.data, 3, seed=0)
    rows = rows_of(case.data)
    if PROGRAMS[name].rows:
        assert estimate.mean == pytest.approx(estimate.per_example.double().mean().item())
        assert estimate.per_example.shape == (rows,)
        parts = float(estimate.per_example.double().sum()) + estimate.shared
        assert parts == pytest.approx(estimate.total, rel=1e-5)
    else:
        assert estimate.per_example is None
        assert estimate.mean == pytest.approx(estimate.total / rows, rel=1e-5)


@pytest.mark.parametrize("name", names(lambda entry: entry.iwae and entry.bound))
def test_iwae_is_at_least_elbo_and_at_most_the_evidence(name):
    case, program = fitted(name).case, fitted(name).program
    evidence = None if case.evidence is None else float(case.exact().sum())
    pairs = [
        (
            ppgen.iwae(program, case.data, 4, seed=s).total,
            ppgen.elbo(program, case.data, 4, seed=s).total,
        )
        for s in range(5)
    ]
    iwae, elbo = torch.tensor(pairs, dtype=torch.float64).T
    slack = 1e-5 * float(iwae.abs().max())

    def error(values):
        return 4 * float(values.std()) / math.sqrt(len(values)) + slack

    assert float((iwae - elbo).mean()) >= -error(iwae - elbo)
    if evidence is not None:
        assert float(iwae.mean()) <= evidence + error(iwae)


@pytest.mark.parametrize("name", names(lambda entry: entry.iwae))
def test_iwae_has_rows_only_if_no_latent_is_shared(name):
    case, program = fitted(name).case, fitted(name).program
    estimate = ppgen.iwae(program, case.data, 2, seed=0)
    assert math.isfinite(estimate.total)
    if PROGRAMS[name].iwae == "rows":
        assert estimate.per_example.shape == (rows_of(case.data),)
    else:
        assert estimate.per_example is None


def has_exact_guide(entry):
    return entry.example.exact_guide is not None


@pytest.mark.parametrize("name", names(lambda e: e.iwae and has_exact_guide(e)))
def test_the_exact_posterior_has_the_exact_evidence(name):
    entry = PROGRAMS[name]
    case = entry.make()
    program = case.program(case.exact_guide)
    evidence = case.exact()
    estimate = ppgen.iwae(program, case.data, 3, seed=0)
    # Every weight is the evidence, whatever is drawn: only single precision is in between.
    assert estimate.total == pytest.approx(float(evidence.sum()), rel=2e-5)
    if entry.iwae == "rows":
        torch.testing.assert_close(
            estimate.per_example.to(evidence.dtype), evidence, rtol=1e-4, atol=1e-4
        )
    if entry.bound:
        # TraceGraph and TraceEnum included: their integrands are the evidence as well.
        elbo = ppgen.elbo(program, case.data, 3, seed=0).total
        assert elbo == pytest.approx(float(evidence.sum()), rel=2e-5)


def test_iwae_of_many_particles_is_the_evidence_on_a_grid():
    case, program = fitted("vae_functions").case, fitted("vae_functions").program
    evidence = case.exact()
    values = torch.stack(
        [ppgen.iwae(program, case.data, 40, seed=s).per_example.double() for s in range(8)]
    )
    # Weights average to p(x), so their logarithm is low by half its variance.
    variance = values.var(0)
    error = 4 * float((variance / 8).sum().sqrt())
    bias = float(variance.sum()) / 2
    assert float(values.mean(0).sum()) + bias == pytest.approx(float(evidence.sum()), abs=error)


@pytest.mark.parametrize("name", names(lambda entry: entry.log_predictive))
def test_log_predictive_has_a_value_for_each_held_out_row(name):
    case, program = fitted(name).case, fitted(name).program
    estimate = ppgen.log_predictive(program, case.heldout, 3, seed=0)
    assert estimate.per_example.shape == (rows_of(case.heldout),)
    assert torch.isfinite(estimate.per_example).all()
    again = ppgen.log_predictive(program, case.heldout, 3, seed=0)
    assert torch.equal(estimate.per_example, again.per_example)


@pytest.mark.parametrize(
    "name", names(lambda e: e.log_predictive and e.example.log_predictive is not None)
)
def test_log_predictive_under_the_exact_posterior_is_exact(name):
    case = PROGRAMS[name].make()
    program = case.program(case.exact_guide)
    repeats = [ppgen.log_predictive(program, case.heldout, 40, seed=s) for s in range(6)]
    values = torch.stack([estimate.per_example.double() for estimate in repeats])
    # As for iwae, with 5 standard errors of 6 values for each of a few rows.
    error = 5 * values.std(0) / math.sqrt(len(values)) + 1e-5
    difference = values.mean(0) + values.var(0) / 2 - case.log_predictive
    assert (difference.abs() <= error).all()


@pytest.mark.parametrize("name", PROGRAMS)
def test_judging_changes_nothing(name):
    case, program = fitted(name).case, fitted(name).program
    before = {key: value.clone() for key, value in program.state_dict().items()}
    random = torch.get_rng_state()
    ppgen.elbo(program, case.data, 2, seed=0)
    ppgen.predict(program, case.data, 2, seed=0)
    assert torch.equal(torch.get_rng_state(), random)
    after = program.state_dict()
    assert after.keys() == before.keys()
    for key, value in before.items():
        assert torch.equal(after[key], value), key
