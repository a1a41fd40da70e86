"""How programs are run: random numbers, device and mode."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import pyro
import torch
from torch import Tensor

from ppgen.program import Program


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
def own_random_state(seed: int | None) -> Iterator[None]:
    """Draw from generators seeded by ``seed``, and leave the caller's unchanged.

    With None, the caller's generators are drawn from.
    """
    if seed is None:
        yield
        return
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


def on_device(device: torch.device) -> AbstractContextManager:
    """Let ``torch.zeros`` and the like in a program make tensors on a device besides the CPU."""
    return nullcontext() if device.type == "cpu" else torch.device(device)


@contextmanager
def evaluating(program: Program, seed: int | None) -> Iterator[None]:
    """Run a program without gradients, in evaluation mode, on random numbers of its own."""
    modes = {module: module.training for module in program.modules()}
    training = program.training
    try:
        with own_random_state(seed), torch.no_grad(), pyro.validation_enabled(False):
            program.eval()
            with on_device(program.device):
                yield
    finally:
        found = getattr(program, "found_modes", {})
        for module in program.modules():  # some may have been found while it ran
            module.training = modes.get(module, found.get(module, training))
