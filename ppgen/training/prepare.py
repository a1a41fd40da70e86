"""What is checked, and made, before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyro
import torch
from torch import Tensor

from ppgen.arguments import check_size
from ppgen.data.batches import Batches
from ppgen.objectives import TensorELBO
from ppgen.training.contract import (
    check_image_site,
    check_nothing_shared,
    check_one_plate,
    check_support,
    own_traces,
)
from ppgen.training.gradients import Objective


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
    TypeError, ValueError
        Naming the argument, its value and what was expected.
    """
    check_size("epochs", epochs, least=0)
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
            f"device is {device!r}, which is not to be had here; expected 'auto', 'cpu' or 'cuda' "
            f"({str(error).splitlines()[0]})"
        ) from error
    return torch.device(device)


OWN_LATENTS = (
    "parameters must not depend on the number of images, as those of an autoguide do where each "
    "image has latents of its own: write a guide(x)"
)


def prepare(objective: Objective, *parts: Batches) -> None:
    """Run the program with Pyro's validation on, and check all images against its support.

    Parameters that programs make when they first run exist afterwards.

    Raises
    ------
    ValueError
        Where the program cannot be run on the images, is not of the contract, or images lie outside
        the support of the site ``"x"``.
    """
    program = objective.program
    training = program.training
    program.eval()
    for part in parts:
        batch = next(iter(part))
        with torch.no_grad(), objective.precision():
            with pyro.validation_enabled(True), explained(batch):
                traces = own_traces(program, batch)
            check_image_site(traces[0], batch[0])
            check_support(traces[0].nodes["x"]["fn"], part)
            if len(part) > 1 and not isinstance(objective.elbo, TensorELBO):
                check_nothing_shared(traces, batch[0], objective.elbo)
            with pyro.validation_enabled(True), explained(batch):
                objective.value(*batch)
            half = tuple(tensor[: len(tensor) // 2] for tensor in batch)
            if len(half[0]):
                with explained(half, hint=f"; {OWN_LATENTS}"):
                    objective.value(*half)
                    halved = own_traces(program, half)
                check_one_plate(traces, halved, batch[0], half[0])
            for few in with_extreme_labels(part):
                with pyro.validation_enabled(True), explained(few):
                    objective.value(*few)
    program.train(training)


def with_extreme_labels(part: Batches) -> Iterator[tuple[Tensor, ...]]:
    """Give, for each context of integers, the images with the lowest and the highest of them.

    Where any labels of the data are out of range, some of these are.
    """
    for labels in part.tensors[1:]:
        if labels.numel() and not labels.is_floating_point():
            integers = labels.long()
            index = torch.stack([integers.argmin(), integers.argmax()]) // labels[0].numel()
            rows = tuple(tensor[index] for tensor in part.tensors)
            yield from Batches(rows, None, part.transform, index.device, part.dtype)


@contextmanager
def explained(batch: tuple[Tensor, ...], hint: str = "") -> Iterator[None]:
    """Say on which batch a program failed."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError) as error:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in batch)
        lines = " ".join(str(error).partition("Trace Shapes:")[0].split("\n")[:2]).rstrip()
        raise ValueError(
            f"the program cannot be run on a batch of the shape {shapes}: {lines}{hint}"
        ) from error
