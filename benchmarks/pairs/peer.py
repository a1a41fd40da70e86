"""NumPyro's process: ``python -m benchmarks.pairs.peer FILE`` prints what it measured as JSON.

``FILE`` holds the orders and the data as numpy's ``.npz``; see :func:`measure`.
"""

import json
import os
import sys
from time import perf_counter

import numpy as np


def seconds(run):
    """Return the seconds of a call, and its result, once it is there."""
    import jax

    start = perf_counter()
    result = jax.block_until_ready(run())
    return perf_counter() - start, result


def measure(name, args, start, lr, steps, seeds, rounds, repeats):
    """Train a program; return times and losses.

    ``update`` and ``run`` have seconds a step for each of the ``rounds``: of jitted ``svi.update``
    calls whose losses are read one by one, and of the scan over them that ``svi.run`` is, compiled
    once. ``ready`` has the seconds from the program to the end of its first call, for both.
    ``losses`` is an array ``(seeds, steps)``.
    """
    import jax
    import numpyro
    from numpyro.infer import SVI

    from benchmarks.pairs.in_numpyro import BUILDERS

    svi, state, ready = None, None, {}

    def begin():
        pair = BUILDERS[name]({key: jax.numpy.array(value) for key, value in start.items()})
        svi = SVI(pair.model, pair.guide, numpyro.optim.Adam(lr), pair.elbo)
        return svi, svi.init(jax.random.key(0), *args)

    args = [jax.numpy.array(value) for value in args]
    begun, (svi, state) = seconds(begin)
    update = jax.jit(svi.update)

    @jax.jit
    def run(state, lengths):
        return jax.lax.scan(lambda state, _: svi.update(state, *args), state, lengths)

    def updates():
        at = state
        for _ in range(repeats):
            at, loss = update(at, *args)
            float(loss)

    ready["update"] = begun + seconds(lambda: update(state, *args))[0]
    few, many = jax.numpy.zeros(repeats), jax.numpy.zeros(steps)
    ready["run"] = begun + seconds(lambda: run(state, few))[0]
    times = {"update": [], "run": []}
    for _ in range(rounds):
        times["update"].append(seconds(updates)[0] / repeats)
        times["run"].append(seconds(lambda: run(state, few))[0] / repeats)
    losses = []
    for seed in range(seeds):
        first = svi.init(jax.random.key(seed), *args)
        losses.append(np.asarray(run(first, many)[1]).tolist())
    return {**times, "ready": ready, "losses": losses}


def main():
    """Read the orders, and print the answer in a line."""
    with np.load(sys.argv[1]) as file:
        orders = json.loads(str(file["orders"]))
        data = [file[f"data {key}"] for key in orders.pop("data")]
        start = {key: file[f"start {key}"] for key in orders.pop("start")}
    threads = orders.pop("threads")
    if hasattr(os, "sched_setaffinity"):  # XLA takes as many threads as it may use cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    print(json.dumps(measure(args=data, start=start, **orders)))


if __name__ == "__main__":
    main()
