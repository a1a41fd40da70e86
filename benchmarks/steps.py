"""The training step of ``ppgen.fit`` by itself."""

from ppgen.data.batches import Batches
from ppgen.objectives.preparation import prepare
from ppgen.program import Program
from ppgen.training.compiled import CompiledGradients
from ppgen.training.fitting import adam, steps_between_readings
from ppgen.training.state import TrainingState
from ppgen.training.step import Step, plain_gradients


def step_of_fit(program: Program, data: Batches, compiled: bool = False) -> Step:
    """Return a function of a batch that takes a step as ``ppgen.fit`` does by default."""
    objective = prepare(program, data)
    gradients = CompiledGradients(objective) if compiled else plain_gradients(objective)
    state = TrainingState.start(program, adam)
    read_every = steps_between_readings(program.device, state.optimizer)
    return Step(state, gradients, read_every=read_every)
