"""Latent positions of large graphs: seconds an epoch of SVI, and the growth of peak memory.

python benchmarks/latent_graph.py

Random graphs of mean degree 10 are fitted on their edges and five sampled missing edges for each,
every size in a process of its own. Memory is the peak above that of a graph of 100 nodes, so that
libraries do not count; the last column is what one float32 for every pair of nodes would take.
"""

import json
import resource
import statistics
import subprocess
import sys
from functools import partial
from math import comb

import networkx as nx
import torch
from torch.optim import Adam

import ppgen
from ppgen.models import LatentPositionGraph

SIZES = [10_000, 20_000, 40_000]
SMALL = 100


def measure(nodes):
    """Fit three epochs; print seconds of the median epoch and the peak memory in MiB."""
    graph = nx.gnm_random_graph(nodes, 5 * nodes, seed=0)
    program = LatentPositionGraph.for_graph(graph, controls=5)
    data = program.observations(graph)
    history = ppgen.fit(
        program,
        data,
        epochs=3,
        batch_size=min(1000, len(data[0])),
        optimizer=partial(Adam, lr=0.05),
        progress=False,
    )
    seconds = statistics.median(epoch.seconds for epoch in history.epochs[1:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak}))


def in_a_process(nodes):
    command = [sys.executable, __file__, str(nodes)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    if len(sys.argv) > 1:
        measure(int(sys.argv[1]))
        return
    print(f"{torch.get_num_threads()} threads")
    print(
        f"{'nodes':>8} {'edges':>8} {'s/epoch':>8} {'MiB':>8} {'B/edge':>8} {'all pairs, MiB':>15}"
    )
    base = in_a_process(SMALL)["peak"]
    for nodes in SIZES:
        found = in_a_process(nodes)
        extra = found["peak"] - base
        print(
            f"{nodes:8} {5 * nodes:8} {found['seconds']:8.2f} {extra:8.1f} "
            f"{extra * 2**20 / (5 * nodes):8.0f} {comb(nodes, 2) * 4 / 2**20:15.0f}"
        )


if __name__ == "__main__":
    main()
