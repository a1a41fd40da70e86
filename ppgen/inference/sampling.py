"""Images from a program: new ones, and reconstructions of given ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from ppgen.inference.random_state import own_random_state
from ppgen.program import Program, as_program


@contextmanager
def evaluating(program: Program, seed: int) -> Iterator[None]:
    """Run a program without gradients, in evaluation mode, on random numbers of its own."""
    training = program.training
    try:
        with own_random_state(seed), torch.no_grad(), pyro.validation_enabled(False):
            program.eval()
            yield
    finally:
        program.train(training)


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

    Examples
    --------
    >>> import ppgen
    >>> sample(ppgen.models.VAE.mlp((1, 8, 8), latent=2), 16).shape
    torch.Size([16, 1, 8, 8])
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected 1 or more images")
    program = as_program(program)
    with evaluating(program, seed):
        return _image(poutine.trace(program.model).get_trace(None, *context, n=n), mean)


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
    """
    program = as_program(program)
    x = x.to(program.device)
    with evaluating(program, seed):
        latents = poutine.trace(program.guide).get_trace(x, *context)
        model = poutine.replay(program.model, trace=latents)
        return _image(poutine.trace(model).get_trace(None, *context, n=len(x)), mean)


def _image(trace: poutine.Trace, mean: bool) -> Tensor:
    if "x" not in trace.nodes:
        sites = ", ".join(trace.stochastic_nodes) or "none"
        raise ValueError(f"the model has no site 'x' for its images; its sites: {sites}")
    site: dict[str, Any] = trace.nodes["x"]
    return site["fn"].mean if mean else site["value"]
