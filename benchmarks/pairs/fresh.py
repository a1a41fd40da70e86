"""A process that has compiled nothing: ``python -m benchmarks.pairs.fresh TASK ORDERS``.

It prints the answer to a task in JSON: seconds from the program on. Before, Python, torch, Pyro and
ppgen were imported; most of torch's compiler was not. Graphs are kept in the folder
``TORCHINDUCTOR_CACHE_DIR``.
"""

import json
import sys
from time import perf_counter

import pyro
import torch
from torch.fx.experimental.proxy_tensor import make_fx

import ppgen
from benchmarks.pairs.data import draw
from benchmarks.pairs.training import Ours
from ppgen.training.compiler import compiled


def ready(name, quick, device, mode):
    """Return the seconds to the end of the second step, before which graphs are made.

    Beside them, why there are none, and the number of operations in a graph.
    """
    with pyro.validation_enabled(False):
        start = perf_counter()
        ours = Ours(name, draw(name, quick), torch.device(device), mode)
        ours.take(2)
        torch.get_device_module(device).synchronize()
        seconds = perf_counter() - start
        return {"seconds": seconds, "reason": ours.reason, "operations": ours.operations()}


def fit(name, quick, device, mode, steps):
    """Return the seconds of a whole fit."""
    problem = draw(name, quick)
    program, data = Ours.program_and_data(name, problem)
    start = perf_counter()
    ppgen.fit(
        program,
        data,
        steps=steps,
        lr=problem.lr,
        batch_size="all",
        compile=mode,
        device=device,
        progress=False,
    )
    return {"seconds": perf_counter() - start}


def toolchain():
    """Compile something small, as any machine has before that is used for it."""
    x = torch.zeros(9)
    compiled(make_fx(lambda x: [x.sin() + 1])(x), [x])(x)
    return {}


TASKS = {"ready": ready, "fit": fit, "toolchain": toolchain}

if __name__ == "__main__":
    task, orders = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(orders.pop("threads", 2))
    print(json.dumps(TASKS[task](**orders)))
