"""Whether conditional tables multiply to a joint distribution: on a cycle they need not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import networkx as nx
import numpy as np

from ppgen.graph.building import from_pairs
from ppgen.graph.dag import DAG
from ppgen.graph.errors import GraphError
from ppgen.graph.independence import Node
from ppgen.graph.parsing import parse


@dataclass(frozen=True)
class JointCheck:
    """The product of conditional tables, summed over all states.

    Parameters
    ----------
    total
        The sum; 1 for a distribution.
    states
        Number of joint states summed over.
    cycle
        Nodes of a directed cycle; empty where there is none.
    """

    total: float
    states: int
    cycle: tuple[Node, ...] = ()

    @property
    def proper(self) -> bool:
        """Whether the product is a distribution: it sums to one."""
        return abs(self.total - 1) < 1e-6

    def __str__(self) -> str:
        verdict = "a distribution" if self.proper else "not a distribution"
        path = " → ".join(map(str, [*self.cycle, *self.cycle[:1]]))
        shape = f"the graph has the cycle {path}" if path else "the graph has no cycle"
        return f"the product over {self.states} states sums to {self.total:.6g}: {verdict}; {shape}"


def check_joint(
    graph: DAG | nx.DiGraph | str | Iterable[tuple[Node, Node]],
    tables: Mapping[Node, Any],
    parents: Mapping[Node, Iterable[Node]] | None = None,
    limit: int = 10_000_000,
) -> JointCheck:
    """Multiply the conditional tables p(node | parents) and sum over all joint states.

    On a DAG the sum is one whatever the tables. On a directed cycle it can be anything between 0
    and the number of states, so that a product of conditionals defines no joint distribution.

    Parameters
    ----------
    graph
        A :class:`~ppgen.graph.DAG`, or a directed graph that may have cycles: networkx, text, or
        pairs (parent, child).
    tables
        For each node an array with an axis a parent and a last axis for the node itself; it sums
        to one over the last.
    parents
        For a node, the order of the parents along the axes of its table. By default that in which
        text or pairs name them, of networkx ``graph.predecessors(node)``, and of a DAG
        ``dag.graph.predecessors(node)``.
    limit
        Joint states allowed.

    Raises
    ------
    GraphError
        Where the graph is none of these, a table is missing, has the wrong shape or does not sum to
        one, or there are too many states.

    Examples
    --------
    >>> copy = [[1, 0], [0, 1]]
    >>> print(check_joint("A -> B -> C -> A", {"A": copy, "B": copy, "C": copy}))
    the product over 8 states sums to 2: not a distribution; the graph has the cycle A → B → C → A
    """
    graph = _directed(graph)
    for node in tables:
        if node not in graph:
            raise GraphError(f"tables names {node!r}, which is no node of the graph")
    order = {node: tuple(graph.predecessors(node)) for node in graph}
    for node, given in (parents or {}).items():
        given = tuple(given)
        if node not in graph or sorted(map(str, given)) != sorted(map(str, order[node])):
            raise GraphError(
                f"parents of {node!r} are given as {given}; expected an order of "
                f"{order.get(node, ())}"
            )
        order[node] = given
    arrays = {node: _table(node, tables, order[node]) for node in graph}
    sizes = {node: array.shape[-1] for node, array in arrays.items()}
    for node, array in arrays.items():
        expected = tuple(sizes[n] for n in (*order[node], node))
        if array.shape != expected:
            axes = ", ".join(map(str, (*order[node], node)))
            raise GraphError(
                f"tables[{node!r}] has the shape {array.shape}; expected {expected}, the numbers "
                f"of states of ({axes})"
            )
    states = prod(sizes.values())
    if states > limit:
        raise GraphError(f"the tables have {states} joint states; expected at most {limit}")
    return JointCheck(_sum(arrays, order, sizes), states, _cycle(graph))


def _directed(graph: Any) -> nx.DiGraph:
    if isinstance(graph, DAG):
        return graph.graph
    if isinstance(graph, str):
        parsed = parse(graph)
        if parsed.bidirected:
            x, y = parsed.bidirected[0]
            raise GraphError(f"the graph has the edge {x} <-> {y}; expected directed edges alone")
        graph = nx.DiGraph(parsed.edges)
        graph.add_nodes_from(parsed.nodes)
        return graph
    if isinstance(graph, nx.DiGraph):
        return graph  # a copy would reorder the parents
    if isinstance(graph, nx.Graph):
        raise GraphError("graph is undirected; expected a directed one")
    return from_pairs(graph, "graph")


def _table(node: Node, tables: Mapping[Node, Any], parents: tuple[Node, ...]) -> np.ndarray:
    if node not in tables:
        raise GraphError(f"tables has no entry for {node!r}; expected one a node")
    array = np.asarray(tables[node], dtype=float)
    if array.ndim != len(parents) + 1:
        axes = ", ".join(map(str, (*parents, node)))
        raise GraphError(
            f"tables[{node!r}] has {array.ndim} axes; expected {len(parents) + 1}, ({axes})"
        )
    if not (array >= 0).all():
        raise GraphError(f"tables[{node!r}] holds {array.min():g}; expected probabilities")
    sums = array.sum(-1)
    off = np.abs(sums - 1)
    if off.size and off.max() > 1e-6:
        index = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
        where = f" at the parents' states {index}" if index else ""
        raise GraphError(f"tables[{node!r}] sums to {sums[index]:g}{where}; expected 1")
    return array


def _sum(
    arrays: Mapping[Node, np.ndarray],
    order: Mapping[Node, tuple[Node, ...]],
    sizes: Mapping[Node, int],
) -> float:
    # Einsum has room for 52 axes; a node of one state needs none, and its table is all ones.
    axis = {node: i for i, node in enumerate(n for n, size in sizes.items() if size > 1)}
    operands: list[Any] = []
    for node in axis:
        axes = [axis[n] for n in (*order[node], node) if n in axis]
        operands += [arrays[node].squeeze(), axes]
    return float(np.einsum(*operands, [], optimize="greedy")) if operands else 1.0


def _cycle(graph: nx.DiGraph) -> tuple[Node, ...]:
    try:
        return tuple(edge[0] for edge in nx.find_cycle(graph))
    except nx.NetworkXNoCycle:
        return ()
