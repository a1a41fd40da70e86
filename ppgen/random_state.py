"""The state of every random-number generator that a program may draw from."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyro
import torch
from torch import Tensor


def random_state() -> dict[str, Any]:
    """Read the generators of torch (each device), numpy and Python, as tensors and numbers."""
    mersenne: Any = np.random.get_state(legacy=False)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": {**mersenne, "state": _map_key(mersenne["state"], torch.from_numpy)},
        "python": random.getstate(),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Put the generators back into a state that :func:`random_state` gave."""
    torch.set_rng_state(state["torch"])
    # A run may go on where there are fewer devices, or none.
    for device, cuda_state in zip(range(torch.cuda.device_count()), state["cuda"], strict=False):
        torch.cuda.set_rng_state(cuda_state, device)
    mersenne = state["numpy"]
    np.random.set_state({**mersenne, "state": _map_key(mersenne["state"], np.asarray)})
    random.setstate(state["python"])


@contextmanager
def own_random_state(seed: int) -> Iterator[None]:
    """Draw from generators seeded by ``seed``, and leave the caller's as they were."""
    outer = random_state()
    pyro.set_rng_seed(seed)
    try:
        yield
    finally:
        set_random_state(outer)


def generator_state(device: torch.device) -> Tensor:
    """Read only the generator that programs on the device draw from: cheap enough for each step."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.get_rng_state()


def set_generator_state(device: torch.device, state: Tensor) -> None:
    """Put that generator back into a state that :func:`generator_state` gave."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


def _map_key(state: dict[str, Any], convert: Callable[[Any], Any]) -> dict[str, Any]:
    return {**state, "key": convert(state["key"])}
