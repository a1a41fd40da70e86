"""Random graphs whose edges depend on the positions of the nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import comb
from typing import Any

import networkx as nx
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ppgen.models.textbook.dyads import NonEdges, dyads, edge_list, edges, pair_at
from ppgen.models.textbook.logistic_regression import separating_direction
from ppgen.objectives import MeanFieldELBO
from ppgen.program import Program

BLOCK = 2**20
"""Pairs in memory at a time when a graph is drawn."""


class PositionGraph(Program, ABC):
    """Edges i < j ~ Bernoulli(σ(a · x_iᵀx_j + b)), given positions x of the nodes.

    Its rows of data are pairs of nodes: at the site ``"x"`` their edges, 1 or 0, ``(batch,)``, and
    as context the pairs, ``(batch, 2)``. :meth:`observations` makes them from a graph.

    Parameters
    ----------
    nodes
        Two or more.
    non_edges
        Where given, rows are the edges alone, and whenever the likelihood is computed some pairs
        without an edge are drawn: an unbiased estimate of it, in memory of the size of the edges.
    controls
        Pairs without an edge that are drawn for each edge of a batch.
    density
        Share of the pairs that have an edge, between 0 and 1: its logit is b at the start.

    Attributes
    ----------
    slope, intercept : Parameter
        a and b, ``()``.
    """

    objective = MeanFieldELBO()

    def __init__(
        self,
        nodes: int,
        non_edges: NonEdges | None = None,
        controls: int = 5,
        density: float = 0.5,
    ) -> None:
        super().__init__()
        if nodes < 2:
            raise ValueError(f"nodes is {nodes}; expected two or more")
        if controls < 1:
            raise ValueError(f"controls is {controls}; expected 1 or more for each edge")
        if not 0 < density < 1:
            raise ValueError(f"density is {density}; expected a share between 0 and 1")
        self.nodes = nodes
        self.non_edges = non_edges
        self.controls = controls
        self.slope = nn.Parameter(torch.ones(()))
        self.intercept = nn.Parameter(torch.tensor(density).logit())

    @abstractmethod
    def positions(self) -> Tensor:
        """Positions as the model has them, ``(nodes, dimensions)``."""

    @abstractmethod
    def fitted_positions(self) -> Tensor:
        """Positions after fitting, ``(nodes, dimensions)``: a draw where they are uncertain."""

    def edge(self, positions: Tensor, pairs: Tensor) -> dist.Bernoulli:
        """Distribution of the edges between pairs ``(batch, 2)``."""
        i, j = (positions.index_select(-2, end) for end in pairs.unbind(-1))
        return dist.Bernoulli(logits=self.slope * (i * j).sum(-1) + self.intercept)

    def model(self, x: Tensor | None = None, pairs: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw the edges of ``n`` pairs, or observe them."""
        n = n if x is None else len(x)
        if pairs is None or pairs.shape != (n, 2):
            raise ValueError(
                f"pairs has the shape {None if pairs is None else tuple(pairs.shape)}; expected "
                f"(batch, 2), here {(n, 2)}"
            )
        positions = self.positions()
        with pyro.plate("data", n):
            edge = pyro.sample("x", self.edge(positions, pairs), obs=x)
        if x is not None and self.non_edges is not None:
            drawn = torch.randint(self.non_edges.count, (self.controls * n,), device=x.device)
            with pyro.plate("non_edges", self.non_edges.count, subsample=drawn):
                missing = self.edge(positions, self.non_edges.at(drawn))
                pyro.sample("non_edge", missing, obs=x.new_zeros(len(drawn)))
        return edge

    def observations(self, graph: Any) -> tuple[Tensor, Tensor]:
        """Make the data of a graph: edges, ``(batch,)``, and pairs of nodes, ``(batch, 2)``.

        All pairs; or the edges alone, where the others are drawn from ``non_edges``.

        Parameters
        ----------
        graph
            A ``networkx.Graph`` or an adjacency matrix, see
            :func:`ppgen.models.textbook.dyads.edge_list`.

        Raises
        ------
        ValueError
            Where it is no simple graph, has another number of nodes, or has all edges or none, so
            that the likelihood rises with the intercept to infinity.
        """
        ends, nodes = edge_list(graph)
        if nodes != self.nodes:
            raise ValueError(f"graph has {nodes} nodes; expected {self.nodes}, as in the program")
        if len(ends) in (0, comb(nodes, 2)):
            raise ValueError(
                f"graph has {len(ends)} of {comb(nodes, 2)} edges: the likelihood rises as the "
                "intercept runs to infinity; expected some edges, but not all"
            )
        return dyads(graph) if self.non_edges is None else edges(graph)

    @torch.no_grad()
    def draw(self) -> nx.Graph:
        """Draw a new graph on the same nodes, 0 … nodes − 1, at their fitted positions."""
        positions = self.fitted_positions()
        graph = nx.empty_graph(self.nodes)
        for start in range(0, comb(self.nodes, 2), BLOCK):
            stop = min(start + BLOCK, comb(self.nodes, 2))
            pairs = pair_at(torch.arange(start, stop, device=positions.device))
            drawn = self.edge(positions, pairs).sample().bool()
            graph.add_edges_from(pairs[drawn].tolist())
        return graph


class KnownPositionGraph(PositionGraph):
    """A graph between nodes at known positions.

    The log-likelihood is concave in a and b. Its gradient is Σ (e_ij − σ(·)) x_iᵀx_j in a,
    Σ (e_ij − σ(·)) in b; :func:`ppgen.inference.maximum_likelihood` finds the one optimum.

    Parameters
    ----------
    known
        Positions, ``(nodes, dimensions)``.
    non_edges, controls
        As for :class:`PositionGraph`.

    Examples
    --------
    >>> program = KnownPositionGraph(torch.randn(20, 2))
    >>> x, pairs = program.observations(nx.karate_club_graph().subgraph(range(20)))
    >>> x.shape, pairs.shape, program.draw().number_of_nodes()
    (torch.Size([190]), torch.Size([190, 2]), 20)
    """

    known: Tensor

    def __init__(self, known: Tensor, non_edges: NonEdges | None = None, controls: int = 5) -> None:
        if known.dim() != 2 or not known.isfinite().all():
            raise ValueError(
                f"known has the shape {tuple(known.shape)}; expected finite positions, "
                "(nodes, dimensions)"
            )
        super().__init__(len(known), non_edges, controls)
        self.register_buffer("known", known)

    def positions(self) -> Tensor:
        """Give the known positions."""
        return self.known

    def fitted_positions(self) -> Tensor:
        """Give the known positions."""
        return self.known

    def observations(self, graph: Any) -> tuple[Tensor, Tensor]:
        """Make the data of a graph, as :meth:`PositionGraph.observations`.

        Raises
        ------
        ValueError
            Also where x_iᵀx_j is the same for all pairs; and where it separates those with an edge
            from those without, so that the likelihood rises as slope and intercept run to
            infinity. With ``non_edges`` this is not looked for.
        """
        x, pairs = super().observations(graph)
        if self.non_edges is None:
            i, j = self.known[pairs].unbind(1)
            similarity = (i * j).sum(-1)
            if similarity.min() == similarity.max():
                raise ValueError(
                    f"x_iᵀx_j is {similarity[0].item():g} for all pairs, so that slope and "
                    "intercept cannot be told apart; expected known positions where it varies"
                )
            # On a line, classes are separable where their outermost points are.
            sides = [similarity[x == side] for side in (0, 1)]
            outermost = torch.stack([end for side in sides for end in side.aminmax()])
            design = torch.stack([outermost, torch.ones_like(outermost)], dim=1)
            if separating_direction(design.new_tensor([0, 0, 1, 1]), design) is not None:
                raise ValueError(
                    "graph is separable: all its edges lie on one side of a value of x_iᵀx_j, "
                    "and all pairs without one on the other, so that the likelihood rises as slope "
                    "and intercept run to infinity; expected some overlap"
                )
        return x, pairs
