"""Instruments for the effect of one node on another, if all dependences are linear."""

from collections.abc import Iterator
from dataclasses import dataclass

from ppgen.graph.core import BaseDAG
from ppgen.graph.criteria import CausalExplanation, NoPath, Separated
from ppgen.graph.effect import Effect
from ppgen.graph.nodes import GraphError, Node, Nodes, NodeSet, join
from ppgen.graph.separators import minimal_separator


@dataclass(frozen=True)
class Instrument:
    """An instrument, which is valid if the nodes ``given`` are conditioned on.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> (instrument,) = DAG("z -> x -> y; x <-> y").instruments("x", "y")
    >>> instrument.node, instrument.given
    ('z', frozenset())
    """

    node: Node
    given: NodeSet

    def __str__(self) -> str:
        return f"{self.node} | {join(self.given)}" if self.given else f"{self.node}"


def instruments(
    dag: BaseDAG, cause: Nodes = None, effect: Nodes = None, among: Nodes = None, must: Nodes = ()
) -> Iterator[Instrument]:
    """Instruments for the effect of ``cause`` on ``effect``, each with nodes to condition on.

    These are a minimal set of ``must`` and nodes of ``among``, by default all observed ones, that
    are ancestors of the instrument or the effect. If there is any conditional instrument, there is
    one with such a set (van der Zander, Textor and Liśkiewicz 2015, Efficiently finding conditional
    instruments for causal inference).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(*DAG("w -> z -> x -> y; w -> y; x <-> y; v -> x").instruments("x", "y"), sep="; ")
    z | w; v
    """
    causal = _single(dag, cause, effect)
    pool, needed = causal.choice(among, must)
    nodes = (n for n in dag.observed if n not in causal.cause | causal.effect | needed)
    found = ((node, _nearest(causal, node, pool, needed)) for node in nodes)
    return (
        Instrument(node, known)
        for node, known in found
        if known is not None and _explanation(causal, node, known).valid
    )


def explain_instrument(
    dag: BaseDAG, node: Node, cause: Nodes = None, effect: Nodes = None, given: Nodes = None
) -> CausalExplanation:
    """Explain why ``node`` is an instrument for ``cause`` and ``effect``, or why not.

    It depends on the cause, and without the causal paths from cause to effect it is independent of
    the effect, both given ``given``, which has no node on a causal path or below one (Pearl 2009,
    section 7.4.5). In a linear model the effect is then cov(node, effect | given) / cov(node, cause
    | given). If ``given`` is None, it is the set that :func:`instruments` finds or, if there is
    none, all nodes that could be in such a set.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(DAG("z -> x -> y; x <-> y").explain_instrument("z", "x", "y"))
    z is an instrument for the effect of x on y
      yes: no node that is conditioned on is on a causal path or below one
      yes: z and x depend on each other
        z → x is open
      yes: without the causal paths, z and y are independent
        z → x ← U(x, y) → y is blocked
          x: a collider, and neither it nor a descendant is known
    """
    causal = _single(dag, cause, effect)
    known, chosen = causal.observed(given or (), "given"), causal.observed(node, "node")
    if len(chosen) != 1 or chosen <= known:
        raise GraphError(f"node is {node!r}; expected one node that is not in given")
    (node,) = chosen
    if given is None:
        pool, needed = causal.choice(None, ())
        found = _nearest(causal, node, pool, needed)
        above = causal.cut.ancestors(chosen | causal.effect)
        known = (pool & above) - chosen if found is None else found
    return _explanation(causal, node, known)


def _nearest(causal: Effect, node: Node, pool: NodeSet, must: NodeSet) -> NodeSet | None:
    """Separator of node and effect nearest to the effect.

    If it also separates the node from the cause, every other one does so as well.
    """
    return minimal_separator(causal.cut, causal.effect, {node}, pool - {node}, must)


def _single(dag: BaseDAG, cause: Nodes, effect: Nodes) -> Effect:
    causal = Effect(dag, cause, effect).unselected("an instrument")
    for name, nodes in (("cause", causal.cause), ("effect", causal.effect)):
        if len(nodes) != 1:
            raise GraphError(f"{name} is {join(nodes)}; expected one node, for an instrument")
    return causal


def _explanation(causal: Effect, node: Node, given: NodeSet) -> CausalExplanation:
    x, y, known = join(causal.cause), join(causal.effect), f" given {join(given)}" if given else ""
    below = "no node that is conditioned on is on a causal path or below one"
    relevant = f"{node} and {x} depend on each other{known}"
    excluded = f"without the causal paths, {node} and {y} are independent{known}"
    alone = frozenset((node,))
    conditions = (
        NoPath(below, causal.dag, causal.between, given),
        Separated(relevant, causal.dag, alone, causal.cause, given, wanted=False),
        Separated(excluded, causal.cut, alone, causal.effect, given),
    )
    claims = (
        f"{node} is an instrument for {causal}{known}",
        f"{node} is not an instrument for {causal}{known}",
    )
    return CausalExplanation(claims, given, conditions)
