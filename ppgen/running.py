"""How programs are run: random numbers, device and mode."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import MappingProxyType
from typing import Any

import numpy as np
import pyro
import torch
from torch import nn

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
    seed_generators(seed)
    try:
        yield
    finally:
        set_random_state(outer)


def seed_generators(seed: int) -> None:
    """Seed the generators of torch (each device), numpy and Python."""
    if torch.accelerator.is_available():
        pyro.set_rng_seed(seed)
    else:  # torch.manual_seed formats the stack for each absent kind of device: up to 1 ms
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)


def generator(device: torch.device) -> torch.Generator:
    """Return the generator that programs on a device draw from."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


def _map_key(state: dict[str, Any], convert: Callable[[Any], Any]) -> dict[str, Any]:
    return {**state, "key": convert(state["key"])}


def on_device(device: torch.device) -> AbstractContextManager:
    """Let ``torch.zeros`` and the like in a program make tensors on a device besides the CPU."""
    return nullcontext() if device.type == "cpu" else torch.device(device)


@contextmanager
def evaluating(program: Program, seed: int | None) -> Iterator[None]:
    """Run a program without gradients, in evaluation mode, on random numbers of its own."""
    with (
        in_evaluation_mode(program, getattr(program, "found_modes", {})),
        own_random_state(seed),
        torch.no_grad(),
        pyro.validation_enabled(False),
        on_device(program.device),
    ):
        yield


@contextmanager
def in_evaluation_mode(
    program: Program, found: Mapping[nn.Module, bool] = MappingProxyType({})
) -> Iterator[None]:
    """Switch a program to evaluation mode, and all its modules back afterwards.

    Modules that become part of it meanwhile get the mode in which they were ``found``, or else that
    of the program.
    """
    modes = {module: module.training for module in program.modules()}
    training = program.training
    program.eval()
    try:
        yield
    finally:
        for module in program.modules():
            module.training = modes.get(module, found.get(module, training))
