"""Random graphs whose nodes have latent positions."""

from __future__ import annotations

from math import comb
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ppgen.models.textbook.dyads import NonEdges, edge_list
from ppgen.models.textbook.position_graph import PositionGraph


class LatentPositionGraph(PositionGraph):
    """A graph between nodes at latent positions x_i ~ N(0, I), found by variational inference.

    The prior fixes the scale of the positions, and they are known but for rotations and
    reflections (Hoff, Raftery and Handcock 2002, Latent space approaches to social network
    analysis, the projection model). The guide is a Gaussian for each coordinate.

    Parameters
    ----------
    nodes
        Two or more.
    dimensions
        Of a position.
    non_edges, controls, density
        As for :class:`PositionGraph`. Far from the data's density the first steps draw all
        positions to 0, where they stay.

    See Also
    --------
    LatentPositionGraph.from_graph : with all of these as the data has them.

    Attributes
    ----------
    mean, log_scale : Parameter
        Of the guide's positions, ``(nodes, dimensions)``.

    Examples
    --------
    >>> import networkx as nx
    >>> import ppgen
    >>> karate = nx.karate_club_graph()
    >>> program = LatentPositionGraph.from_graph(karate)
    >>> history = ppgen.fit(program, program.observations(karate), epochs=1, progress=False)
    >>> program.draw().number_of_nodes()
    34
    """

    def __init__(
        self,
        nodes: int,
        dimensions: int = 2,
        non_edges: NonEdges | None = None,
        controls: int = 5,
        density: float = 0.5,
    ) -> None:
        super().__init__(nodes, non_edges, controls, density)
        if dimensions < 1:
            raise ValueError(f"dimensions is {dimensions}; expected 1 or more")
        # Nearly sure of random positions: uncertain ones soon fall back to the prior for good.
        self.mean = nn.Parameter(0.5 * torch.randn(nodes, dimensions))
        self.log_scale = nn.Parameter(torch.full((nodes, dimensions), -3.0))

    @classmethod
    def from_graph(
        cls, graph: Any, dimensions: int = 2, controls: int | None = None
    ) -> LatentPositionGraph:
        """Make a program with the nodes and the density of a graph, ready to be fitted to it.

        Parameters
        ----------
        graph
            As for :meth:`observations`.
        dimensions
            Of a position.
        controls
            Pairs without an edge that are drawn for each edge. None: all pairs are data.
        """
        ends, nodes = edge_list(graph)
        density = len(ends) / comb(nodes, 2)
        if controls is None:
            return cls(nodes, dimensions, density=density)
        return cls(nodes, dimensions, NonEdges(graph), controls, density)

    def positions(self) -> Tensor:
        """Draw positions from the prior."""
        with pyro.plate("nodes", self.nodes):
            prior = dist.Normal(torch.zeros_like(self.mean), 1.0).to_event(1)
            return pyro.sample("positions", prior)

    def guide(self, x: Tensor, pairs: Tensor) -> Any:
        """Draw positions from a Gaussian of their own for each node."""
        with pyro.plate("nodes", self.nodes):
            return pyro.sample("positions", self.posterior().to_event(1))

    def posterior(self) -> dist.Normal:
        """Give the guide's distribution of the positions, batch shape ``(nodes, dimensions)``."""
        return dist.Normal(self.mean, self.log_scale.exp())

    def fitted_positions(self) -> Tensor:
        """Draw positions from the guide."""
        return self.posterior().sample()
