"""Comparisons of our way to do some work with others, and how they are measured."""

from __future__ import annotations

import importlib.util
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from benchmarks.memory import peak_memory
from benchmarks.timing import interleaved

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """Settings of all benchmarks of a command.

    Attributes
    ----------
    device
        Device of everything that is not restricted to the CPU.
    rounds
        Number of timed turns.
    quick
        If True, sizes are tiny: a trial run whose numbers mean nothing.
    numpyro
        Interpreter of Python that has NumPyro.
    """

    device: torch.device
    rounds: int
    quick: bool = False
    numpyro: str = sys.executable

    def size(self, full: T, quick: T) -> T:
        """Return the full size, or the quick one for a trial run."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Way:
    """One way to do the work.

    Attributes
    ----------
    name
        Name in the table.
    run
        Does the work, or a part of it if the whole takes too much time or memory.
    scale
        Number of parts in the whole work: time and memory of ``run`` are multiplied by this.
    check
        Returns a remark, such as how far the results of another way agree with ours.
    needs
        Module that it needs; if it is not installed, the row says so and has no numbers.
    absent
        Why it cannot be measured; the row says so and has no numbers.
    """

    name: str
    run: Callable[[], object]
    scale: float = 1.0
    check: Callable[[], str] | None = None
    needs: str | None = None
    absent: str = ""

    @property
    def missing(self) -> str:
        """Why it cannot be measured; empty if it can."""
        if self.needs is not None and importlib.util.find_spec(self.needs) is None:
            return f"{self.needs} is not installed"
        return self.absent

    def checks(self) -> str:
        """Return the remark on its results, or why there are none."""
        return self.missing or (self.check() if self.check else "")

    def figures(self, seconds: list[float], memory: float | None) -> dict[str, Any]:
        """Return median, minimum and maximum of the times, and memory, scaled; None if unknown."""
        statistic = {"median_ms": statistics.median, "min_ms": min, "max_ms": max}
        return {
            "name": self.name,
            **{k: 1e3 * self.scale * f(seconds) if seconds else None for k, f in statistic.items()},
            "memory_mib": None if memory is None else self.scale * memory,
        }


@dataclass(frozen=True)
class Apart(Way):
    """A way that is measured after the others, such as in a process of its own.

    ``run`` is called once and returns the seconds of all turns; an empty list if it cannot run.
    """

    run: Callable[[], list[float]]


@dataclass(frozen=True)
class Comparison:
    """Our way, compared with each of the others, or alone.

    Attributes
    ----------
    ours, others
        The ways.
    repeats
        Number of runs a turn, for work of a few milliseconds.
    memory
        If True, peak memory is measured too, in one more run of each way.
    cpu_only
        If True, it runs on the CPU whatever the device.
    facts
        Returns more that was found out, for the file; called after the times are taken.
    """

    ours: Way
    others: tuple[Way, ...] = ()
    repeats: int = 1
    memory: bool = False
    cpu_only: bool = False
    facts: Callable[[], dict[str, Any]] = dict

    def measure(self, settings: Settings) -> list[dict[str, Any]]:
        """Run all ways in turns; return a row for each of the others, or one for ours alone.

        A row has ``device``; ``ours`` and ``other``, each with ``name``, ``median_ms``, ``min_ms``,
        ``max_ms`` and ``memory_mib``; ``ratio`` and ``memory_ratio``, the other's number divided by
        ours; and ``checks``. A number that was not measured is None.
        """
        device = torch.device("cpu") if self.cpu_only else settings.device
        ways = [way for way in (self.ours, *self.others) if not way.missing]
        apart = [way for way in ways if isinstance(way, Apart)]
        ways = [way for way in ways if way not in apart]
        runs = [way.run for way in ways]
        times = dict(
            zip(ways, interleaved(runs, settings.rounds, self.repeats, device), strict=True)
        )
        times |= {way: way.run() for way in apart}
        memory = {way: peak_memory(way.run, device) for way in ways if self.memory}

        def figures(way: Way) -> dict[str, Any]:
            return way.figures(times.get(way, []), memory.get(way))

        ours, *others = map(figures, (self.ours, *self.others))
        checks = [way.checks() for way in self.others] or [""]
        about_ours = self.ours.checks()
        return [
            {
                "device": device.type,
                "ours": ours,
                "other": other,
                "ratio": ratio("median_ms", ours, other),
                "memory_ratio": ratio("memory_mib", ours, other),
                "checks": "; ".join(filter(None, (about_ours, check))),
            }
            for other, check in zip(others or [None], checks, strict=True)
        ]


def ratio(key: str, ours: dict[str, Any], other: dict[str, Any] | None) -> float | None:
    """Divide the other's number by ours; return None unless both were measured."""
    return other[key] / ours[key] if other and other[key] and ours[key] else None
