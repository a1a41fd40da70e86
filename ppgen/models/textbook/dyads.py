"""Simple graphs as data: pairs of nodes, with or without an edge."""

from math import comb
from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn


def edge_list(graph: Any) -> tuple[Tensor, int]:
    """Return the edges of a simple graph, ``(edges, 2)`` with i < j, and the number of nodes.

    ``graph`` is a ``networkx.Graph``, whose nodes are numbered in its own order and whose edge
    weights are ignored, or a symmetric adjacency matrix of zeros and ones. Raises a ValueError if
    edges are directed, parallel or self-loops, the matrix is another one, or there are fewer than
    two nodes.

    Examples
    --------
    >>> edges, nodes = edge_list(nx.path_graph(3))
    >>> edges.tolist(), nodes
    ([[0, 1], [1, 2]], 3)
    """
    if isinstance(graph, nx.Graph):
        if graph.is_directed() or graph.is_multigraph():
            raise ValueError(f"graph is a {type(graph).__name__}; expected a networkx.Graph")
        number = {node: i for i, node in enumerate(graph)}
        loop = next(nx.selfloop_edges(graph), None)
        if loop is not None:
            raise ValueError(f"graph has a self-loop at {loop[0]!r}; expected none")
        ends = [sorted((number[a], number[b])) for a, b in graph.edges]
        edges, nodes = torch.tensor(ends, dtype=torch.long).view(-1, 2), len(graph)
    else:
        edges, nodes = _edges_of_matrix(torch.as_tensor(graph)), len(graph)
    if nodes < 2:
        raise ValueError(f"graph has {nodes} nodes; expected two or more")
    return edges[index_of(edges).argsort()], nodes


def _edges_of_matrix(adjacency: Tensor) -> Tensor:
    if adjacency.dim() != 2 or adjacency.shape[0] != adjacency.shape[1]:
        raise ValueError(f"adjacency has the shape {tuple(adjacency.shape)}; expected a square")
    for problem, where in {
        "is neither 0 nor 1": (adjacency != 0) & (adjacency != 1),
        "differs from its mirror image": adjacency != adjacency.mT,
        "is a self-loop": adjacency.diag().diag() != 0,
    }.items():
        if where.any():
            i, j = where.nonzero()[0].tolist()
            raise ValueError(
                f"adjacency[{i}, {j}] = {adjacency[i, j].item():g} {problem}; expected a symmetric "
                "matrix of zeros and ones with zeros in the diagonal"
            )
    return adjacency.triu().nonzero()


def edges(graph: Any) -> tuple[Tensor, Tensor]:
    """Return only the edges as data: ones, ``(edges,)``, and pairs of nodes, ``(edges, 2)``."""
    pairs, _ = edge_list(graph)
    return torch.ones(len(pairs)), pairs


def dyads(graph: Any) -> tuple[Tensor, Tensor]:
    """Return all pairs of nodes as data: 1 or 0, ``(pairs,)``, and the pairs, ``(pairs, 2)``.

    Examples
    --------
    >>> x, pairs = dyads(nx.path_graph(3))
    >>> x.tolist(), pairs.tolist()
    ([1.0, 0.0, 1.0], [[0, 1], [0, 2], [1, 2]])
    """
    ends, nodes = edge_list(graph)
    x = torch.zeros(comb(nodes, 2))
    x[index_of(ends)] = 1.0
    return x, pair_at(torch.arange(len(x)))


def index_of(pairs: Tensor) -> Tensor:
    """Return the index of pairs i < j in the order (0, 1), (0, 2), (1, 2), (0, 3) …."""
    i, j = pairs.unbind(-1)
    return j * (j - 1) // 2 + i


def pair_at(index: Tensor) -> Tensor:
    """Return the pairs i < j with an index of :func:`index_of`, ``(*index.shape, 2)``."""
    j = ((1 + (1 + 8 * index.double()).sqrt()) / 2).long()
    j = j - (j * (j - 1) // 2 > index).long()  # if the root was rounded up
    return torch.stack([index - j * (j - 1) // 2, j], dim=-1)


class NonEdges(nn.Module):
    """Pairs of nodes without an edge, stored in memory proportional to the number of edges.

    Nearly all pairs of a sparse graph have no edge. A few of them drawn at random, each with weight
    count / drawn, estimate their log-likelihood without bias (case–control sampling: Raftery, Niu,
    Hoff and Yeung 2012, Fast inference for the latent space network model using a case-control
    approximate likelihood, equation 5).

    ``graph`` is as for :func:`edge_list`, and lacks some edge; ``count`` is the number of pairs
    without one.

    Examples
    --------
    >>> non_edges = NonEdges(nx.path_graph(4))
    >>> non_edges.at(torch.arange(non_edges.count)).tolist()
    [[0, 2], [0, 3], [1, 3]]
    """

    before: Tensor

    def __init__(self, graph: Any) -> None:
        super().__init__()
        ends, nodes = edge_list(graph)
        self.count = comb(nodes, 2) - len(ends)
        if not self.count:
            raise ValueError(
                f"graph has all edges between its {nodes} nodes; expected some missing"
            )
        self.register_buffer("before", index_of(ends) - torch.arange(len(ends)), persistent=False)

    def at(self, rank: Tensor) -> Tensor:
        """Return the pairs without an edge of ranks 0 … count − 1, ``(*rank.shape, 2)``."""
        edges_before = torch.searchsorted(self.before, rank, right=True)
        return pair_at(rank + edges_before)
