"""The contract of a program, as its traces show it: sites, plates and supports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from ppgen.data.batches import Batch
from ppgen.objectives.traces import BatchPlate, sample_sites
from ppgen.program import Program

Traces = tuple[poutine.Trace, poutine.Trace]
"""Of model and guide."""


def own_traces(program: Program, batch: Batch) -> Traces:
    """Run model and guide, each on draws of its own."""
    guide_trace = poutine.trace(program.guide).get_trace(*batch)
    return poutine.trace(program.model).get_trace(*batch), guide_trace


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


def check_one_plate(traces: Traces, halved: Traces, x: Tensor, half: Tensor) -> None:
    """Refuse sites in a plate over the images other than that of the site ``"x"``.

    A plate is over the images if its size is theirs in two batches of different sizes.

    Raises
    ------
    ValueError
        Naming the site and both plates.
    """
    name = BatchPlate(traces[0], x).name
    sizes = {frame.name: frame.full_size for _, _, frame in plates_of_sites(halved)}
    for program, site, frame in plates_of_sites(traces):
        of_images = frame.full_size == len(x) and sizes.get(frame.name) == len(half)
        if of_images and frame.name != name:
            raise ValueError(
                f"the {program} draws the site {site!r} in the plate {frame.name!r} over the "
                f"images, and the site 'x' lies in their plate {name!r}; expected one plate over "
                "the images, of the same name in model and guide"
            )


def plates_of_sites(traces: Traces) -> Iterator[tuple[str, str, Any]]:
    """Go through the plates around each site of a model and a guide."""
    for program, trace in zip(("model", "guide"), traces, strict=True):
        for name, site in sample_sites(trace).items():
            for frame in site["cond_indep_stack"]:
                if frame.vectorized:
                    yield program, name, frame


def check_nothing_shared(traces: Traces, x: Tensor, elbo: Any) -> None:
    """Refuse sites outside the plate of the images, which Pyro's ELBOs count in every batch.

    Raises
    ------
    ValueError
        Naming the site.
    """
    plate = BatchPlate(traces[0], x)
    for trace in traces:
        for name, site in sample_sites(trace).items():
            if not plate.holds(site):
                raise ValueError(
                    f"the site {name!r} is shared by all images, and {type(elbo).__name__} counts "
                    "it in each of their batches; expected all images in one batch, or an ELBO "
                    "that divides it among them, as ppgen.objectives.TensorELBO() does"
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
