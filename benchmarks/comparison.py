"""One way of ours beside what one would do instead: what is compared, and how it is measured."""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from benchmarks.memory import peak_memory
from benchmarks.timing import interleaved

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What all benchmarks of one command share.

    Attributes
    ----------
    device
        On which everything runs that can.
    rounds
        Turns that are timed.
    quick
        Whether sizes are tiny: to try a benchmark out, not to learn from its numbers.
    """

    device: torch.device
    rounds: int
    quick: bool = False

    def size(self, full: T, quick: T) -> T:
        """Choose between the sizes to measure at and those to try out."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Way:
    """One way to do the work.

    Attributes
    ----------
    name
        In the table.
    run
        Does the work.
    scale
        How many times ``run`` is the whole work, where that would take too long or too much
        memory: its time and memory are multiplied by this.
    check
        Says what else is to be known: of another way, how far it agrees with ours in its results.
    needs
        A module without which it is not measured; its row then says that it is not installed.
    """

    name: str
    run: Callable[[], object]
    scale: float = 1.0
    check: Callable[[], str] | None = None
    needs: str | None = None

    @property
    def installed(self) -> bool:
        """Whether it can be measured here."""
        return self.needs is None or importlib.util.find_spec(self.needs) is not None

    def checks(self) -> str:
        """Say what is to be known of its results, or why there are none."""
        if not self.installed:
            return f"{self.needs} is not installed"
        return self.check() if self.check else ""

    def figures(self, seconds: list[float], memory: float | None) -> dict[str, Any]:
        """Give median and spread of the whole work's times, and its memory; None if unknown."""
        statistic = {"median_ms": statistics.median, "min_ms": min, "max_ms": max}
        return {
            "name": self.name,
            **{k: 1e3 * self.scale * f(seconds) if seconds else None for k, f in statistic.items()},
            "memory_mib": None if memory is None else self.scale * memory,
        }


@dataclass(frozen=True)
class Comparison:
    """A way of ours beside others, or alone.

    Attributes
    ----------
    ours, others
        The ways; ours is compared with each of the others.
    repeats
        Runs a turn, for work that is done in less than some milliseconds.
    memory
        Whether peak memory is measured too, in one more run of each way.
    cpu_only
        Whether it is on the CPU whatever the device.
    """

    ours: Way
    others: tuple[Way, ...] = ()
    repeats: int = 1
    memory: bool = False
    cpu_only: bool = False

    def measure(self, settings: Settings) -> list[dict[str, Any]]:
        """Run all ways in turns; give a row for each of the others, or one for ours alone.

        A row has ``device``, ``ours`` and ``other``, each with ``name``, ``median_ms``, ``min_ms``,
        ``max_ms`` and ``memory_mib``; ``ratio`` and ``memory_ratio``, the other's number by ours,
        so that more is better for ours; and ``checks``. What was not measured is None.
        """
        device = torch.device("cpu") if self.cpu_only else settings.device
        ways = [way for way in (self.ours, *self.others) if way.installed]
        runs = [way.run for way in ways]
        times = dict(
            zip(ways, interleaved(runs, settings.rounds, self.repeats, device), strict=True)
        )
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
    """Divide the other's number by ours, where both were measured."""
    return other[key] / ours[key] if other and other[key] and ours[key] else None
