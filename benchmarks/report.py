"""The table of a benchmark run, and a description of its machine."""

import platform
import subprocess
from collections.abc import Sequence
from math import floor, log10
from pathlib import Path
from typing import Any

import torch

from ppgen.experiments import environment

LIBRARIES = ("numpy", "networkx", "scikit-learn", "pgmpy")
"""Libraries whose versions are recorded, besides ppgen, Pyro and torch."""


def table(rows: list[dict[str, Any]]) -> str:
    """Format rows as a table in Markdown."""
    lines = [
        (
            row["benchmark"],
            row["row"],
            row["device"],
            row["ours"]["name"],
            row["other"]["name"] if row["other"] else "",
            times(row["ours"]),
            times(row["other"]),
            figure(row["ratio"]),
            figure(row["memory_ratio"]),
            row["checks"],
        )
        for row in rows
    ]
    head = ("benchmark", "row", "device", "ours", "the other way",
            "ours, ms", "other, ms", "ratio", "memory", "checks")  # fmt: skip
    return markdown(head, lines)


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Format a table in Markdown with columns of even width."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    lines = [head, tuple("-" * width for width in widths), *lines]
    return "\n".join(
        "| " + " | ".join(f"{cell:{w}}" for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def times(way: dict[str, Any] | None) -> str:
    """Format the median of a way's times, with minimum and maximum."""
    if way is None or way["median_ms"] is None:
        return ""
    median, least, most = (figure(way[key]) for key in ("median_ms", "min_ms", "max_ms"))
    return f"{median} ({least} … {most})"


def figure(value: float | None) -> str:
    """Format a number with three digits, or all before the point; None as an empty string."""
    if value is None:
        return ""
    digits = 2 - floor(log10(value)) if value else 0
    return f"{value:,.{max(0, digits)}f}"


def machine(device: torch.device) -> dict[str, Any]:
    """Describe the machine and the versions that times depend on."""
    return {
        "machine": environment.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "device": device.type,
        "device_name": environment.device_name(device),
        "python": platform.python_version(),
        "versions": environment.versions(*LIBRARIES),
        "commit": commit(),
    }


def commit() -> str | None:
    """Return the commit of the code, with "-dirty" if files were changed; None outside of git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        git = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return git.stdout.strip()
