"""Steps by graphs, as a fit makes them."""

import pyro
from programs import prepared

import ppgen
from ppgen.data.batches import Batches
from ppgen.training.compiled import make_update
from ppgen.training.fitting import adam
from ppgen.training.state import TrainingState
from ppgen.training.step import Step


def graphs_of(program, x, mode="on", batch_size=None, steps=0, maker=adam):
    """A step by graphs, as ``fit`` makes it."""
    objective = prepared(program, x)
    state = TrainingState.start(program, maker)
    batches = Batches(x, batch_size or len(x))
    return Step(program, make_update(objective, state, batches, mode, steps))


def vae():
    pyro.set_rng_seed(0)
    return ppgen.models.VAE.mlp((1, 3, 3), latent=2, hidden=(16,))
