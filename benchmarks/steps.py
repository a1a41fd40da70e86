"""The training step of ``ppgen.fit`` by itself."""

from functools import partial

from ppgen.data.batches import Batches
from ppgen.objectives.preparation import prepare
from ppgen.program import Program
from ppgen.training.compiled import Mode, make_update
from ppgen.training.fitting import adam, steps_between_readings
from ppgen.training.processes import Processes
from ppgen.training.state import TrainingState
from ppgen.training.step import Step
from ppgen.training.tracing import trace


def step_of_fit(
    program: Program,
    data: Batches,
    mode: Mode = "off",
    processes: Processes = Processes(),  # noqa: B008 - it is immutable
    lr: float = 1e-3,
) -> Step:
    """Return a function of a batch that takes a step as ``ppgen.fit`` does by default."""
    objective = prepare(program, data)
    state = TrainingState.start(program, partial(adam, lr=lr))
    read_every = steps_between_readings(program.device, state.optimizer)
    update = make_update(objective, state, data, mode, read_every=read_every, processes=processes)
    return Step(program, update, read_every)


def operations(program: Program, data: Batches) -> int:
    """Return the number of operations in the graph of loss and gradients."""
    objective = prepare(program, data)
    state = TrainingState.start(program, adam)
    graph = trace(objective, state.parameters, state.kept, data.data).graph.graph
    return sum(node.op not in ("placeholder", "output", "get_attr") for node in graph.nodes)
