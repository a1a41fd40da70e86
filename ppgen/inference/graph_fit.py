"""Whether a graph looks like graphs that were drawn from a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import shortest_path

from ppgen.arguments import checked

FloatArray = NDArray[np.float64]


@checked
def statistics(graph: nx.Graph) -> dict[str, float]:
    """Numbers that say how a graph looks: degrees, clustering and path lengths.

    Examples
    --------
    >>> statistics(nx.path_graph(4))["mean path length"]
    1.6666666666666667
    """
    degrees = np.array([degree for _, degree in graph.degree])
    lengths = distances(graph)
    connected = np.isfinite(lengths)
    return {
        "mean degree": float(degrees.mean()),
        "standard deviation of degrees": float(degrees.std()),
        "largest degree": float(degrees.max()),
        "transitivity": nx.transitivity(graph),
        "average clustering": nx.average_clustering(graph),
        "mean path length": float(lengths[connected].mean()) if connected.any() else 0.0,
        "share of pairs without a path": float(1 - connected.mean()),
    }


def distances(graph: nx.Graph) -> FloatArray:
    """Distance of each pair of nodes i < j, infinite if there is no path, ``(pairs,)``."""
    matrix = shortest_path(nx.to_scipy_sparse_array(graph, weight=None), unweighted=True)
    return matrix[np.triu_indices(len(graph), k=1)]


@dataclass(frozen=True)
class GoodnessOfFit:
    """Statistics of a graph beside those of graphs drawn from a model.

    Attributes
    ----------
    observed
        Value of each statistic.
    drawn
        Its values in the drawn graphs, ``(graphs,)``.
    p_values
        Two-sided Monte Carlo p-values: small if the drawn graphs seldom have a value as large,
        or as small, as the observed one. With n graphs they are 2 / (n + 1) or more.

    Examples
    --------
    >>> drawn = [nx.gnm_random_graph(34, 78, seed=seed) for seed in range(99)]
    >>> fit = goodness_of_fit(nx.karate_club_graph(), drawn)
    >>> round(fit.observed["mean degree"], 2)
    4.59
    """

    observed: dict[str, float]
    drawn: dict[str, FloatArray]
    p_values: dict[str, float]


@checked
def goodness_of_fit(observed: nx.Graph, drawn: Sequence[nx.Graph]) -> GoodnessOfFit:
    """Compare a graph with graphs drawn from a model; raises a ValueError if there are none.

    By the statistics of :func:`ppgen.inference.graph_fit.statistics`, to none of which the model
    was fitted, but for the mean degree if it has an intercept (Hunter, Goodreau and Handcock 2008,
    Goodness of fit of social network models).

    Examples
    --------
    >>> drawn = [nx.gnm_random_graph(34, 78, seed=seed) for seed in range(99)]
    >>> fit = goodness_of_fit(nx.karate_club_graph(), drawn)
    >>> fit.p_values["largest degree"], fit.p_values["mean degree"]
    (0.02, 1.0)
    """
    if not drawn:
        raise ValueError("drawn holds no graph; expected one or more")
    here = statistics(observed)
    rows = [statistics(graph) for graph in drawn]
    there = {name: np.array([row[name] for row in rows]) for name in here}
    p_values = {name: _p_value(value, there[name]) for name, value in here.items()}
    return GoodnessOfFit(here, there, p_values)


def _p_value(observed: float, drawn: FloatArray) -> float:
    """Twice the smaller tail, with the observed value counted among the drawn."""
    tail = min((drawn >= observed).sum(), (drawn <= observed).sum())
    return min(1.0, 2 * float(tail + 1) / (len(drawn) + 1))
