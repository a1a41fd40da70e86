"""Front-door sets: mediators that identify an effect although cause and effect are confounded."""

from collections.abc import Iterator

from ppgen.graph.core import BaseDAG
from ppgen.graph.criteria import CausalExplanation, NoPath, Separated
from ppgen.graph.effect import Effect, without
from ppgen.graph.nodes import Nodes, NodeSet, join
from ppgen.graph.separators import search


def front_door_set(
    dag: BaseDAG, cause: Nodes = None, effect: Nodes = None, among: Nodes = None, must: Nodes = ()
) -> NodeSet | None:
    """Minimal front-door set with all nodes of ``must`` and some of ``among``; None without one.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> DAG("x -> m -> n -> y; x <-> y").front_door_set("x", "y")
    frozenset({'m'})
    >>> DAG("x -> m -> y; x <-> y; x <-> m").front_door_set("x", "y") is None
    True
    """
    front = _Front(_effect(dag, cause, effect), among, must)
    largest = front.largest(front.pool)
    if largest is None:
        return None
    # Nodes from the effect upwards are left out if a set exists without them. The property grows
    # with the nodes that are allowed, so each piece that cannot be left out is halved.
    kept = largest
    pieces = [[node for node in dag.order if node in largest - front.must]]
    while pieces:
        piece = pieces.pop()
        smaller = front.largest(kept.difference(piece))
        if smaller is not None:
            kept = smaller
        elif len(piece) > 1:
            pieces += [piece[: len(piece) // 2], piece[len(piece) // 2 :]]
    return kept


def front_door_sets(
    dag: BaseDAG, cause: Nodes = None, effect: Nodes = None, among: Nodes = None, must: Nodes = ()
) -> Iterator[NodeSet]:
    """All front-door sets, minimal or not, with polynomial time between two.

    (Jeong, Tian and Bareinboim 2022, Finding and listing front-door adjustment sets.)

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> [sorted(found) for found in DAG("x -> m -> n -> y; x <-> y").front_door_sets("x", "y")]
    [['n'], ['m'], ['m', 'n']]
    """
    front = _Front(_effect(dag, cause, effect), among, must)

    def exists(chosen: NodeSet, allowed: NodeSet) -> bool:
        found = front.largest(allowed | front.must)
        return found is not None and chosen <= found

    pool = [node for node in dag.observed if node in front.pool - front.must]
    return (found | front.must for found in search(pool, exists))


def explain_front_door(
    dag: BaseDAG, cause: Nodes = None, effect: Nodes = None, given: Nodes = None
) -> CausalExplanation:
    """Explain why ``given`` identifies the effect of ``cause`` by the front door, or why not.

    Every directed path from cause to effect must pass it, no back-door path from the cause to it be
    open, and the cause block all back-door paths from it to the effect (Pearl 2009, definition
    3.3.3). If ``given`` is None, a minimal set is explained or, if there is none, the largest set
    without open back-door paths, which leaves a directed path open.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(DAG("x -> m -> y; x <-> y").explain_front_door("x", "y"))
    m identifies the effect of x on y by the front door
      yes: every directed path from x to y passes m
      yes: no back-door path from x to m is open
        x ← U(x, y) → y ← m is blocked
          y: a collider, and neither it nor a descendant is known
      yes: x blocks all back-door paths from m to y
        m ← x ← U(x, y) → y is blocked
          x: a chain, and known
    """
    causal = _effect(dag, cause, effect)
    if given is not None:
        return _explanation(causal, causal.observed(given, "given"))
    found = front_door_set(dag, causal.cause, causal.effect)
    if found is not None:
        return _explanation(causal, found)
    front = _Front(causal, None, ())
    claim = f"No set of observed nodes identifies {causal} by the front door"
    return _explanation(causal, front.without_open_paths(front.pool), claim)


def _effect(dag: BaseDAG, cause: Nodes, effect: Nodes) -> Effect:
    return Effect(dag, cause, effect).unselected("a front-door set")


class _Front:
    """Front-door sets of an effect with the nodes ``must`` and others of ``pool``."""

    def __init__(self, causal: Effect, among: Nodes, must: Nodes) -> None:
        self.causal = causal
        self.must = causal.observed(must, "must")
        pool = causal.among(among) | self.must
        confounded = _without_arrows_out(causal.dag, causal.cause).reachable(causal.cause)
        self.pool = pool - confounded - causal.cause - causal.effect

    def largest(self, allowed: NodeSet) -> NodeSet | None:
        """Union of all front-door sets within ``allowed``, which is one itself; None without."""
        found = self.without_open_paths(allowed)
        causal = self.causal
        complete = NoPath("", causal.dag, causal.cause, causal.effect, found).holds
        return found if complete and found >= self.must else None

    def without_open_paths(self, allowed: NodeSet) -> NodeSet:
        """Largest set of ``allowed`` nodes whose back-door paths to the effect the cause blocks.

        Arrows out of a node that is left out are back in the graph, and open paths stay open.
        """
        causal, found = self.causal, allowed & self.pool
        while True:
            cut = _without_arrows_out(causal.dag, found)
            smaller = found - cut.separation.reachable(causal.effect, causal.cause)
            if smaller == found:
                return found
            found = smaller


def _without_arrows_out(dag: BaseDAG, nodes: NodeSet) -> BaseDAG:
    return without(dag, dag.graph.out_edges(nodes))


def _explanation(causal: Effect, given: NodeSet, otherwise: str = "") -> CausalExplanation:
    x, y, z = join(causal.cause), join(causal.effect), join(given) or "the empty set"
    to_set, from_set = (_without_arrows_out(causal.dag, n) for n in (causal.cause, given))
    paths = f"every directed path from {x} to {y} passes {z}"
    first = f"no back-door path from {x} to {z} is open"
    second = f"{x} blocks all back-door paths from {z} to {y}"
    conditions = (
        NoPath(paths, causal.dag, causal.cause, causal.effect, given),
        Separated(first, to_set, causal.cause, given),
        Separated(second, from_set, given, causal.effect, causal.cause),
    )
    names = join(given) or "The empty set"
    claims = (
        f"{names} identifies {causal} by the front door",
        otherwise or f"{names} does not identify {causal} by the front door",
    )
    return CausalExplanation(claims, given, conditions)
