"""Steps whose losses are read together, as on a GPU: the same steps, and the same refusal."""

from itertools import chain

import pyro
import pytest
import torch
from programs import Gaussian, prepared

from ppgen.data.batch import Batch
from ppgen.data.batches import Batches
from ppgen.training import NotFiniteError
from ppgen.training.compiled import make_update
from ppgen.training.fitting import adam
from ppgen.training.state import TrainingState
from ppgen.training.step import Step


def make_step(program, clip_norm=None, read_every=1):
    torch.manual_seed(0)
    x = torch.randn(5, 1, 1, 4)
    state = TrainingState.start(program, adam)
    update = make_update(
        prepared(program, x), state, Batches(x), clip_norm=clip_norm, read_every=read_every
    )
    return Step(program, update, read_every)


@pytest.fixture
def batches():
    torch.manual_seed(1)
    return [Batch.of(torch.randn(n, 1, 1, 4)) for n in (5, 5, 5, 5, 5, 3, 3)]


def test_losses_come_together_and_are_those_of_single_steps(batches):
    one, many = Gaussian(), Gaussian()
    many.load_state_dict(one.state_dict())
    step = make_step(one)
    single = [step(batch) for batch in batches]
    step = make_step(many, read_every=3)
    together = [step(batch) for batch in batches]
    assert [len(known) for known in together] == [0, 0, 3, 0, 0, 3, 0]
    together.append(step.read())
    assert list(chain(*together)) == list(chain(*single))
    assert step.read() == []
    for a, b in zip(one.parameters(), many.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("read_every", [1, 2, 4])
def test_nothing_is_updated_from_the_first_step_that_is_not_finite(batches, read_every):
    program = Gaussian()
    step = make_step(program, read_every=read_every, clip_norm=1.0)
    step.begin_epoch()
    for batch in batches[:4]:
        step(batch)
    before = {name: value.clone() for name, value in program.state_dict().items()}
    bad = Batch.of(torch.full((5, 1, 1, 4), torch.nan))

    def go_on():
        with pyro.validation_enabled(False):
            for batch in (bad, *batches[4:]):
                step(batch)

    with pytest.raises(NotFiniteError, match=r"step 5: the loss is nan, .* sites: z"):
        go_on()
    for name, value in program.state_dict().items():
        assert torch.equal(value, before[name])
