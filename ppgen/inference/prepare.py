"""What is checked, and made, before the first step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from ppgen.batches import Batches
from ppgen.inference.gradients import Objective
from ppgen.traces import sample_sites


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
                program.guide(*batch)
                trace = poutine.trace(program.model).get_trace(*batch)
            check_image_site(trace, batch[0])
            check_support(trace.nodes["x"]["fn"], part)
            with pyro.validation_enabled(True), explained(batch):
                objective.value(*batch)
            half = tuple(tensor[: len(tensor) // 2] for tensor in batch)
            if len(half[0]):
                with explained(half, hint=f"; {OWN_LATENTS}"):
                    objective.value(*half)
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


def check_image_site(trace: poutine.Trace, x: Tensor) -> None:
    """Refuse a model that does not observe the images at ``"x"`` in one plate of their number."""
    sites = sample_sites(trace)
    site = sites.get("x")
    if site is None or not site["is_observed"]:
        raise ValueError(
            "the model observes nothing at the site 'x' (its sites: "
            f"{', '.join(sites) or 'none'}); expected pyro.sample('x', ..., obs=x)"
        )
    shape = site["fn"].batch_shape + site["fn"].event_shape
    if shape != x.shape:
        raise ValueError(
            f"the distribution at the site 'x' has the shape {tuple(shape)}, the images have "
            f"{tuple(x.shape)}; expected the same"
        )
    dim = site["fn"].event_dim - x.dim()
    plates = [frame for frame in site["cond_indep_stack"] if frame.dim == dim]
    if dim == 0 or not plates or plates[0].size != len(x) or not is_one(site["scale"]):
        found = ", ".join(f"{f.name} of size {f.size}" for f in site["cond_indep_stack"]) or "none"
        raise ValueError(
            f"the site 'x' lies in the plates {found}, with the scale {site['scale']}; expected "
            f"one plate over the {len(x)} images of a batch, unscaled: pyro.plate('data', len(x)), "
            "and all dimensions of an image declared by to_event"
        )


def is_one(scale: float | Tensor) -> bool:
    """Whether a site's scale changes nothing."""
    return bool((torch.as_tensor(scale) == 1).all())


def check_support(
    distribution: Any, batches: Iterable[tuple[Tensor, ...]], observed: Tensor | None = None
) -> None:
    """Refuse images to which the distribution can give no probability.

    A support that depends on the batch, as a binomial's does, is left to Pyro's validation. Where
    pixels are missing, as ``observed`` says of all images, only the others are looked at.

    Raises
    ------
    ValueError
        Naming the first such image.
    """
    first = 0
    for images, *_ in batches:
        known = None if observed is None else observed[first : first + len(images)]
        inside = inside_support(distribution, images, known)
        if not inside.all():
            number = int((~inside).nonzero()[0])
            outside = images[number] if known is None else images[number][known[number]]
            raise ValueError(
                f"image {first + number} has values from {outside.min().item():g} to "
                f"{outside.max().item():g}, outside the support {distribution.support} of the site "
                "'x'; give the images a transform, such as the likelihood's encode, or choose "
                "another likelihood"
            )
        first += len(images)


def inside_support(distribution: Any, images: Tensor, observed: Tensor | None = None) -> Tensor:
    """Tell which images, or which by their observed pixels, lie in the support, ``(batch,)``."""
    support = distribution.support
    if observed is not None:
        support = support.base_constraint  # of a pixel: only independent ones can be left out
    try:
        inside = support.check(images)
    except RuntimeError:  # a support that depends on the batch
        return torch.ones(len(images), dtype=torch.bool, device=images.device)
    if observed is not None:
        inside = inside | ~observed
    return inside.flatten(1).all(1) if inside.dim() > 1 else inside
