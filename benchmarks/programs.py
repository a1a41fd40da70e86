"""A training step of sixteen programs: by ppgen.fit, Pyro, a loop by hand, and NumPyro.

All train the same model and guide on the same data, from the same first values by Adam with the
same learning rate, and read the loss of each step. NumPyro runs in a process of its own, right
after the others. Beside the times, new processes say how long it takes until steps are fast,
without and with torch's cache on the disk; and the losses that all reach are compared.
"""

import json
import subprocess
import tempfile
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.comparison import Apart, Comparison, Settings, Way
from benchmarks.pairs.by_hand import LOOPS
from benchmarks.pairs.data import DRAWN
from benchmarks.pairs.data import draw as draw_data
from benchmarks.pairs.losses import agreement, curve
from benchmarks.pairs.processes import answer
from benchmarks.pairs.training import ByHand, ByPyro, Ours, Training
from benchmarks.programs_report import draw, summary

__all__ = ["ROWS", "draw", "summary"]

SEEDS, QUICK_SEEDS = 5, 2
"""Fits whose losses are averaged."""


class NumPyro:
    """What NumPyro's process measured, or why there is nothing."""

    def __init__(self, name, problem, settings: Settings, repeats) -> None:
        self.problem, self.python, self.why = problem, settings.numpyro, ""
        self.environment = {"JAX_PLATFORMS": "cpu"} if settings.device.type == "cpu" else {}
        self.orders = {
            "name": name,
            "lr": problem.lr,
            "steps": problem.steps,
            "seeds": settings.size(SEEDS, QUICK_SEEDS),
            "rounds": settings.rounds,
            "repeats": repeats,
            "threads": torch.get_num_threads(),
            "data": list(problem.data),
            "start": list(problem.start),
        }

    @cached_property
    def measured(self):
        """The process's answer; empty if it has none."""
        arrays = {f"data {key}": value for key, value in self.problem.data.items()}
        arrays |= {f"start {key}": value for key, value in self.problem.start.items()}
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder, "orders.npz"))
            np.savez(file, orders=json.dumps(self.orders), **arrays)
            try:
                return answer("peer", file, python=self.python, **self.environment)
            except subprocess.CalledProcessError as error:
                self.why = (error.stderr.strip() or "it ended without a word").splitlines()[-1]
            except OSError as error:
                self.why = str(error)
        return {}

    def way(self, name, key) -> Apart:
        """Return one of the ways that it measured."""
        return Apart(name, lambda: self.measured.get(key, []), check=lambda: self.why)


def ready(name, settings: Settings):
    """Return seconds until steps are fast, in new processes: first, and from torch's cache."""
    orders = {"name": name, "quick": settings.quick, "device": settings.device.type}
    orders["threads"] = torch.get_num_threads()
    modes = {"traced": "traced", "first": "on", "cached": "on"}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        if not settings.quick:
            answer("fresh", "toolchain", "{}", TORCHINDUCTOR_CACHE_DIR=folder)
        for key, mode in settings.size(modes, {"traced": "traced"}).items():
            asked = json.dumps(orders | {"mode": mode})
            found[key] = answer("fresh", "ready", asked, TORCHINDUCTOR_CACHE_DIR=folder)
    seconds = {key: each["seconds"] for key, each in found.items()}
    return seconds | {"operations": found["traced"]["operations"]}


def attempt(training, *args, **keywords):
    """Make a training, and take two steps; return it, and why it cannot be done."""
    try:
        made = training(*args, **keywords)
        made.take(2)
    except Exception as error:  # torch.jit raises errors of many kinds
        lines = str(error).strip().splitlines() or [""]
        return None, f"does not run: {type(error).__name__}: {lines[-1]}"[:200]
    return made, ""


def program(settings: Settings, name):
    problem = draw_data(name, settings.quick)
    repeats = settings.size(30, 2)
    common = name, problem, settings.device
    ours = {mode: Ours(*common, mode) for mode in ("on", "traced", "off")}
    others: dict[str, Training] = {"Pyro": ByPyro(*common)}
    if name in LOOPS:
        others["by hand"] = ByHand(*common)
    jit, why = attempt(ByPyro, *common, jit=True)
    numpyro = NumPyro(name, problem, settings, repeats)

    def way(title, training, **keywords):
        return Way(title, lambda: training.take(repeats), scale=1 / repeats, **keywords)

    def reason(mode):
        return f"runs {ours[mode].reason}" if ours[mode].reason else ""

    def facts():
        seeds = settings.size(SEEDS, QUICK_SEEDS)
        losses = {"fit": ours["on"].losses(seeds)}
        losses |= {key: training.losses(seeds) for key, training in others.items()}
        if numpyro.measured:
            losses["NumPyro"] = numpyro.measured["losses"]
        compared = {k: agreement(losses["fit"], v) for k, v in losses.items() if k != "fit"}
        return {
            "ready": ready(name, settings) | {"NumPyro": numpyro.measured.get("ready")},
            "agreement": compared,
            "curves": {key: curve(found) for key, found in losses.items()},
        }

    return Comparison(
        ours=way("fit, compiled", ours["on"], check=partial(reason, "on")),
        others=(
            way("fit, traced", ours["traced"], check=partial(reason, "traced")),
            way("fit, uncompiled", ours["off"]),
            way("Pyro's SVI.step", others["Pyro"]),
            way("Pyro's SVI.step, torch.jit", jit, absent=why),
            *([way("by hand, fused Adam", others["by hand"])] if name in LOOPS else []),
            numpyro.way("NumPyro's svi.update", "update"),
            numpyro.way("NumPyro's svi.run", "run"),
        ),
        facts=facts,
    )


ROWS = {name: partial(program, name=name) for name in DRAWN}
