"""The method ``expand`` of all distributions in this package."""

from typing import Any, ClassVar, Self

import torch
from pyro.distributions import TorchDistribution


class Expandable(TorchDistribution):
    """Base of distributions whose attributes are named for ``expand``.

    A subclass with another constructor names its own, or defines ``expand``.
    """

    shared: ClassVar[tuple[str, ...]] = ()
    """Attributes that stay as they are, so that nothing is computed once for each row."""

    batched: ClassVar[tuple[str, ...]] = ()
    """Attributes that are expanded to the larger batch shape."""

    def expand(self, batch_shape: torch.Size, _instance: Any = None) -> Self:
        """Return the same distribution with a larger batch shape.

        Raises ValueError if the batch shape does not broadcast to the larger one.
        """
        batch_shape = torch.Size(batch_shape)
        try:
            torch.empty(self.batch_shape, device="meta").expand(batch_shape)
        except RuntimeError as error:
            raise ValueError(
                f"batch_shape is {tuple(batch_shape)}; expected one to which "
                f"{tuple(self.batch_shape)} broadcasts"
            ) from error
        owner = next(c for c in type(self).__mro__ if {"shared", "batched"} & vars(c).keys())
        new: Self = self._get_checked_instance(owner, _instance)
        TorchDistribution.__init__(new, batch_shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        for name in self.shared:
            setattr(new, name, getattr(self, name))
        for name in self.batched:
            setattr(new, name, getattr(self, name).expand(batch_shape))
        return new
