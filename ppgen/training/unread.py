"""Libraries that read no values of tensors while a graph is traced."""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

PLUMBING = ("torch.overrides", "torch._tensor", "torch.utils")
"""Modules of torch between a call and the mode that answers it."""


class Unread(TorchFunctionMode):
    """Lets Pyro and torch.distributions run without reading the values of tensors.

    No graph can follow a value into Python. Pyro reads losses into numbers, which stay tensors
    here; both libraries check values, which are taken to pass: that a loss or gradient is finite
    is checked after each step. Reads by anybody else are left alone.
    """

    def __torch_function__(
        self, function: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Answer a read by one of the libraries; do all else as it stands."""
        kwargs = kwargs or {}
        answer = ANSWERS.get(getattr(function, "__name__", ""))
        if answer is not None:
            found = answer(_caller(), *args, **kwargs)
            if found is not NotImplemented:
                return found
        return function(*args, **kwargs)


def _caller() -> str:
    frame = sys._getframe(2)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(PLUMBING):
        frame = frame.f_back
    return frame.f_globals.get("__name__", "")


def _item(caller: str, tensor: Tensor) -> Any:
    return tensor if caller.startswith("pyro.infer") else NotImplemented


def _truth(caller: str, tensor: Tensor) -> Any:
    if caller in ("pyro.util", "pyro.infer.util"):  # is a value NaN; does a mask hold everywhere
        return False
    return True if caller == "torch.distributions.distribution" else NotImplemented  # is it valid


def _hook(caller: str, *_: Any) -> Any:
    return None if caller == "pyro.util" else NotImplemented  # it warns of gradients that are NaN


def _selected(caller: str, tensor: Tensor, mask: Tensor) -> Any:
    # Pyro sums what it selects, and a sum of zeros elsewhere is the same in a fixed shape.
    zero = tensor.new_zeros(())
    return tensor.where(mask, zero).flatten() if caller == "pyro.infer.util" else NotImplemented


def _one_hot(caller: str, tensor: Tensor, num_classes: int = -1) -> Any:
    if num_classes < 1:
        return NotImplemented
    return (tensor.unsqueeze(-1) == torch.arange(num_classes, device=tensor.device)).long()


ANSWERS: dict[str, Callable[..., Any]] = {
    "item": _item,
    "__bool__": _truth,
    "register_hook": _hook,
    "masked_select": _selected,
    "one_hot": _one_hot,
}
