"""Check whether conditional tables multiply to a joint distribution; on a cycle they may not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import networkx as nx
import numpy as np

from ppgen.arguments import Count, checked
from ppgen.graph.core import BaseDAG, read
from ppgen.graph.nodes import GraphError, Node
from ppgen.kinds import suggestion


@dataclass(frozen=True)
class JointCheck:
    """Sum ``total`` of a product of conditional tables over all joint ``states``.

    ``cycle`` has the nodes of a directed cycle of the graph, if there is one.
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


@checked
def check_joint(
    graph: Any,
    tables: Mapping[Node, Any],
    parents: Mapping[Node, Iterable[Node]] | None = None,
    limit: Count = 10_000_000,
) -> JointCheck:
    """Multiply conditional tables p(node | parents) and sum over all joint states.

    On a DAG the sum is always one. With a directed cycle it can be any number from 0 to the number
    of states: a product of conditionals is then no joint distribution in general.

    Parameters
    ----------
    graph
        A :class:`~ppgen.graph.DAG`, or a directed graph that can have cycles: networkx, text, or
        pairs (parent, child).
    tables
        Arrays of shape ``(states of each parent, ..., states of the node)`` that sum to one over
        the last axis; one for each node.
    parents
        For a node, the order of its parents along the axes of its table. By default the order of
        the text or the pairs; for networkx graphs and DAGs that of ``predecessors(node)``.
    limit
        Maximum number of joint states.

    Raises
    ------
    GraphError
        If the graph is invalid, a table is missing, has the wrong shape or does not sum to one, or
        there are more than ``limit`` states.

    Examples
    --------
    >>> copy = [[1, 0], [0, 1]]
    >>> print(check_joint("A -> B -> C -> A", {"A": copy, "B": copy, "C": copy}))
    the product over 8 states sums to 2: not a distribution; the graph has the cycle A → B → C → A
    """
    graph = _directed(graph)
    for node in tables:
        if node not in graph:
            hint = suggestion(node, graph)
            raise GraphError(f"tables contains {node!r}, which is not a node of the graph{hint}")
    order = {node: tuple(graph.predecessors(node)) for node in graph}
    for node, chosen in (parents or {}).items():
        chosen = tuple(chosen)
        if node not in graph or sorted(map(str, chosen)) != sorted(map(str, order[node])):
            raise GraphError(
                f"parents of {node!r} are {chosen}; expected an order of {order.get(node, ())}"
            )
        order[node] = chosen
    arrays = {node: _table(node, tables) for node in graph}
    sizes = {node: (array.shape or (1,))[-1] for node, array in arrays.items()}
    for node, array in arrays.items():
        expected = tuple(sizes[n] for n in (*order[node], node))
        if array.shape != expected:
            family = ", ".join(map(str, (*order[node], node)))
            raise GraphError(
                f"tables[{node!r}] has shape {array.shape}; expected {expected}, the numbers of "
                f"states of ({family})"
            )
    states = prod(sizes.values())
    if states > limit:
        raise GraphError(f"the tables have {states} joint states; expected at most {limit}")
    # Einsum allows 52 axes. A node with one state needs none, and its table is all ones.
    axis = {node: i for i, node in enumerate(n for n, size in sizes.items() if size > 1)}
    operands: list[Any] = []
    for node in axis:
        axes = [axis[n] for n in (*order[node], node) if n in axis]
        operands += [arrays[node].squeeze(), axes]
    total = float(np.einsum(*operands, [], optimize="greedy")) if operands else 1.0
    return JointCheck(total, states, _cycle(graph))


def _directed(graph: Any) -> nx.DiGraph:
    if isinstance(graph, BaseDAG):
        return graph.graph
    if isinstance(graph, nx.DiGraph):
        return graph  # not a copy: that would reorder the parents
    if isinstance(graph, nx.Graph):
        raise GraphError("graph is undirected; expected a directed graph")
    directed, bidirected = read(graph, "graph")
    for x, y in bidirected:
        raise GraphError(f"the graph has the edge {x} <-> {y}; expected only directed edges")
    return directed


def _table(node: Node, tables: Mapping[Node, Any]) -> np.ndarray:
    if node not in tables:
        raise GraphError(f"tables has no entry for {node!r}; expected one for each node")
    array = np.asarray(tables[node], dtype=float)
    if not (array >= 0).all():
        raise GraphError(f"tables[{node!r}] contains {array.min():g}; expected probabilities")
    sums = np.atleast_1d(array).sum(-1)
    off = np.abs(sums - 1)
    if off.size and off.max() > 1e-6:
        index = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
        where = f" at the parents' states {index}" if index else ""
        raise GraphError(f"tables[{node!r}] sums to {sums[index]:g}{where}; expected 1")
    return array


def _cycle(graph: nx.DiGraph) -> tuple[Node, ...]:
    try:
        return tuple(edge[0] for edge in nx.find_cycle(graph))
    except nx.NetworkXNoCycle:
        return ()
