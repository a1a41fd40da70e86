"""PPCA as a program: its bounds, and variational inference against the closed form."""

from functools import partial

import pytest
import torch
from dense_ppca import SHAPE
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen.models import PPCA


def test_bounds_at_the_exact_posterior_are_the_likelihood_without_variance(x, ppca):
    expected = ppca.log_likelihood(x).detach()
    torch.testing.assert_close(ppgen.elbo(ppca, x).per_example, expected)
    torch.testing.assert_close(ppgen.iwae(ppca, x, particles=3).per_example, expected)


def fit(program, x, epochs, compiling="off"):
    return ppgen.fit(
        program,
        x,
        epochs=epochs,
        batch_size=len(x),
        optimizer=partial(Adam, lr=0.03),
        scheduler=partial(CosineAnnealingLR, T_max=epochs),
        compile=compiling,
        progress=False,
    )


def test_svi_reaches_the_closed_form(x):
    program = PPCA(SHAPE, 3).double()
    fit(program, x, epochs=700)
    best = PPCA.from_images(x, 3).log_likelihood(x).mean().item()
    assert program.log_likelihood(x).mean().item() == pytest.approx(best, abs=0.01)
    assert ppgen.elbo(program, x).mean == pytest.approx(best, abs=0.05)


def test_svi_in_half_precision(x):
    program = PPCA(SHAPE, 3)
    before = program.log_likelihood(x.float()).mean().item()
    ppgen.fit(program, x.float(), epochs=20, batch_size=50, bfloat16=True, progress=False)
    assert program.log_likelihood(x.float()).mean().item() > before


@pytest.mark.slow
def test_compiled_steps_are_those_that_are_not(x):
    programs = [PPCA(SHAPE, 3).double() for _ in range(2)]
    programs[1].load_state_dict(programs[0].state_dict())
    for program, compiling in zip(programs, ("off", "on"), strict=True):
        fit(program, x, 10, compiling)
    torch.testing.assert_close(*(program.log_likelihood(x) for program in programs))


def test_a_state_dict_is_the_whole_model(x, ppca):
    other = PPCA(SHAPE, 3).double()
    other.load_state_dict(ppca.state_dict())
    torch.testing.assert_close(other.log_likelihood(x), ppca.log_likelihood(x))
    torch.testing.assert_close(ppgen.elbo(other, x).per_example, ppgen.elbo(ppca, x).per_example)
