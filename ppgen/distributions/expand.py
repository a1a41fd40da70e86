"""The first step of every ``expand`` method in this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from pyro.distributions import TorchDistribution

Distribution = TypeVar("Distribution", bound=TorchDistribution)


def expanded(
    owner: type[Distribution], p: Distribution, batch_shape: Sequence[int], instance: Any = None
) -> Distribution:
    """Return an instance with a larger batch shape; the caller sets its other attributes.

    ``owner`` is the class whose ``expand`` calls this; a subclass with another constructor needs
    its own. ``instance`` is the object to initialise; None: a new one. Raises ValueError if the
    batch shape of ``p`` does not broadcast to the larger one.

    Examples
    --------
    >>> from ppgen.distributions import TabulatedDensity
    >>> TabulatedDensity((1, 1, 2), torch.zeros(3, 4)).expand((5,))
    Traceback (most recent call last):
    ...
    ValueError: batch_shape is (5,); expected one to which (3,) broadcasts
    """
    batch_shape = torch.Size(batch_shape)
    try:
        torch.empty(p.batch_shape, device="meta").expand(batch_shape)
    except RuntimeError as error:
        raise ValueError(
            f"batch_shape is {tuple(batch_shape)}; expected one to which "
            f"{tuple(p.batch_shape)} broadcasts"
        ) from error
    new: Distribution = p._get_checked_instance(owner, instance)
    TorchDistribution.__init__(new, batch_shape, p.event_shape, validate_args=False)
    new._validate_args = p._validate_args
    return new
