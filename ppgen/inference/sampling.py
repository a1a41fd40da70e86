"""Images from a program: new ones, and reconstructions of given ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from ppgen.data.batches import Batches
from ppgen.objectives.traces import Site, check_latents
from ppgen.program import Program, as_program
from ppgen.random_state import own_random_state
from ppgen.training.contract import check_support
from ppgen.training.gradients import on_device


@contextmanager
def evaluating(program: Program, seed: int) -> Iterator[None]:
    """Run a program without gradients, in evaluation mode, on random numbers of its own."""
    modes = {module: module.training for module in program.modules()}
    try:
        with own_random_state(seed), torch.no_grad(), pyro.validation_enabled(False):
            program.eval()
            with on_device(program.device):
                yield
    finally:
        for module, training in modes.items():
            module.training = training


def sample(program: Any, n: int, *context: Tensor, mean: bool = False, seed: int = 0) -> Tensor:
    """Draw new images from a model.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts.
    n
        Number of images.
    context
        Further tensors that the model takes, such as labels, ``n`` rows each.
    mean
        Whether to give the mean of the pixels given the latents, grey values, in place of a draw.
    seed
        Of the draws; the caller's generators are left as they were.

    Returns
    -------
    Tensor
        ``(n, channel, height, width)``.

    Raises
    ------
    TypeError
        Where the model cannot be called as ``model(None, *context, n=n)``.
    ValueError
        Where ``n`` is below 1, or the model has no site ``"x"``.
    NotImplementedError
        Where the mean is asked for and has no closed form.

    Examples
    --------
    >>> import ppgen
    >>> sample(ppgen.models.VAE.mlp((1, 8, 8), latent=2), 16).shape
    torch.Size([16, 1, 8, 8])
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected 1 or more images")
    program = as_program(program, keep=False)
    context = tuple(tensor.to(program.device) for tensor in context)
    with evaluating(program, seed):
        try:
            trace = poutine.trace(program.model).get_trace(None, *context, n=n)
        except TypeError as error:
            raise TypeError(
                f"the model cannot be called as model(None, n={n}) to draw images ({error}); "
                "expected the form model(x=None, *, n=1)"
            ) from error
        return _image(program, _image_site(trace), mean)


def reconstruct(
    program: Any, x: Tensor, *context: Tensor, mean: bool = True, seed: int = 0
) -> Tensor:
    """Draw latents of given images from the guide, and images from the model at those latents.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` accepts.
    x
        Images ``(batch, channel, height, width)``.
    context
        Further tensors that model and guide take.
    mean
        Whether to give the mean of the pixels given the latents, grey values, in place of a draw.
    seed
        Of the draws; the caller's generators are left as they were.

    Returns
    -------
    Tensor
        ``(batch, channel, height, width)``.

    Raises
    ------
    ValueError
        Where images lie outside the support of the site ``"x"``, or the guide leaves a latent out.
    NotImplementedError
        Where the mean is asked for and has no closed form.

    Examples
    --------
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2)
    >>> reconstruct(vae, torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 1, 8, 8])
    """
    program = as_program(program, keep=False)
    batches = Batches((x, *context), len(x), device=program.device, dtype=program.dtype)
    images, *context_there = next(iter(batches))
    with evaluating(program, seed):
        latents = poutine.trace(program.guide).get_trace(images, *context_there)
        model = poutine.replay(program.model, trace=latents)
        trace = poutine.trace(model).get_trace(None, *context_there, n=len(images))
        check_latents(trace, latents, observed="x")
        site = _image_site(trace)
        check_support(site["fn"], [(images,)])
        return _image(program, site, mean)


def _image_site(trace: poutine.Trace) -> Site:
    if "x" not in trace.nodes:
        sites = ", ".join(trace.stochastic_nodes) or "none"
        raise ValueError(f"the model has no site 'x' for its images; its sites: {sites}")
    return trace.nodes["x"]


def _image(program: Program, site: Site, mean: bool) -> Tensor:
    if not mean:
        return site["value"]
    try:
        return program.image(site["fn"])
    except NotImplementedError as error:
        raise NotImplementedError(
            f"the distribution {type(site['fn']).__name__} at the site 'x' has no mean in closed "
            "form; expected mean=False, which gives a draw"
        ) from error
