"""Times of several functions, measured in turns within one process."""

from collections.abc import Callable, Sequence
from time import perf_counter

import torch


def interleaved(
    ways: Sequence[Callable[[], object]],
    rounds: int,
    repeats: int = 1,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - it is immutable
) -> list[list[float]]:
    """Run each way ``repeats`` times in turns, ``rounds`` times; return seconds a run by round.

    With turns, all ways share the machine's slow and fast moments, so ratios of medians are more
    reliable than single times. The first turn is not timed: it warms up compilers and caches. The
    clock is read after the device has finished.
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
