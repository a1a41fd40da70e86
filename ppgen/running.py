"""How programs are run: one thread at a time, with random numbers, device and mode."""

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from traceback import walk_tb
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

import numpy as np
import pyro
import torch
from torch import nn

from ppgen.arguments import Such
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
def uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off until the end, so that nothing is half done."""
    if threading.current_thread() is not threading.main_thread():  # others are never interrupted
        yield
        return
    pressed: list[Any] = []
    handler = signal.signal(signal.SIGINT, lambda *args: pressed.append(args))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if pressed and callable(handler):
            handler(*pressed[0])


@contextmanager
def noting_missing_arguments(note: str) -> Iterator[None]:
    """Add a note to the error of a program that is called with fewer arguments than it takes."""
    try:
        yield
    except TypeError as error:
        # An error inside the program has its own frames; that of a call ends at the caller.
        frame = [frame for frame, _ in walk_tb(error.__traceback__)][-1]
        caller = frame.f_globals.get("__name__", "").partition(".")[0]
        if caller in ("pyro", "ppgen") and "missing" in str(error) and "positional" in str(error):
            error.add_note(note)
        raise


class Turn:
    """The right to run programs, which one thread has at a time; its calls may hold further ones.

    Pyro's handlers, parameter store and validation, and the generators of torch, numpy and Python
    belong to the process, so two threads would disturb each other. What a thread does with them
    outside of this library waits for nobody.
    """

    def __init__(self) -> None:
        self._lock, self._queue = threading.RLock(), threading.Lock()
        self._calls = 0  # of the thread that has the turn, one inside the other
        self.found: list[dict[str, Any]] = []  # random states before calls with seeds

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._wait()
        self._begin()

    def __exit__(self, *_: object) -> None:
        self._calls -= 1
        if self._calls == 0:
            self._validation.__exit__(None, None, None)
        self._lock.release()

    def give_way(self) -> None:
        """Let waiting threads have their turns, between two steps of a long call with a seed."""
        if self._calls > 1 or not self._queue.locked():
            return
        with uninterrupted():
            own = random_state()
            set_random_state(self.found.pop())
            self.__exit__()
            self._wait()
            self._begin()
            self.found.append(random_state())
            set_random_state(own)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let other threads have their turns while a callback runs, which may wait for them."""
        calls = self._calls
        for _ in range(calls):
            self.__exit__()
        try:
            yield
        finally:
            with uninterrupted():
                for _ in range(calls):
                    self.__enter__()

    def _begin(self) -> None:
        self._calls += 1
        if self._calls == 1:
            self._validation = pyro.validation_enabled(False)
            self._validation.__enter__()

    def _wait(self) -> None:
        with self._queue:  # the next thread in turn holds it, so that give_way does not overtake
            self._lock.acquire()


TURN = Turn()
if hasattr(os, "register_at_fork"):  # the thread that had the turn may not exist in the child
    os.register_at_fork(after_in_child=TURN.__init__)  # type: ignore[misc]


@contextmanager
def own_random_state(seed: int | None) -> Iterator[None]:
    """Draw from generators seeded by ``seed``, and leave the caller's unchanged.

    With None, the caller's generators are drawn from. Other threads wait for their turn.
    """
    with TURN:
        if seed is None:
            yield
            return
        TURN.found.append(random_state())
        try:
            seed_generators(seed)
            yield
        finally:
            set_random_state(TURN.found.pop())


@contextmanager
def validated() -> Iterator[None]:
    """Run with Pyro's validation on."""
    with TURN, pyro.validation_enabled(True):
        yield


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


def is_here(device: torch.device | str | None) -> bool:
    """Whether this machine has a device."""
    try:
        torch.empty(0, device=None if device == "auto" else device)
    except (RuntimeError, AssertionError):
        return False
    return True


Device: TypeAlias = Annotated[
    torch.device | str | None,
    Such(is_here, "'cpu', 'cuda' or another device of torch's that this machine has"),
]


def on_device(device: torch.device) -> AbstractContextManager:
    """Let ``torch.zeros`` and the like in a program make tensors on a device besides the CPU."""
    return nullcontext() if device.type == "cpu" else torch.device(device)


@contextmanager
def evaluating(program: Program, seed: int | None) -> Iterator[None]:
    """Run a program without gradients, in evaluation mode, on random numbers of its own."""
    with (
        own_random_state(seed),
        in_evaluation_mode(program, getattr(program, "found_modes", {})),
        torch.no_grad(),
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
