"""Programs on devices other than the CPU: what a GPU would have to be waited for, and CUDA itself.

Tensors on torch's device "meta" have shapes and no values, so whatever looks at a value fails
there, and so does whatever makes a tensor on the CPU beside them. What runs there runs on a GPU
without waiting for it.
"""

from functools import partial

import networks
import pyro
import pytest
import torch
from programs import prepared

import ppgen
from ppgen.data.batch import Batch
from ppgen.data.batches import Batches
from ppgen.likelihoods.every import every_likelihood
from ppgen.models import (
    PPCA,
    VAE,
    AutoregressiveModel,
    BernoulliMixture,
    HierarchicalVAE,
    SigmoidBeliefNet,
)
from ppgen.training.compiled import make_update
from ppgen.training.fitting import READ_EVERY, adam
from ppgen.training.state import TrainingState
from ppgen.training.step import Step

SHAPE = (1, 4, 4)

# Tables that are looked up learn nothing.
LEARNING = {name: entry for name, entry in networks.NETWORKS.items() if entry.differentiable}
NETWORKS = {name: partial(entry.make, SHAPE) for name, entry in LEARNING.items()}

PROGRAMS = {
    **{
        f"VAE, {name}": lambda p=likelihood: VAE.mlp(SHAPE, 2, hidden=[8], likelihood=p)
        for name, likelihood in every_likelihood(16).items()
    },
    "VAE of convolutions": lambda: VAE.convolutional(SHAPE, 2),
    "HierarchicalVAE": lambda: HierarchicalVAE.mlp(SHAPE, 2),
    "BernoulliMixture": lambda: BernoulliMixture(SHAPE, 3),
    "SigmoidBeliefNet": lambda: SigmoidBeliefNet(SHAPE, [3]),
    "PPCA": lambda: PPCA(SHAPE, 2),
    **{name: lambda make=make: AutoregressiveModel(make()) for name, make in NETWORKS.items()},
}

every_program = pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def images(program, n=6):
    """Images inside the support of any of the programs."""
    grey = torch.randint(16, (n, *SHAPE))
    likelihood = getattr(program, "likelihood", None)
    return likelihood.encode(grey, 16) if likelihood else (grey > 7).float()


def objective_of(program, device):
    """Return the objective on a device, prepared on the CPU."""
    objective = prepared(program, images(program)).to(device)
    objective.device = torch.device(device)
    return objective


@every_program
def test_a_step_looks_at_no_value(make):
    objective = objective_of(make(), "meta")
    program = objective.program
    x = images(program).to("meta", program.dtype)
    with pyro.validation_enabled(False):
        loss = objective(Batch.of(x))
        loss.backward()
    assert loss.is_meta
    reached = [parameter.grad for parameter in program.parameters() if parameter.grad is not None]
    assert reached
    assert all(gradient.is_meta for gradient in reached)


@pytest.mark.parametrize("name", [name for name, entry in LEARNING.items() if not entry.waits])
def test_drawing_pixel_by_pixel_looks_at_no_value(name):
    model = AutoregressiveModel(NETWORKS[name]()).to("meta")
    drawn = ppgen.sample(model, 5)
    assert drawn.is_meta
    assert drawn.shape == (5, *SHAPE)


@cuda
@every_program
def test_a_step_on_cuda_is_not_waited_for(make):
    program = make()
    x = images(program, 8).to("cuda", program.dtype)
    objective = objective_of(program, "cuda")
    update = make_update(
        objective, TrainingState.start(program, adam), Batches(x), read_every=READ_EVERY
    )
    step = Step(program, update, READ_EVERY)
    with pyro.validation_enabled(False):
        step(Batch.of(x))  # makes what is made once
        torch.cuda.set_sync_debug_mode("error")
        try:
            assert step(Batch.of(x)) == []
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert [images for images, loss in step.read()] == [8, 8]


@cuda
@every_program
@pytest.mark.parametrize("options", [{}, {"compile": "on"}, {"bfloat16": True}], ids=str)
def test_every_program_learns_and_draws_on_cuda(make, options):
    program = make()
    x = images(program, 60)
    history = ppgen.fit(
        program, x, x, epochs=20, batch_size=20, device="cuda", progress=False, **options
    )
    assert history.best.validation > history.epochs[0].validation
    assert ppgen.elbo(program, x).mean == pytest.approx(history.best.validation, rel=0.1)
    assert ppgen.sample(program, 7).device.type == "cuda"


@cuda
@pytest.mark.parametrize("name", NETWORKS)
def test_losses_on_cuda_are_those_of_the_cpu(name):
    def losses(device):
        torch.manual_seed(0)
        model = AutoregressiveModel(NETWORKS[name]())
        x = images(model, 60)
        history = ppgen.fit(model, x, epochs=5, batch_size=20, device=device, progress=False)
        return history.column("elbo")[1]

    assert losses("cuda") == pytest.approx(losses("cpu"), rel=1e-4)
