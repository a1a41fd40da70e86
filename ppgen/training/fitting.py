"""Training by stochastic variational inference: the entrance."""

import math
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from pyro.infer import ELBO
from torch import nn
from torch.optim import Adam, Optimizer

from ppgen.arguments import Between, Count, Positive, Seed, Size, checked, named
from ppgen.data.batch import Data
from ppgen.data.batches import Transform
from ppgen.data.streams import as_batches
from ppgen.program import accept
from ppgen.running import Device, in_evaluation_mode, own_random_state
from ppgen.training.beginning import batches_of, begin, objective_on, settings_of
from ppgen.training.checkpoint import Checkpoints
from ppgen.training.compiled import Mode, make_update
from ppgen.training.description import identity
from ppgen.training.history import History
from ppgen.training.loop import Callback, Loop
from ppgen.training.processes import Processes
from ppgen.training.progress import Report, reports_of
from ppgen.training.state import TrainingState
from ppgen.training.step import Step

adam = partial(Adam, lr=1e-3, fused=True)

EPOCH_STEPS = 100
"""Steps of an entry of the history, at least, if ``steps`` are asked for."""

READ_EVERY = 10
"""Steps whose losses are read from a GPU together, since it has to be waited for."""


@checked
def fit(
    program: Any,
    data: Data,
    validation: Data | None = None,
    *,
    epochs: Count | None = None,
    steps: Count | None = None,
    batch_size: Size | Literal["all"] | None = None,
    record_every: Size | None = None,
    objective: ELBO | None = None,
    transform: Transform | None = None,
    lr: Positive | None = None,
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] = adam,
    scheduler: Callable[[Optimizer], Any] | None = None,
    clip_norm: Positive | None = None,
    average: Between | None = None,
    patience: Size | None = None,
    callback: Callback | None = None,
    device: Device = "auto",
    bfloat16: bool = False,
    compile: Mode = "auto",  # noqa: A002 - torch's word for it
    seed: Seed = 0,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | Literal["curve"] = True,
    tensorboard: bool = False,
) -> History:
    """Fit a model and its guide to data by stochastic variational inference.

    A fit is a function of its arguments: it draws from random-number generators of its own,
    seeded by ``seed``, and leaves the caller's unchanged. The program is changed in place. It ends
    with the weights of the best epoch on the validation rows, or of the last epoch. Ctrl-C ends a
    fit in the same way. Calls of this library in other threads take turns with its steps, and their
    numbers are those of calls one after the other.

    If ``torchrun`` started several processes, all of them call this with the same arguments. Each
    takes its part of every batch and draws from a stream of its own, gradients are averaged, and
    the first process writes. A run may be resumed by another number of processes.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts. Of plain functions make a program first,
        ``ppgen.as_program((model, guide))``: it keeps their parameters.
    data, validation
        The arguments of model and guide: a tensor or array, a tuple of them (positional arguments),
        a dict (by keyword), or a ``torch.utils.data`` data set or loader that yields these. Tensors
        have the same number of rows, along their first dimension, and are split into minibatches
        together. All else among the arguments is passed on as it is.
    epochs, steps
        Passes through the data, or steps of the optimiser: one of them. Those before a resume are
        included.
    batch_size
        Rows a step, those of all processes together; the last of an epoch may have fewer. By
        default 128, or all if that is less. ``"all"``: all rows at each step. A program that cannot
        be run on a part of the rows takes all of them, with a warning that says why.
    record_every
        Steps between two entries of the history, and with them between validations, reports,
        callbacks, checkpoints and steps of the schedule. By default those of a pass through the
        data; if ``steps`` are asked for, at least 100.
    objective
        Any ELBO of Pyro's or of :mod:`ppgen.objectives`; by default the program's own. Sites that
        rows share are weighed by the batch's share of the data.
    transform
        Applied to the first tensor of each batch, such as fresh binarisation.
    lr
        Learning rate of the default optimiser, Adam; by default 1e-3.
    optimizer, scheduler
        Makers of torch's objects, such as ``partial(torch.optim.Adam, lr=1e-3)``. The schedule
        steps once an epoch.
    clip_norm
        Largest norm of the gradient of nats a row.
    average
        Decay of an exponential average of the weights, such as 0.999. Validation and result then
        use the average.
    patience
        Stop after this many epochs without a better validation ELBO.
    callback
        Called with the program and the history before training and after each epoch; the fit stops
        if it returns True. What it draws does not change the training.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or another device of torch's.
    bfloat16
        Whether networks compute in bfloat16 by torch's autocast.
    compile
        Whether steps are traced through Pyro once and run as graphs, ``"traced"`` as they are or
        ``"on"`` compiled; ``"off"``: neither; ``"auto"``: whichever takes the least time over
        all steps. See :class:`ppgen.training.compiled.Graphs`. Python numbers that the program
        computes with must stay the same.
    seed
        Seed of every random number of the fit.
    out
        Folder of the checkpoints, one an epoch, for one run at a time. None: nothing is saved.
    resume
        Go on from the checkpoint in ``out``, to the same numbers as without the stop; data,
        validation rows and settings must be the same, except the number of epochs. Without a
        checkpoint, start. Numbers that a program counts in plain attributes are not saved: let
        them be buffers.
    progress
        Whether to show a progress bar; ``"curve"``: in a notebook, the ELBO as a curve that grows.
    tensorboard
        Whether to write the history to ``out/tensorboard`` as well.

    Returns
    -------
    History
        ELBO in nats a row, time and learning rate of each epoch: a pass through the data, or the
        steps that ``record_every`` says.

    Raises
    ------
    TypeError, ValueError
        If an argument or the data is not what is expected; before training.
    ModuleNotFoundError
        If ``tensorboard`` is asked for and not installed.
    NotFiniteError
        If a loss or gradient is not finite; the last checkpoint stays.
    CheckpointError
        If a checkpoint cannot be written or read, or another run goes on in ``out``.

    Examples
    --------
    >>> import ppgen
    >>> digits = ppgen.data.load("digits").binarized()
    >>> vae = ppgen.models.VAE.mlp(digits.image_shape, latent=2)
    >>> history = fit(vae, digits.train.images, epochs=1, progress=False)
    >>> history.epochs[-1].number
    1

    Any other pair of Pyro programs, with data by keyword:

    >>> import pyro
    >>> import pyro.distributions as dist
    >>> def model(x, y=None):
    ...     slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    ...     with pyro.plate("data", len(x)):
    ...         pyro.sample("y", dist.Normal(slope * x, 0.1), obs=y)
    >>> guide = pyro.infer.autoguide.AutoNormal(model)
    >>> x = torch.linspace(-1, 1, 100)
    >>> program = ppgen.as_program((model, guide))
    >>> history = fit(program, {"x": x, "y": 2 * x}, steps=300, lr=0.05, progress=False)
    >>> abs(ppgen.posterior(program, {"x": x, "y": 2 * x}, 50, seed=0)["slope"].mean() - 2) < 0.1
    tensor(True)
    """
    if (epochs is None) == (steps is None):
        raise ValueError(f"epochs is {epochs} and steps is {steps}; expected one of them")
    if patience is not None and validation is None:
        raise ValueError(f"patience is {patience}; expected validation data to judge by")
    if out is None and (resume or tensorboard):
        raise ValueError("out is None; resume and tensorboard need a folder there")
    if lr is not None:
        if optimizer is not adam:
            raise ValueError(f"lr is {lr} beside an optimizer; expected one of them")
        optimizer = partial(Adam, lr=lr, fused=True)
    processes, place = Processes.launched(), pick_device(device)
    program = accept(program).to(place)
    batches = batches_of(data, batch_size, transform, place, processes)
    checksum = batches.checksum()
    processes.check_same(checksum)
    held_out = None
    if validation is not None:
        with named("validation"):
            held_out = as_batches(validation, None, transform, place)
    modes = in_evaluation_mode(program, getattr(program, "found_modes", {}))
    with own_random_state(seed), modes, ExitStack() as stack:
        checkpoints = None if out is None else Checkpoints(out)
        begun = False
        if checkpoints:
            held = checkpoints.held(resume)
            begun = processes.of_leader(lambda: stack.enter_context(held))
        with own_random_state(seed):
            bound = objective_on(
                program, batches, held_out, batch_size, objective, bfloat16, processes
            )
        state = TrainingState.start(program, optimizer, scheduler, average)
        settings = settings_of(
            bound,
            state,
            seed=seed,
            batch_size=batches.batch_size,
            data=checksum,
            validation=None if held_out is None else held_out.checksum(),
            clip_norm=clip_norm,
            average=average,
            bfloat16=bfloat16,
        )
        constants = {"settings": settings, **identity(program)}
        if checkpoints:
            begin(state, constants, checkpoints, begun)

        total = steps if steps is not None else (epochs or 0) * len(batches)
        least = len(batches) if steps is None else max(len(batches), EPOCH_STEPS)
        read_every = steps_between_readings(place, state.optimizer)
        update = make_update(
            bound,
            state,
            batches,
            compile,
            total,
            clip_norm=clip_norm,
            read_every=read_every,
            watched=callback is not None,
            processes=processes,
        )
        reports: list[Report] = []
        if processes.leads:
            rows_a_step = batches.rows / len(batches)
            rows, done = math.ceil(total * rows_a_step), int(state.history.steps * rows_a_step)
            folder = Path(out, "tensorboard") if out is not None and tensorboard else None
            reports = reports_of(state.history, progress, rows, done, place, folder)
        for report in reports:
            stack.callback(report.close)

        Loop(
            bound,
            state,
            Step(program, update, read_every),
            batches,
            held_out,
            seed,
            reports,
            callback,
            checkpoints,
            constants,
            processes,
        ).run(total, record_every or least, patience)
    return state.history


@checked
def pick_device(device: Device) -> torch.device:
    """Turn ``"auto"`` into CUDA if there is some, else the CPU."""
    if device in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def steps_between_readings(device: torch.device, optimizer: Optimizer) -> int:
    """Return how many losses are read together: one if waiting costs nothing or is needed."""
    return READ_EVERY if device.type == "cuda" and optimizer.defaults.get("fused") else 1
