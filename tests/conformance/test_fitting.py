"""Laws of `fit`: each on every program of the table that it can be asked of."""

import functools
import math
import warnings

import pyro
import pytest
import torch

import ppgen
from conformance.laws import QUIET, Recorder, fitted, losses, rows_of, without_noise
from conformance.programs import PROGRAMS, names


def adam(entry):
    return functools.partial(torch.optim.Adam, lr=entry.rate)


@pytest.fixture
def double():
    """Double precision, so that only rounding keeps two sums apart."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_fit_improves_its_objective(name):
    fit = fitted(name)
    assert len(losses(fit.history)) == 20
    case = PROGRAMS[name].make()
    # Many draws, so that what twenty steps gain shows.
    before = ppgen.elbo(case.program(), case.data, 50).total
    assert ppgen.elbo(fit.program, fit.case.data, 50).total > before


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_fit_leaves_no_trace_outside_the_program(name):
    fit = fitted(name)
    before, after = fit.random_states
    assert fit.store == []
    assert after == before


@pytest.mark.parametrize("name", names(lambda entry: entry.batches))
def test_a_fit_takes_minibatches_and_validates_on_other_rows(name):
    entry = PROGRAMS[name]
    case = entry.make()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        history = ppgen.fit(
            case.program(),
            case.data,
            case.heldout,
            epochs=2,
            batch_size=entry.batches,
            optimizer=adam(entry),
            **QUIET,
        )
    assert all(map(math.isfinite, losses(history)))
    if case.heldout is not None:
        assert math.isfinite(history.epochs[-1].validation)


@pytest.mark.parametrize("name", names(lambda entry: not entry.batches))
def test_a_program_that_takes_all_rows_warns_once_if_a_part_was_asked_for(name):
    def warned(batch_size):
        case = PROGRAMS[name].make()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ppgen.fit(case.program(), case.data, epochs=2, batch_size=batch_size, **QUIET)
        return [w for w in caught if "batch_size" in str(w.message)]

    assert len(warned(4)) == 1
    assert warned("all") == []


@pytest.mark.parametrize("name", names(lambda entry: entry.batches and entry.sums and entry.draws))
def test_minibatches_average_to_the_whole(double, name):
    entry = PROGRAMS[name]
    case = entry.started()
    program = case.program(without_noise(entry, case.guide))

    def run(batch_size):
        gradients = []
        history = ppgen.fit(
            program,
            case.data,
            epochs=1,
            batch_size=batch_size,
            optimizer=functools.partial(Recorder, gradients=gradients),
            **QUIET,
        )
        return losses(history)[0], torch.stack(gradients)

    loss, whole = run("all")
    mean_loss, parts = run(entry.batches)
    assert len(parts) == rows_of(case.data) // entry.batches
    # Sums of hundreds of terms in double precision: 1e-9 of the largest is ample for rounding.
    assert mean_loss == pytest.approx(loss, rel=1e-9)
    torch.testing.assert_close(
        parts.mean(0), whole[0], rtol=1e-8, atol=1e-9 * float(whole.abs().max())
    )


@pytest.mark.parametrize("mode", ["off", "traced"])
@pytest.mark.parametrize("name", names(lambda entry: entry.draws))
def test_a_full_fit_takes_the_steps_of_pyro(double, name, mode):
    entry, steps, rate = PROGRAMS[name], 4, 1e-3
    case = entry.started()
    guide = without_noise(entry, case.guide) or (lambda *args, **kwargs: None)
    objective = entry.own_elbo() if case.objective is None else case.objective
    svi = pyro.infer.SVI(case.model, guide, pyro.optim.SGD({"lr": rate}), objective)
    args, kwargs = case.arguments
    expected = [-svi.step(*args, **kwargs) for _ in range(steps)]
    pyro.clear_param_store()

    case = entry.started()
    rows = rows_of(case.data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = ppgen.fit(
            case.program(without_noise(entry, case.guide)),
            case.data,
            epochs=steps,
            batch_size="all",
            # The loss of the library is a mean over rows, and Pyro's their sum.
            optimizer=functools.partial(torch.optim.SGD, lr=rate * rows),
            compile=mode,
            **QUIET,
        )
    uncompiled = [w for w in caught if "run uncompiled" in str(w.message)]
    seeds_itself = entry.draws == "seed"  # the guide, in place of its noise
    assert bool(uncompiled) == (mode == "traced" and (seeds_itself or not entry.traced))
    # Rounding of 1e-16 a term, grown by a few steps whose curvature times rate is of order one.
    assert [rows * elbo for elbo in losses(history)] == pytest.approx(expected, rel=1e-9)
    assert len(set(expected)) == steps


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_saved_program_is_read_into_a_new_one_and_gives_the_same_numbers(name, tmp_path):
    fit = fitted(name)
    ppgen.save(fit.program, tmp_path / "program.pt")
    new = PROGRAMS[name].make().program()
    again = ppgen.load(tmp_path / "program.pt", new, fit.case.data)
    assert again is new
    assert again.observed == fit.program.observed
    assert ppgen.elbo(again, fit.case.data).total == ppgen.elbo(fit.program, fit.case.data).total


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_resumed_fit_equals_one_without_a_break_bit_for_bit(name, tmp_path):
    entry = PROGRAMS[name]

    def run(folder, epochs, **options):
        case = entry.make()
        program = case.program()
        history = ppgen.fit(
            program,
            case.data,
            epochs=epochs,
            batch_size=entry.batches or "all",
            optimizer=adam(entry),
            out=tmp_path / folder,
            **options,
            **QUIET,
        )
        return program.state_dict(), losses(history)

    state, elbos = run("whole", 3)
    run("broken", 2)
    resumed_state, resumed_elbos = run("broken", 3, resume=True)
    assert resumed_elbos == elbos
    assert resumed_state.keys() == state.keys()
    for key, value in state.items():
        assert torch.equal(resumed_state[key], value), key


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if entry.compile else pytest.mark.slow)
        for name, entry in PROGRAMS.items()
        if entry.draws
    ],
)
def test_compiled_steps_have_the_same_losses_or_warn_once(name):
    entry = PROGRAMS[name]

    def run(compiled):
        pyro.clear_param_store()  # `started` leaves an autoguide's parameters there
        case = entry.started()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = ppgen.fit(
                case.program(without_noise(entry, case.guide)),
                case.data,
                epochs=3,
                batch_size=entry.batches or "all",
                optimizer=functools.partial(torch.optim.SGD, lr=1e-4),
                compile=compiled,
                **QUIET,
            )
        return losses(history), [w for w in caught if "run uncompiled" in str(w.message)]

    plain, _ = run("off")
    compiled, warned = run("on")
    assert len(warned) <= 1
    # Single precision: sums of some hundred terms, in another order.
    assert compiled == pytest.approx(plain, rel=1e-4)
