"""Times of several ways to do one thing, measured in turns within one process."""

import statistics
import time
from collections.abc import Callable


def interleaved(
    ways: dict[str, Callable[[], object]], rounds: int, repeats: int
) -> dict[str, list[float]]:
    """Run each way ``repeats`` times, in turns, ``rounds`` times; give seconds a run, a round each.

    Turns make all ways share the machine's slow and fast moments, so that ratios of medians hold
    where single times do not. The first, untimed turn pays for compilers and caches.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for timed in range(-1, rounds):
        for name, run in ways.items():
            start = time.perf_counter()
            for _ in range(repeats):
                run()
            if timed >= 0:
                times[name].append((time.perf_counter() - start) / repeats)
    return times


def print_table(times: dict[str, list[float]], baselines: list[str], unit: str = "ms") -> None:
    """Print median and spread of each way, and the ratio of its median to each baseline's."""
    scale = {"s": 1.0, "ms": 1e3}[unit]
    medians = {name: statistics.median(values) for name, values in times.items()}
    width = max(map(len, times))
    print(f"{'':{width}}  median {unit}  (min … max)        " + "  ".join(
        f"/ {name}" for name in baselines
    ))  # fmt: skip
    for name, values in times.items():
        spread = f"({scale * min(values):.2f} … {scale * max(values):.2f})"
        ratios = "  ".join(f"{medians[name] / medians[b]:{len(b) + 2}.3f}" for b in baselines)
        print(f"{name:{width}}  {scale * medians[name]:9.3f}  {spread:20s}{ratios}")
