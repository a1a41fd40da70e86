"""Whole fits by ``compile="auto"``, compared with ``"off"`` and ``"on"``.

Each fit runs in a process of its own whose cache of torch's compiler holds nothing of it, from the
program to the end of ``ppgen.fit``; the ways take turns, at most three.
"""

import json
import tempfile
from functools import partial

import torch

from benchmarks.comparison import Apart, Comparison, Settings
from benchmarks.pairs.data import DRAWN
from benchmarks.pairs.processes import answer
from benchmarks.report import figure, markdown

LENGTHS = (100, 1_000, 3_000, 10_000)
MODES = ("auto", "off", "on")
TURNS = 3


def fits(settings: Settings, name, steps):
    orders = {
        "name": name,
        "quick": settings.quick,
        "device": settings.device.type,
        "threads": torch.get_num_threads(),
        "steps": settings.size(steps, 3),
    }
    times: dict[str, list[float]] = {mode: [] for mode in MODES}

    def fit(mode):
        with tempfile.TemporaryDirectory() as folder:
            mode = "traced" if settings.quick and mode == "on" else mode  # compilers are slow
            if not settings.quick:
                answer("fresh", "toolchain", "{}", TORCHINDUCTOR_CACHE_DIR=folder)
            asked = json.dumps(orders | {"mode": mode})
            return answer("fresh", "fit", asked, TORCHINDUCTOR_CACHE_DIR=folder)["seconds"]

    def run(mode):
        while len(times[mode]) < settings.size(min(TURNS, settings.rounds), 1):
            for each in MODES:
                times[each].append(fit(each))
        return times[mode]

    ours, *others = (Apart(f"fit, {mode}", partial(run, mode)) for mode in MODES)
    return Comparison(ours=ours, others=tuple(others))


def summary(rows, facts) -> str:
    """Format the time under "auto", divided by the better of "off" and "on"."""
    ratios: dict[str, list[float]] = {}
    for row in rows:
        ratios.setdefault(row["row"], []).append(1 / row["ratio"])
    lines = [[name, figure(max(found))] for name, found in ratios.items()]
    lines.append(["most", figure(max(max(found) for found in ratios.values()))])
    return markdown(["fit", "auto / better of off and on"], lines)


ROWS = {
    f"{name}, {steps:,} steps": partial(fits, name=name, steps=steps)
    for name in DRAWN
    for steps in LENGTHS
}
