"""The method ``expand`` of all distributions in this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeVar

import torch
from pyro.distributions import TorchDistribution

Distribution = TypeVar("Distribution", bound=TorchDistribution)


class Expandable(TorchDistribution):
    """Base of distributions whose attributes are named for ``expand``.

    A subclass with another constructor names its own, or defines ``expand``.
    """

    shared: ClassVar[tuple[str, ...]] = ()
    """Attributes that stay as they are, so that nothing is computed once for each row."""

    batched: ClassVar[tuple[str, ...]] = ()
    """Attributes that are expanded to the larger batch shape."""

    def expand(self, batch_shape: torch.Size, _instance: Any = None) -> Self:
        """Return the same distribution with a larger batch shape."""
        owner = next(c for c in type(self).__mro__ if {"shared", "batched"} & vars(c).keys())
        new = expanded(owner, self, batch_shape, _instance)
        for name in self.shared:
            setattr(new, name, getattr(self, name))
        for name in self.batched:
            setattr(new, name, getattr(self, name).expand(new.batch_shape))
        return new


def expanded(
    owner: type[Distribution], p: Distribution, batch_shape: Sequence[int], instance: Any = None
) -> Distribution:
    """Return an instance with a larger batch shape; the caller sets its other attributes.

    ``owner`` is the class whose ``expand`` calls this; a subclass with another constructor needs
    its own. ``instance`` is the object to initialise; None: a new one. Raises ValueError if the
    batch shape of ``p`` does not broadcast to the larger one.
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
