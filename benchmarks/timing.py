"""Times of several ways to do one thing, measured in turns within one process."""

from collections.abc import Callable, Sequence
from time import perf_counter

import torch


def interleaved(
    ways: Sequence[Callable[[], object]],
    rounds: int,
    repeats: int = 1,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - it cannot be changed
) -> list[list[float]]:
    """Run each way ``repeats`` times, in turns, ``rounds`` times; give seconds a run, a round each.

    Turns make all ways share the machine's slow and fast moments, so that ratios of medians hold
    where single times do not. The first, untimed turn pays for compilers and caches. The clock is
    read when the device has done all that it was given.
    """
    synchronise = torch.get_device_module(device).synchronize
    times: list[list[float]] = [[] for _ in ways]
    for timed in range(-1, rounds):
        for run, seconds in zip(ways, times, strict=True):
            synchronise()
            start = perf_counter()
            for _ in range(repeats):
                run()
            synchronise()
            if timed >= 0:
                seconds.append((perf_counter() - start) / repeats)
    return times
