"""The training step of ``ppgen.fit`` by itself."""

from ppgen.program import Program
from ppgen.training.compiled import CompiledGradients
from ppgen.training.fitting import adam, steps_between_looks
from ppgen.training.gradients import Objective
from ppgen.training.state import TrainingState
from ppgen.training.step import Step


def step_of_fit(program: Program, data_size: int | None = None, compiled: bool = False) -> Step:
    """Return a function of a batch that takes a step as ``ppgen.fit`` does by default."""
    objective = Objective(program, data_size=data_size)
    gradients = CompiledGradients(objective) if compiled else objective.gradients()
    state = TrainingState.start(program, adam)
    look_every = steps_between_looks(program.device, state.optimizer)
    return Step(state, gradients, look_every=look_every)
