"""Peak memory of a function, beyond what was allocated before."""

import os
from collections.abc import Callable
from itertools import accumulate

import torch
from torch.profiler import ProfilerActivity, profile

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler prints lines


def peak_memory(run: Callable[[], object], device: torch.device) -> float:
    """Return the peak MiB of tensors that ``run`` allocates on the device."""
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
