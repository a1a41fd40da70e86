"""Completions of one drawing by several models."""

import time
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ppgen.explore.models.opened import Model
from ppgen.inference import complete

FITTED: dict[str, Any] = {"start": "guide", "steps": 150, "learning_rate": 0.1}
"""Options of ``fit_latents`` that take about a second an image."""


@dataclass(frozen=True)
class Completed:
    """What a model draws into the missing pixels of one image, as grey values.

    Attributes
    ----------
    mean
        ``(1, height, width)``.
    draws
        ``(draws, 1, height, width)``.
    log_prob
        log p(missing pixels | given pixels) of the pixels that stood there, nats.
    seconds
        What it took.
    """

    mean: Tensor
    draws: Tensor
    log_prob: float
    seconds: float


def completed(
    model: Model, image: Tensor, observed: Tensor, label: int = 0, draws: int = 4
) -> Completed:
    """Complete an image ``(1, height, width)``, grey values from 0 to 1.

    Raises what :func:`ppgen.inference.complete` raises if the model cannot do so.

    Examples
    --------
    >>> import torch
    >>> import ppgen
    >>> model = Model.of("mixture", ppgen.load("mnist-mixture"))
    >>> known = torch.arange(28) < 14
    >>> completed(model, torch.zeros(1, 28, 28), known.expand(1, 28, 28)).draws.shape
    torch.Size([4, 1, 28, 28])
    """
    started = time.perf_counter()
    options = {} if hasattr(model.program, "complete") else FITTED
    found = complete(
        model.program,
        model.encode(image.unsqueeze(0)),
        observed.unsqueeze(0),
        *model.context(label),
        draws=draws,
        seed=0,
        **options,
    )
    return Completed(
        found.mean[0].clamp(0, 1),
        model.grey(found.samples[:, 0]),
        float(found.log_prob[0]),
        time.perf_counter() - started,
    )
