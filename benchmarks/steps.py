"""The training step of ``ppgen.fit``, on its own."""

from ppgen.inference.compiled import CompiledGradients
from ppgen.inference.fitting import adam, steps_between_looks
from ppgen.inference.gradients import Objective
from ppgen.inference.step import Step
from ppgen.inference.training import TrainingState
from ppgen.program import Program


def step_of_fit(program: Program, data_size: int | None = None, compiled: bool = False) -> Step:
    """Give a function of a batch that takes a step, as ``ppgen.fit`` would with its defaults."""
    objective = Objective(program, data_size=data_size)
    gradients = CompiledGradients(objective) if compiled else objective.gradients()
    state = TrainingState.start(program, adam)
    look_every = steps_between_looks(program.device, state.optimizer)
    return Step(state, gradients, look_every=look_every)
