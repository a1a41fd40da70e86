"""Random graphs whose edges depend on the positions of their nodes."""

from abc import ABC, abstractmethod
from math import comb
from typing import Annotated, Any, Self

import networkx as nx
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ppgen.arguments import Between, Range, Size, checked
from ppgen.models.textbook.dyads import NonEdges, dyads, edge_list, edges, pair_at
from ppgen.objectives import MeanFieldELBO
from ppgen.program import Program
from ppgen.tensors import check_shape

BLOCK = 2**20  # number of pairs in memory at a time when a graph is drawn


@checked
class PositionGraph(Program, ABC):
    """Abstract graph: edges i < j ~ Bernoulli(σ(a · x_iᵀx_j + b)), given node positions x.

    A row of data is a pair of nodes. The model's arguments are the edges, 1 or 0, ``(batch,)``,
    observed at site ``"edge"``, and the pairs, ``(batch, 2)``. :meth:`observations` makes both from
    a graph. A subclass defines ``positions``, and ``fitted_positions`` if they are latent.

    Parameters
    ----------
    nodes
        Number of nodes, 2 or more.
    non_edges
        If given, rows are the edges only, and the model draws pairs without an edge each time it
        runs: an unbiased estimate of the log-likelihood, in memory proportional to the edges.
    controls
        Number of pairs without an edge drawn for each edge of a batch, 1 or more.
    density
        Share of the pairs that have an edge, between 0 and 1; ``intercept``, b, starts at its
        logit, and ``slope``, a, at 1.

    Examples
    --------
    >>> import networkx as nx
    >>> from ppgen.models import KnownPositionGraph
    >>> graph = KnownPositionGraph(torch.randn(34, 2))
    >>> edges, pairs = graph.observations(nx.karate_club_graph())
    >>> edges.sum().item(), pairs.shape
    (78.0, torch.Size([561, 2]))
    """

    objective = MeanFieldELBO()

    def __init__(
        self,
        nodes: Annotated[int, Range(2)],
        non_edges: NonEdges | None = None,
        controls: Size = 5,
        density: Between = 0.5,
    ) -> None:
        super().__init__()
        self.nodes = nodes
        self.non_edges = non_edges
        self.controls = controls
        self.slope = nn.Parameter(torch.ones(()))
        self.intercept = nn.Parameter(torch.tensor(density).logit())

    @abstractmethod
    def positions(self) -> Tensor:
        """Return the model's positions, ``(nodes, dimensions)``."""

    def fitted_positions(self) -> Tensor:
        """Return positions after fitting, ``(nodes, dimensions)``; a draw if they are latent."""
        return self.positions()

    def edge(self, positions: Tensor, pairs: Tensor) -> dist.Bernoulli:
        """Return the distribution of the edges between pairs ``(batch, 2)``."""
        i, j = (positions.index_select(-2, end) for end in pairs.unbind(-1))
        return dist.Bernoulli(logits=self.slope * (i * j).sum(-1) + self.intercept)

    plate = "data"  # with one control a row, the other plate follows the rows too

    def model(self, x: Tensor | None = None, pairs: Tensor | None = None, *, n: int = 1) -> Any:
        """Draw the edges of ``n`` pairs, or observe them."""
        n = n if x is None else len(x)
        pairs = check_shape("pairs", pairs, (n, 2), f"(batch, 2), here {(n, 2)}")
        positions = self.positions()
        with pyro.plate("data", n):
            edge = pyro.sample("edge", self.edge(positions, pairs), obs=x)
        if x is not None and self.non_edges is not None:
            drawn = torch.randint(self.non_edges.count, (self.controls * n,), device=x.device)
            with pyro.plate("non_edges", self.non_edges.count, subsample=drawn):
                missing = self.edge(positions, self.non_edges.at(drawn))
                pyro.sample("non_edge", missing, obs=x.new_zeros(len(drawn)))
        return edge

    @checked
    def observations(self, graph: nx.Graph | Tensor) -> tuple[Tensor, Tensor]:
        """Return a graph as data: edges, ``(batch,)``, and pairs of nodes, ``(batch, 2)``.

        ``graph`` is a ``networkx.Graph`` or an adjacency matrix, see
        :func:`ppgen.models.textbook.dyads.edge_list`. Rows are all pairs of nodes; with
        ``non_edges``, only those with an edge. Raises a ValueError if it is not a simple graph, has
        another number of nodes, or has all edges or none, so that the likelihood has no maximum.
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
        """Draw a new graph on nodes 0 … nodes − 1 at their fitted positions."""
        positions = self.fitted_positions()
        graph = nx.empty_graph(self.nodes)
        for start in range(0, comb(self.nodes, 2), BLOCK):
            stop = min(start + BLOCK, comb(self.nodes, 2))
            pairs = pair_at(torch.arange(start, stop, device=positions.device))
            drawn = self.edge(positions, pairs).sample().bool()
            graph.add_edges_from(pairs[drawn].tolist())
        return graph


@checked
class KnownPositionGraph(PositionGraph):
    """Graph whose nodes have known positions ``known``, finite and ``(nodes, dimensions)``.

    The log-likelihood is concave in a and b, with the gradient Σ (e_ij − σ(·)) x_iᵀx_j in a and
    Σ (e_ij − σ(·)) in b; :func:`ppgen.inference.maximum_likelihood` finds the optimum. The other
    arguments are those of :class:`PositionGraph`.

    Examples
    --------
    >>> program = KnownPositionGraph(torch.randn(20, 2))
    >>> x, pairs = program.observations(nx.karate_club_graph().subgraph(range(20)))
    >>> x.shape, pairs.shape, program.draw().number_of_nodes()
    (torch.Size([190]), torch.Size([190, 2]), 20)
    """

    known: Tensor

    def __init__(
        self, known: Tensor, non_edges: NonEdges | None = None, controls: Size = 5
    ) -> None:
        if known.dim() != 2 or not known.isfinite().all():
            raise ValueError(
                f"known has the shape {tuple(known.shape)}; expected finite positions, "
                "(nodes, dimensions)"
            )
        super().__init__(len(known), non_edges, controls)
        self.register_buffer("known", known)

    def positions(self) -> Tensor:
        """Return the known positions."""
        return self.known

    @checked
    def observations(self, graph: nx.Graph | Tensor) -> tuple[Tensor, Tensor]:
        """Return a graph as data, as :meth:`PositionGraph.observations`.

        Without ``non_edges``, raises a ValueError also if x_iᵀx_j is the same for all pairs, or
        separates those with an edge from those without, so that the likelihood has no maximum.
        """
        x, pairs = super().observations(graph)
        if self.non_edges is not None:
            return x, pairs
        i, j = self.known[pairs].unbind(1)
        similarity = (i * j).sum(-1)
        if similarity.min() == similarity.max():
            raise ValueError(
                f"x_iᵀx_j is {similarity[0].item():g} for all pairs, so that slope and intercept "
                "cannot be told apart; expected known positions where it varies"
            )
        absent, present = similarity[x == 0], similarity[x == 1]
        if absent.max() <= present.min() or present.max() <= absent.min():
            raise ValueError(
                "graph is separable: all its edges lie on one side of a value of x_iᵀx_j, and all "
                "pairs without one on the other, so that the likelihood rises as slope and "
                "intercept run to infinity; expected some overlap"
            )
        return x, pairs


@checked
class LatentPositionGraph(PositionGraph):
    """Graph whose nodes have latent positions x_i ~ N(0, I), inferred variationally.

    The prior fixes the scale of the positions; rotations and reflections of them are equivalent
    (Hoff, Raftery and Handcock 2002, Latent space approaches to social network analysis, the
    projection model). The guide is a Gaussian for each coordinate, with parameters ``mean`` and
    ``log_scale``, ``(nodes, dimensions)``.

    Arguments other than the number of ``dimensions`` are those of :class:`PositionGraph`. If
    ``density`` is far from the data's, the first steps pull all positions to 0, and they do not
    recover; :meth:`from_graph` sets it.

    Examples
    --------
    >>> import ppgen
    >>> karate = nx.karate_club_graph()
    >>> program = LatentPositionGraph.from_graph(karate)
    >>> history = ppgen.fit(program, program.observations(karate), epochs=1, progress=False)
    >>> program.draw().number_of_nodes()
    34
    """

    def __init__(
        self,
        nodes: Annotated[int, Range(2)],
        dimensions: Size = 2,
        non_edges: NonEdges | None = None,
        controls: Size = 5,
        density: Between = 0.5,
    ) -> None:
        super().__init__(nodes, non_edges, controls, density)
        # A small scale at random means: with a large one the guide soon collapses to the prior.
        self.mean = nn.Parameter(0.5 * torch.randn(nodes, dimensions))
        self.log_scale = nn.Parameter(torch.full((nodes, dimensions), -3.0))

    @classmethod
    @checked
    def from_graph(
        cls, graph: nx.Graph | Tensor, dimensions: Size = 2, controls: Size | None = None
    ) -> Self:
        """Make a program with the number of nodes and the density of a graph.

        With ``controls`` it has the graph's ``non_edges``; if None, all pairs are data.
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
        """Draw positions from the Gaussian of each node."""
        with pyro.plate("nodes", self.nodes):
            return pyro.sample("positions", self.posterior().to_event(1))

    def posterior(self) -> dist.Normal:
        """Return the guide's distribution of positions, batch shape ``(nodes, dimensions)``."""
        return dist.Normal(self.mean, self.log_scale.exp())

    def fitted_positions(self) -> Tensor:
        """Draw positions from the guide."""
        return self.posterior().sample()
