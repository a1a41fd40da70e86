"""Training: a loop over steps of stochastic variational inference."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyro
import torch
from pyro.infer import ELBO
from torch import nn
from torch.optim import Adam, Optimizer

from ppgen.data.batches import Batches, Data, Transform, as_tensors, largest_batch
from ppgen.program import as_program
from ppgen.random_state import own_random_state
from ppgen.training.checkpoint import CheckpointError, Checkpoints, check_same_program
from ppgen.training.compiled import CompiledGradients
from ppgen.training.gradients import Objective
from ppgen.training.history import History
from ppgen.training.leaves import check_parameters
from ppgen.training.loop import Callback, Loop
from ppgen.training.prepare import check_arguments, pick_device, prepare
from ppgen.training.processes import Processes
from ppgen.training.progress import ProgressBar, TensorBoard
from ppgen.training.settings import check_settings, plain
from ppgen.training.state import TrainingState
from ppgen.training.step import Step

adam = partial(Adam, lr=1e-3, fused=True)

DEFAULT_BATCH = 128

COMPILE_FROM_STEPS = 5_000
"""Steps from which ``compile="auto"`` compiles on the CPU: fewer don't pay for the compiler."""

LOOK_EVERY = 10
"""Steps whose losses are fetched from a GPU together, for which it has to be waited for."""


def fit(
    program: Any,
    data: Data,
    validation: Data | None = None,
    *,
    epochs: int,
    batch_size: int | None = None,
    transform: Transform | None = None,
    objective: ELBO | None = None,
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] = adam,
    scheduler: Callable[[Optimizer], Any] | None = None,
    clip_norm: float | None = None,
    average: float | None = None,
    patience: int | None = None,
    callback: Callback | None = None,
    device: str = "auto",
    bfloat16: bool = False,
    compile: Literal["off", "on", "auto"] = "off",  # noqa: A002 - torch's word for it
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    tensorboard: bool = False,
) -> History:
    """Fit a model and its guide to data by stochastic variational inference.

    A fit is a function of its arguments: it draws from random-number generators of its own,
    seeded by ``seed``, and leaves the caller's as they were. The program is changed in place; it
    ends with the weights of the best epoch on the validation images, or of the last epoch.

    Where ``torchrun`` started several processes, all of them call this with the same arguments:
    each takes its part of every batch and draws from a stream of its own, gradients are averaged,
    and the first process writes. A run may be resumed by another number of processes.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts. Of plain functions with ``pyro.param`` make a program
        first, ``ppgen.as_program((model, guide))``, which keeps their parameters.
    data, validation
        Images ``(batch, channel, height, width)``, or a tuple of them and the further tensors
        that model and guide take.
    epochs
        Passes through the data, those before a resume included.
    batch_size
        Images a step, those of all processes together; the last of an epoch may have fewer. By
        default 128, or all if that is less.
    transform
        Applied to the images of each batch, such as fresh binarisation; see
        :class:`ppgen.data.batches.Batches`.
    objective
        Any ELBO of Pyro's; by default the one that the program names.
    optimizer, scheduler
        Makers of torch's objects, such as ``partial(torch.optim.Adam, lr=1e-3)``. The schedule
        steps once an epoch.
    clip_norm
        Largest norm of the gradient, of nats an image.
    average
        Decay of an exponential average of the weights, such as 0.999; validation and result then
        use the average.
    patience
        Stop after this many epochs without a better validation ELBO.
    callback
        Called with the program and the history before training and after each epoch; the fit
        stops where it returns True. What it draws does not change the training.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or another device of torch's.
    bfloat16
        Whether networks compute in bfloat16 by torch's autocast.
    compile
        Whether steps are traced through Pyro once and compiled, see
        :class:`ppgen.training.compiled.CompiledGradients`; ``"auto"`` where it pays. Numbers of
        Python that the program computes with must stay the same within an epoch.
    seed
        Of every random number of the fit.
    out
        Folder of the checkpoints, one an epoch. None: nothing is saved.
    resume
        Go on from the checkpoint in ``out``, to the same numbers as without the stop; data,
        validation images and settings must be the same, but for the number of epochs. Where there
        is none, start.
    progress
        Whether to show a progress bar.
    tensorboard
        Whether to write the history to ``out/tensorboard`` as well.

    Returns
    -------
    History
        ELBO in nats an image, time and learning rate of each epoch.

    Raises
    ------
    TypeError
        Where data, ``objective``, ``optimizer`` or a number is of another kind.
    ValueError
        Where an argument or the data is not what is expected; before training.
    ModuleNotFoundError
        Where ``tensorboard`` is asked for and not installed.
    NotFiniteError
        Where a loss or gradient is not finite; the last checkpoint stays.
    CheckpointError
        Where a checkpoint cannot be written or read.

    Examples
    --------
    >>> import ppgen
    >>> digits = ppgen.data.load("digits").binarized()
    >>> vae = ppgen.models.VAE.mlp(digits.image_shape, latent=2)
    >>> history = fit(vae, digits.train.images, epochs=1, progress=False)
    >>> history.epochs[-1].number
    1
    """
    check_arguments(epochs, patience, validation, compile, out, resume or tensorboard)
    processes = Processes.launched()
    place = pick_device(device)
    program = as_program(program, keep=False).to(place)
    if batch_size is None:
        batch_size = largest_batch(data, DEFAULT_BATCH)
        batch_size -= batch_size % processes.count
    processes.check_divides(len(as_tensors(data)[0]), batch_size)
    batches = Batches(data, batch_size, transform, place, program.dtype)
    checksum = batches.checksum()
    processes.check_same(checksum)
    held_out = None
    if validation is not None:
        held_out = Batches(validation, None, transform, place, program.dtype)
    checkpoints = None if out is None else Checkpoints(out)
    if checkpoints and checkpoints.exist() and not resume:
        raise CheckpointError(
            f"{checkpoints.folder} holds the checkpoint of another run; "
            "go on with it by resume=True, or name another folder"
        )
    with own_random_state(seed), pyro.validation_enabled(False), ExitStack() as stack:
        bound = Objective(program, objective, bfloat16, data_size=batches.images)
        parts = [part for part in (batches, held_out) if part is not None]
        with own_random_state(seed):
            prepare(bound, *parts)
            check_parameters(bound, next(iter(batches)))
        for part in parts:
            part.dtype = program.dtype  # of parameters that were made just now
        state = TrainingState.start(program, optimizer, scheduler, average)
        settings = {
            "seed": seed,
            "batch_size": batch_size,
            "data": checksum,
            "validation": None if held_out is None else held_out.checksum(),
            "objective": plain(bound.elbo),
            "optimizer": {"type": type(state.optimizer).__name__, **state.optimizer.defaults},
            "scheduler": plain(state.scheduler, "last_epoch"),
            "clip_norm": clip_norm,
            "average": average,
            "bfloat16": bfloat16,
        }
        if checkpoints and checkpoints.exist():
            saved = checkpoints.load()
            check_same_program(program, saved["program"])
            check_settings(saved["settings"], settings)
            state.load_state_dict(saved)

        compiled = compile == "on" or (
            compile == "auto" and compiling_pays(place, steps=epochs * len(batches))
        )
        gradients = CompiledGradients(bound) if compiled else bound.gradients()
        gradients = processes.averaged(gradients, bound, batches)
        done = state.history.last
        leads = processes.leads
        reports: list[Any] = [ProgressBar(progress and leads, batches.images, epochs, done)]
        if out is not None and tensorboard and leads:
            reports.append(TensorBoard(Path(out, "tensorboard"), done))
        for report in reports:
            stack.callback(report.close)

        Loop(
            bound,
            state,
            Step(state, gradients, clip_norm, steps_between_looks(place, state.optimizer)),
            batches,
            held_out,
            seed,
            reports,
            callback,
            checkpoints,
            settings,
            processes,
        ).run(epochs, patience)
    return state.history


def compiling_pays(device: torch.device, steps: int) -> bool:
    """Whether a run is long enough to earn back the time of the compiler."""
    return device.type == "cuda" or steps >= COMPILE_FROM_STEPS


def steps_between_looks(device: torch.device, optimizer: Optimizer) -> int:
    """How many losses are fetched together: one where waiting costs nothing or has to be."""
    return LOOK_EVERY if device.type == "cuda" and optimizer.defaults.get("fused") else 1
