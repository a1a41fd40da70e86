"""Memory that something takes while it runs, beyond what was there before."""

import os
from collections.abc import Callable
from itertools import accumulate

import torch
from torch.profiler import ProfilerActivity, profile

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # no lines at each start and stop of the profiler


def peak_memory(run: Callable[[], object], device: torch.device) -> float:
    """MiB of tensors on the device that are allocated at once, at most, while ``run`` runs."""
    return PEAKS[device.type](run) / 2**20


def _on_the_cpu(run: Callable[[], object]) -> int:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events = profiler.profiler.kineto_results.events()
    allocations = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return max(accumulate((size for _, size in allocations), initial=0))


def _on_cuda(run: Callable[[], object]) -> int:
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run()
    return torch.cuda.max_memory_allocated() - before


PEAKS = {"cpu": _on_the_cpu, "cuda": _on_cuda}
