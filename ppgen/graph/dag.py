"""Directed acyclic graphs of random variables, and the questions that one asks of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import networkx as nx

from ppgen.graph import (
    bif,
    causal,
    drawing,
    equivalence,
    explanation,
    factorisation,
    listing,
    program,
    separators,
    testing,
)
from ppgen.graph.building import Nodes, build, node_set
from ppgen.graph.errors import GraphError
from ppgen.graph.independence import Node, refuse_overlap
from ppgen.graph.separation import Separation, spread


class DAG:
    """A directed acyclic graph whose nodes are random variables, some of them perhaps latent.

    Parameters
    ----------
    source
        Text such as ``"S -> A; S -> R"`` (see :func:`ppgen.graph.parsing.parse`), pairs
        (parent, child), or a networkx graph, where a node with a true attribute ``latent`` is
        latent. A bidirected edge of the text, ``x <-> y``, stands for a latent common cause.
    latent
        Further nodes that are never observed.

    Attributes
    ----------
    graph
        A frozen ``networkx.DiGraph``, with the attribute ``latent`` on every node.
    order
        All nodes, parents before children.

    Raises
    ------
    GraphError
        Where the edges form a cycle, which is named, or the text does not parse.

    Notes
    -----
    Wherever nodes are asked for, one node or several may be given; text is one node.

    Examples
    --------
    >>> dag = DAG("S -> A; S -> R; AP -> R; R -> G")
    >>> dag.d_separated("AP", "S"), dag.d_separated("AP", "S", given="G")
    (True, False)
    >>> print(*dag.chain_rule_independencies(["AP", "S", "A", "R", "G"]), sep="; ")
    AP ⊥ S; A ⊥ AP | S; A ⊥ R | AP, S; G ⊥ A, AP, S | R
    """

    def __init__(
        self,
        source: str | nx.DiGraph | Iterable[tuple[Node, Node]],
        latent: Nodes = (),
    ) -> None:
        self.graph, self.order = build(source, latent)

    def __repr__(self) -> str:
        latent = f", {len(self.latent)} latent" if self.latent else ""
        return f"DAG({len(self.graph)} nodes, {self.graph.number_of_edges()} edges{latent})"

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, in the order in which they came."""
        return tuple(self.graph)

    @cached_property
    def latent(self) -> frozenset[Node]:
        """Nodes that are never observed."""
        return frozenset(n for n, latent in self.graph.nodes(data="latent") if latent)

    @cached_property
    def observed(self) -> tuple[Node, ...]:
        """Nodes that can be observed, in the order in which they came."""
        return tuple(node for node in self.graph if node not in self.latent)

    @cached_property
    def rank(self) -> dict[Node, int]:
        """Where each node stands in ``nodes``: what listings go by, to be the same every time."""
        return {node: i for i, node in enumerate(self.nodes)}

    @cached_property
    def separation(self) -> Separation:
        """The engine of all queries; it takes sets, and does not check them."""
        return Separation(self.graph)

    def node_set(self, nodes: Nodes, name: str = "nodes") -> frozenset[Node]:
        """Make a set of one node, or of several, and check that all are in the graph.

        Raises
        ------
        GraphError
            With ``name``, and the nearest name of a node.
        """
        return node_set(self.graph, nodes, name)

    def query(
        self, x: Nodes, y: Nodes, given: Nodes = ()
    ) -> tuple[frozenset[Node], frozenset[Node], frozenset[Node]]:
        """Make sets of the nodes of a question, and check them.

        Raises
        ------
        GraphError
            Where a node is unknown, x or y is empty, or the sets overlap.
        """
        first, second = self.node_set(x, "x"), self.node_set(y, "y")
        known = self.node_set(given, "given")
        for name, nodes in (("x", first), ("y", second)):
            if not nodes:
                raise GraphError(f"{name} is empty; expected one node or more")
        refuse_overlap(x=first, y=second, given=known)
        return first, second, known

    def in_order(self, nodes: Iterable[Node]) -> list[Node]:
        """Sort nodes as in ``nodes``."""
        return sorted(nodes, key=self.rank.__getitem__)

    def parents(self, node: Node) -> frozenset[Node]:
        """Nodes with an edge to ``node``."""
        return frozenset(p for n in self.node_set(node) for p in self.graph.pred[n])

    def children(self, node: Node) -> frozenset[Node]:
        """Nodes with an edge from ``node``."""
        return frozenset(c for n in self.node_set(node) for c in self.graph.succ[n])

    def ancestors(self, nodes: Nodes) -> frozenset[Node]:
        """Give the nodes themselves, and everything above them."""
        return spread(self.separation.parents, self.node_set(nodes))

    def descendants(self, nodes: Nodes) -> frozenset[Node]:
        """Give the nodes themselves, and everything below them."""
        return spread(self.separation.children, self.node_set(nodes))

    def d_separated(self, x: Nodes, y: Nodes, given: Nodes = ()) -> bool:
        """Whether the graph implies that x and y are independent given ``given``.

        With latent nodes, of which bidirected edges are short for one, this is m-separation.

        Raises
        ------
        GraphError
            Where a node is unknown, x or y is empty, or the sets overlap.

        Examples
        --------
        >>> DAG("a -> c <- b; c -> d").d_separated("a", "b", given="d")
        False
        """
        return not self.separation.connected(*self.query(x, y, given))

    def reachable(self, x: Nodes, given: Nodes = ()) -> frozenset[Node]:
        """Every node that depends on x given ``given``, x included; in linear time.

        Raises
        ------
        GraphError
            Where a node is unknown, or the sets overlap.

        Examples
        --------
        >>> sorted(DAG("a -> c <- b; c -> d").reachable("a", given="c"))
        ['a', 'b']
        """
        first, known = self.node_set(x, "x"), self.node_set(given, "given")
        refuse_overlap(x=first, given=known)
        return self.separation.reachable(first, known)

    # Questions with a file of their own; each is documented there, and takes this graph as ``dag``.
    explain = explanation.explain

    minimal_separator = separators.minimal_separator
    minimal_separators = separators.minimal_separators

    chain_rule_independencies = listing.chain_rule
    local_independencies = listing.local_markov
    pairwise_independencies = listing.pairwise
    basis_independencies = listing.basis
    implied_independencies = listing.implied
    independencies = listing.every

    factorisation = factorisation.factorisation

    markov_blanket = equivalence.markov_blanket
    moral = equivalence.moral
    v_structures = equivalence.v_structures
    cpdag = equivalence.cpdag
    equivalent = equivalence.equivalent

    do = causal.do
    backdoor_valid = causal.backdoor_valid
    backdoor_set = causal.backdoor_set

    test = testing.check_independencies
    draw = drawing.draw

    from_program = staticmethod(program.from_program)
    from_bif = staticmethod(bif.read_bif)
