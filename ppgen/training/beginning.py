"""What a fit makes of its arguments before the first step: batches, objective, settings, state."""

import warnings
from typing import Any

import torch
from pyro.infer import ELBO
from torch.utils.data import DataLoader

from ppgen.data.batch import Data
from ppgen.data.batches import Batches, Transform
from ppgen.data.streams import as_batches, count_rows
from ppgen.objectives.objective import Objective
from ppgen.objectives.preparation import check_strays, prepare
from ppgen.program import Program
from ppgen.training.archive import CheckpointError, opened, serialised
from ppgen.training.checkpoint import Checkpoints
from ppgen.training.description import check_same, check_same_program, describe
from ppgen.training.processes import Processes
from ppgen.training.state import TrainingState

DEFAULT_BATCH = 128


def batches_of(
    data: Data,
    batch_size: Any,
    transform: Transform | None,
    device: torch.device,
    processes: Processes,
) -> Batches:
    """Return the batches of the rows to learn from, whose size all processes can share."""
    size = _batch_size(data, batch_size, processes.count)
    batches = as_batches(data, size, transform, device)
    if batches.rows == 1 and batches.data.rows:
        raise ValueError(
            f"data has one row, {batches.data.shapes}; expected two or more: some programs "
            "broadcast a single row silently, which no check can tell; if it is no row of data, "
            "wrap it: ppgen.data.Setting(tensor)"
        )
    if batches.ends_in_one_row:
        raise ValueError(
            f"data is a loader whose last batch has one of the {batches.rows} rows; some programs "
            "broadcast a single row silently; expected another batch_size, or drop_last=True"
        )
    processes.check_divides(batches.rows, batches.batch_size)
    return batches


def objective_on(
    program: Program,
    batches: Batches,
    held_out: Batches | None,
    batch_size: Any,
    objective: ELBO | None,
    bfloat16: bool,
    processes: Processes,
) -> Objective:
    """Prepare the objective for these rows; if it needs all of them at each step, make one batch.

    The program then knows its observed sites.
    """
    others = [] if held_out is None else [held_out]
    bound = prepare(program, batches, *others, objective=objective, bfloat16=bfloat16)
    if bound.structure.whole:
        if processes.count > 1:
            raise ValueError(
                f"the program needs all rows at each step: {bound.structure.whole}; "
                "expected a single process"
            )
        _take_whole(batches, bound.structure, batch_size)
        for part in others:
            part.take_whole(bound.structure.whole)
    elif batch_size == "all" or len(batches) == 1:  # in order: nothing needs to be shuffled
        batches.take_whole("batch_size is 'all'")
    check_strays(bound, next(iter(batches)))
    program.observed = bound.structure.observed
    return bound


def settings_of(bound: Objective, state: TrainingState, **given: Any) -> dict[str, Any]:
    """Return what must be the same after a resume: arguments, objective, optimiser, schedule."""
    optimizer = state.optimizer
    return {
        **given,
        **describe("objective", bound.elbo),
        "optimizer": type(optimizer).__name__,
        **{f"optimizer's {key}": value for key, value in optimizer.defaults.items()},
        "scheduler": None,
        **({} if state.scheduler is None else describe("scheduler", state.scheduler)),
    }


def begin(
    state: TrainingState, constants: dict[str, Any], checkpoints: Checkpoints, begun: bool
) -> None:
    """Go on from the last checkpoint of a run that has begun, under the same constants.

    Otherwise begin as from a checkpoint, and find out now if there can be none.
    """
    if not begun:
        state.load_state_dict(opened(serialised(state.state_dict() | constants)))
        return
    saved = checkpoints.load()
    check_same_program(state.program, saved)
    if "settings" not in saved:
        raise CheckpointError(
            f"{checkpoints.folder} holds a file of a program, not a checkpoint of a fit"
        )
    settings = constants["settings"]
    check_same(saved["settings"], settings, "the run cannot be resumed under other settings")
    state.load_state_dict(saved)


def _batch_size(data: Data, batch_size: Any, processes: int) -> int | None:
    """Return the rows of a batch; None leaves it to a loader."""
    if isinstance(data, DataLoader) and batch_size in (None, "all"):
        return None
    rows = count_rows(data)
    if batch_size is None:
        size = min(DEFAULT_BATCH, rows)
        return max(1, size - size % processes)
    if batch_size == "all":
        return rows
    if batch_size == 1 < rows:
        raise ValueError(
            "batch_size is 1; expected 2 or more, or 'all': some programs broadcast a single row "
            "silently, which no check can tell"
        )
    return batch_size


def _take_whole(batches: Batches, structure: Any, batch_size: Any) -> None:
    """Make one batch of all rows, with a warning if the caller may expect something else."""
    several = len(batches) > 1
    batches.take_whole(structure.whole)
    if several and (batch_size is not None or not structure.subsamples):
        warnings.warn(
            f"all {batches.rows} rows are one batch at each step: {structure.whole}; "
            "batch_size='all' asks for it without this warning",
            stacklevel=5,
        )
