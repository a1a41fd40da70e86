"""What is checked, and made, before the first step."""

from __future__ import annotations

from typing import Any

import pyro
import torch
from pyro import poutine

from ppgen.batches import Batches
from ppgen.inference.checkpoint import CheckpointError
from ppgen.inference.gradients import Objective


def check_arguments(
    epochs: int,
    patience: int | None,
    validation: object | None,
    compile: str,  # noqa: A002 - torch's word for it
    out: object | None,
    needs_out: bool,
) -> None:
    """Refuse arguments of ``fit`` that cannot be meant.

    Raises
    ------
    ValueError
        Naming the argument, its value and what was expected.
    """
    if epochs < 0:
        raise ValueError(f"epochs is {epochs}; expected 0 or more")
    if patience is not None and (patience < 1 or validation is None):
        raise ValueError(
            f"patience is {patience}; expected 1 or more, and validation images to judge by"
        )
    if compile not in ("off", "on", "auto"):
        raise ValueError(f"compile is {compile!r}; expected 'off', 'on' or 'auto'")
    if out is None and needs_out:
        raise ValueError("out is None; resume and tensorboard need a folder there")


def pick_device(device: str) -> torch.device:
    """Turn ``"auto"`` into CUDA where there is some, else the CPU; check any other name.

    Raises
    ------
    ValueError
        Where this machine has no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device is {device!r}, which is not to be had here ({str(error).splitlines()[0]}); "
            "expected 'auto', 'cpu' or 'cuda'"
        ) from error
    return torch.device(device)


def prepare(objective: Objective, *parts: Batches) -> None:
    """Run the program once with Pyro's validation on, and check all images against its support.

    Parameters that programs make when they first run exist afterwards.

    Raises
    ------
    ValueError
        Where the program cannot be run on the images, or images lie outside the support of the
        site ``"x"``.
    """
    program = objective.program
    training = program.training
    program.eval()
    batch = next(iter(parts[0]))
    with pyro.validation_enabled(True), torch.no_grad():
        try:
            objective.value(*batch)
            trace = poutine.trace(program.model).get_trace(*batch)
        except (RuntimeError, ValueError) as error:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in batch)
            raise ValueError(
                f"the program cannot be run on a batch of the shape {shapes}: "
                f"{str(error).splitlines()[0]}"
            ) from error
    program.train(training)
    if "x" in trace.nodes:
        for part in parts:
            check_support(trace.nodes["x"]["fn"], part)


def check_support(distribution: Any, batches: Batches) -> None:
    """Refuse images to which the distribution can give no probability."""
    first = 0
    for images, *_ in batches:
        inside = distribution.support.check(images)
        if not inside.all():
            outside = images[~inside.expand(len(images))][0]
            where = first + int((~inside).nonzero()[0, 0])
            raise ValueError(
                f"image {where} has values from {outside.min().item():g} to "
                f"{outside.max().item():g}, outside the support {distribution.support} of the "
                "site 'x'; give the images a transform, such as the likelihood's encode, or "
                "choose another likelihood"
            )
        first += len(images)


def check_settings(there: dict[str, Any], here: dict[str, Any]) -> None:
    """Refuse to go on with a run under settings that would change its numbers.

    Raises
    ------
    CheckpointError
        Naming the settings that differ.
    """
    differ = [
        f"{name} was {there.get(name)!r} and is {here[name]!r}"
        for name in here
        if there.get(name) != here[name]
    ]
    if differ:
        raise CheckpointError(
            f"the run cannot be resumed under other settings: {'; '.join(differ)}"
        )
