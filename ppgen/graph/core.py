"""The base class of DAG: its construction, nodes, families and d-separation."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, TypeVar

import networkx as nx

from ppgen.arguments import checked
from ppgen.graph.formats import copied, names_file, parse
from ppgen.graph.nodes import GraphError, Independence, Node, Nodes, check_disjoint, node_sequence
from ppgen.graph.parsing import Bidirected
from ppgen.graph.separation import Separation, spread

NAMED = 20  # nodes of a cycle that an error message names


class BaseDAG:
    """:class:`ppgen.graph.DAG` without the methods that are defined in files of their own."""

    def __init__(
        self, source: str | nx.DiGraph | Iterable[tuple[Node, Node]], latent: Nodes = ()
    ) -> None:
        graph = _graph(source)
        extra = set(node_sequence(graph, latent, "latent"))
        for node, attributes in graph.nodes(data=True):
            attributes["latent"] = bool(attributes.get("latent")) or node in extra
        self.order = _order(graph)
        self.graph = nx.freeze(graph)

    def __repr__(self) -> str:
        latent = f", {len(self.latent)} latent" if self.latent else ""
        size = f"{len(self.graph)} nodes, {self.graph.number_of_edges()} edges{latent}"
        return f"{type(self).__name__}({size})"

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, in the order of the source."""
        return tuple(self.graph)

    @cached_property
    def latent(self) -> frozenset[Node]:
        """Nodes that are never observed."""
        return frozenset(self.marked("latent"))

    @cached_property
    def observed(self) -> tuple[Node, ...]:
        """Nodes that are not latent, in the order of the source."""
        return tuple(node for node in self.graph if node not in self.latent)

    @cached_property
    def visible(self) -> frozenset[Node]:
        """Set of the nodes that are not latent."""
        return frozenset(self.observed)

    @checked
    def marked(self, mark: str) -> list[Node]:
        """Nodes with a mark, such as ``"exposure"``, in the order of ``nodes``.

        Examples
        --------
        >>> BaseDAG("b [exposure]; a [exposure]; b -> c; a -> c").marked("exposure")
        ['b', 'a']
        """
        return [node for node, marked in self.graph.nodes(data=mark) if marked]

    @cached_property
    def rank(self) -> dict[Node, int]:
        """Position of each node in ``nodes``."""
        return {node: i for i, node in enumerate(self.nodes)}

    @cached_property
    def separation(self) -> Separation:
        """Engine of all queries. It takes sets of nodes, without checks."""
        return Separation(self.graph)

    def node_set(self, nodes: Nodes, name: str = "nodes") -> frozenset[Node]:
        """Set of one node or of several nodes; ``name`` is the argument that an error names."""
        return frozenset(node_sequence(self.graph, nodes, name))

    def query(self, x: Nodes, y: Nodes, given: Nodes = ()) -> Independence:
        """Statement that a query asks about, of nodes that are in the graph."""
        first, second = self.node_set(x, "x"), self.node_set(y, "y")
        return Independence(first, second, self.node_set(given, "given"))

    def in_order(self, nodes: Nodes) -> list[Node]:
        """Sort one node or several nodes as in ``nodes``."""
        return sorted(self.node_set(nodes), key=self.rank.__getitem__)

    def parents(self, node: Nodes) -> frozenset[Node]:
        """Nodes with an edge to ``node``."""
        return frozenset(p for n in self.node_set(node) for p in self.graph.pred[n])

    def children(self, node: Nodes) -> frozenset[Node]:
        """Nodes with an edge from ``node``."""
        return frozenset(c for n in self.node_set(node) for c in self.graph.succ[n])

    def ancestors(self, nodes: Nodes) -> frozenset[Node]:
        """Nodes with a directed path to ``nodes``, and ``nodes`` themselves."""
        return spread(self.separation.parents, self.node_set(nodes))

    def descendants(self, nodes: Nodes) -> frozenset[Node]:
        """Nodes with a directed path from ``nodes``, and ``nodes`` themselves."""
        return spread(self.separation.children, self.node_set(nodes))

    def d_separated(self, x: Nodes, y: Nodes, given: Nodes = ()) -> bool:
        """Whether the graph implies that x and y are independent given ``given``.

        With latent nodes, including those of bidirected edges, this is m-separation. The empty set
        is separated from every other one.

        Examples
        --------
        >>> BaseDAG("a -> c <- b; c -> d").d_separated("a", "b", given="d")
        False
        """
        first, second = self.node_set(x, "x"), self.node_set(y, "y")
        known = self.node_set(given, "given")
        check_disjoint(x=first, y=second, given=known)
        return not self.separation.connected(first, second, known)

    def reachable(self, x: Nodes, given: Nodes = ()) -> frozenset[Node]:
        """All nodes that are d-connected to x given ``given``, including x, in linear time.

        Examples
        --------
        >>> sorted(BaseDAG("a -> c <- b; c -> d").reachable("a", given="c"))
        ['a', 'b']
        """
        first, known = self.node_set(x, "x"), self.node_set(given, "given")
        check_disjoint(x=first, given=known)
        return self.separation.reachable(first, known)


AnyDAG = TypeVar("AnyDAG", bound=BaseDAG)


ROLES = {"latents": "latent", "exposures": "exposure", "outcomes": "outcome"}  # of pgmpy


def read(source: Any, name: str) -> tuple[nx.DiGraph, Bidirected]:
    """Graph, possibly cyclic, and its bidirected edges, from text or from pairs (parent, child)."""
    if isinstance(source, str):
        if names_file(source):
            raise GraphError(
                f"{name} is {source!r}, the name of a file; expected a graph, or "
                f"DAG.read({source!r})"
            )
        return parse(source)
    if not isinstance(source, Iterable):
        raise GraphError(f"{name} is {source!r}; expected text, pairs of nodes or a DiGraph")
    edges = list(source)
    for edge in edges:
        if not isinstance(edge, tuple | list) or len(edge) != 2:
            raise GraphError(f"{name} contains {edge!r}; expected pairs (parent, child)")
    graph = nx.DiGraph()
    try:
        graph.add_edges_from(edges)
    except (TypeError, ValueError) as error:  # unhashable, or None
        raise GraphError(f"{name} contains an invalid node: {error}; expected names") from None
    return graph, {}


def _graph(source: Any) -> nx.DiGraph:
    """Graph of a source of any kind, with a latent common cause for each bidirected edge."""
    if not isinstance(source, nx.Graph):
        return with_causes(*read(source, "source"))
    graph, bidirected = copied(source)
    for node in getattr(source, "latents", ()):  # of pgmpy
        graph.nodes[node]["latent"] = True
    for _, attributes in graph.nodes(data=True):
        attributes |= {ROLES.get(role, role): True for role in attributes.pop("roles", ())}
    return with_causes(graph, bidirected)


def cause_name(x: Node, y: Node) -> str:
    """Name of the latent common cause that stands for a bidirected edge."""
    return f"U({x}, {y})"


def with_causes(graph: nx.DiGraph, bidirected: Bidirected) -> nx.DiGraph:
    """Add a latent common cause to a graph for each bidirected edge."""
    # Each pair once, in whichever direction it was written.
    for x, y in {frozenset(pair): pair for pair in bidirected}.values():
        if x == y:
            raise GraphError(f"source has the edge {x} ↔ {x}; expected two different nodes")
        cause = cause_name(x, y)
        while cause in graph:
            cause += "'"
        graph.add_node(cause, **bidirected[x, y] | {"latent": True})
        graph.add_edges_from(((cause, x), (cause, y)))
    return graph


def _order(graph: nx.DiGraph) -> tuple[Node, ...]:
    order: list[Node] = []
    try:
        for generation in nx.topological_generations(graph):
            order += generation
    except nx.NetworkXUnfeasible:
        path = list(map(str, _cycle(graph, order)))
        if len(path) > NAMED:
            path[NAMED // 2 : -NAMED // 2] = [f"… {len(path) - NAMED} more …"]
        raise GraphError(
            f"the graph has the cycle {' → '.join(path)}; expected an acyclic graph"
        ) from None
    return tuple(order)


def _cycle(graph: nx.DiGraph, sorted_nodes: list[Node]) -> list[Node]:
    """Cycle from its first node back to it, after a topological sort that got so far."""
    done = set(sorted_nodes)
    node = next(node for node in graph if node not in done)
    path: dict[Node, None] = {}
    while node not in path:  # upwards: each of the others has a parent among them
        path[node] = None
        node = next(parent for parent in graph.pred[node] if parent not in done)
    upwards = list(path)
    cycle = upwards[upwards.index(node) :][::-1]
    members = set(cycle)
    first = cycle.index(next(node for node in graph if node in members))
    return [*cycle[first:], *cycle[:first], cycle[first]]
