"""Latent positions of large graphs: an epoch of SVI in memory proportional to the edges.

The graphs are random with mean degree 10. Ours iterates over their edges, with five sampled pairs
without an edge for each. The usual way is a step on the matrix of all pairs of nodes; it is
measured on the first rows of the matrix and scaled.
"""

from functools import partial

import networkx as nx
import torch
from torch.nn import functional as F
from torch.optim import Adam

from benchmarks.comparison import Comparison, Settings, Way
from benchmarks.steps import step_of_fit
from ppgen.data.batches import Batches
from ppgen.models import LatentPositionGraph


def step_on_all_pairs(graph, rows, device):
    """Return a function that takes a step on the first rows of the adjacency matrix."""
    adjacency = nx.to_scipy_sparse_array(graph, dtype="float32")[:rows].toarray()
    adjacency = torch.from_numpy(adjacency).to(device)
    mean = (0.5 * torch.randn(len(graph), 2, device=device)).requires_grad_()
    log_scale = torch.full_like(mean, -3).requires_grad_()
    slope, intercept = (torch.ones((), device=device, requires_grad=True) for _ in range(2))
    optimizer = Adam([mean, log_scale, slope, intercept])

    def step():
        z = mean + log_scale.exp() * torch.randn_like(mean)
        logits = slope * z[:rows] @ z.mT + intercept
        edges = F.binary_cross_entropy_with_logits(logits, adjacency, reduction="sum") / 2
        kl = ((2 * log_scale).exp() + mean**2 - 1).sum() / 2 - log_scale.sum()
        optimizer.zero_grad()
        (len(graph) / rows * edges + kl).backward()
        optimizer.step()

    return step


def epoch(settings: Settings, nodes):
    nodes, rows = settings.size((nodes, 500), (100, 50))
    graph = nx.gnm_random_graph(nodes, 5 * nodes, seed=0)
    program = LatentPositionGraph.from_graph(graph, controls=5).to(settings.device)
    data = program.observations(graph)
    batches = Batches(data, min(1000, len(data[0])), device=settings.device)
    step = step_of_fit(program, batches)

    def ours():
        for batch in batches.shuffled(seed=0, epoch=1):
            step(batch)

    usual = step_on_all_pairs(graph, rows, settings.device)
    return Comparison(
        ours=Way("LatentPositionGraph, an epoch", ours),
        others=(Way(f"all pairs, on {rows:,} rows", usual, scale=nodes / rows),),
        memory=True,
    )


ROWS = {
    f"{nodes:,} nodes, {5 * nodes:,} edges": partial(epoch, nodes=nodes)
    for nodes in (10_000, 20_000, 40_000)
}
