"""Expectation maximisation against the closed form, and with missing pixels."""

import copy

import pytest
import torch
from dense_ppca import SHAPE, dense, random_mask

import ppgen
from ppgen.models import PPCA


def test_em_reaches_the_closed_form_where_nothing_is_missing(x, ppca):
    program = PPCA(SHAPE, 3).double()
    history = program.fit_em(x, iterations=2000, tolerance=1e-9, warm_start=True)
    expected = ppca.log_likelihood(x).mean().item()
    assert history[-1] == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(dense(program)[2], dense(ppca)[2], rtol=0, atol=1e-3)
    torch.testing.assert_close(
        ppgen.elbo(program, x).per_example, program.log_likelihood(x).detach()
    )


@pytest.mark.parametrize("warm_start", [False, True])
def test_em_stays_at_the_closed_form(x, ppca, warm_start):
    program = copy.deepcopy(ppca) if warm_start else PPCA(SHAPE, 3).double()
    program.fit_em(x, iterations=3, tolerance=-1.0, warm_start=warm_start)
    torch.testing.assert_close(program.state_dict(), ppca.state_dict())


def test_a_new_start_of_em_is_mean_imputation_and_forgets_the_present_parameters(x):
    observed = random_mask(*x.shape)
    mean = (x * observed).sum(0) / observed.sum(0)
    imputed = PPCA.from_images(x.where(observed, mean), 2)
    program = PPCA(SHAPE, 2).double()
    for _ in range(2):
        (start,) = program.fit_em(x.where(observed, torch.nan), observed, iterations=0)
        assert start == pytest.approx(imputed.log_likelihood(x, observed).mean().item())
        torch.testing.assert_close(program.state_dict(), imputed.state_dict())
        program.fit_em(x, observed, iterations=5)


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
def test_em_never_lowers_the_likelihood_and_ends_at_a_stationary_point(x, share, warm_start):
    observed = random_mask(*x.shape, share=share)
    program = PPCA(SHAPE, 2).double()
    options = {"batch_size": 70, "warm_start": warm_start}
    history = program.fit_em(x, observed, iterations=3000, tolerance=1e-9, **options)
    steps = torch.tensor(history).diff()
    assert (steps > -1e-10).all()
    likelihood = program.log_likelihood(x, observed).mean()
    assert likelihood.item() == pytest.approx(history[-1], abs=1e-10)
    likelihood.backward()
    for parameter in (program.loadings, program.mean, program.log_scale):
        assert parameter.grad.abs().max() < 0.01


def test_em_beats_mean_imputation_where_30_percent_are_missing(digits):
    train, test = digits
    observed = random_mask(*train.shape)
    mean = (train * observed).sum(0) / observed.sum(0)
    imputed = PPCA.from_images(train.where(observed, mean), 10)
    by_em = PPCA((1, 8, 8), 10).to(train)
    by_em.fit_em(train.where(observed, torch.nan), observed, iterations=100, tolerance=0.01)
    found, baseline = (p.log_likelihood(test).mean() for p in (by_em, imputed))
    complete = PPCA.from_images(train, 10).log_likelihood(test).mean()
    assert found < complete
    assert complete - found < 0.5 * (complete - baseline)


def test_an_image_that_is_missing_as_a_whole_changes_nothing(x):
    observed = random_mask(*x.shape)
    nothing = torch.zeros(1, *SHAPE, dtype=torch.bool)
    programs = [PPCA(SHAPE, 2).double() for _ in range(2)]
    programs[1].load_state_dict(programs[0].state_dict())
    programs[0].fit_em(x, observed, iterations=5)
    more = torch.cat([x, torch.full_like(x[:1], torch.nan)])
    programs[1].fit_em(more, torch.cat([observed, nothing]), iterations=5)
    torch.testing.assert_close(programs[0].state_dict(), programs[1].state_dict())
    assert programs[1].log_likelihood(more[-1:], nothing).item() == 0
    torch.testing.assert_close(
        programs[1].complete(more[-1:], nothing, mean=True)[0], programs[1].mean
    )


def test_a_pixel_that_no_image_observes_gets_no_loadings_and_keeps_its_mean(x):
    observed = random_mask(*x.shape)
    observed[:, 0, 1, 1] = False
    program = PPCA(SHAPE, 2).double()
    program.fit_em(x.where(observed, torch.nan), observed, iterations=50)
    assert (program.loadings[:, 0, 1, 1] == 0).all()
    assert program.mean[0, 1, 1] == 0
    assert all(parameter.isfinite().all() for parameter in program.parameters())
