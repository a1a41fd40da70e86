"""Interventions, and sets of nodes to adjust for when the effect of an intervention is estimated.

Causes and effects that are not named are the nodes with the attributes ``exposure`` and
``outcome``; nodes with the attribute ``adjusted`` are then in every set.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property

import networkx as nx

from ppgen.graph.core import AnyDAG, BaseDAG
from ppgen.graph.criteria import CausalExplanation, NoPath, Separated
from ppgen.graph.nodes import GraphError, Node, Nodes, check_disjoint, join
from ppgen.graph.separation import spread
from ppgen.graph.separators import minimal_separator, minimal_separators

Set = frozenset[Node]


def do(dag: AnyDAG, x: Nodes) -> AnyDAG:
    """Graph of the intervention do(x): without the edges into x (Pearl 2009, section 3.2.3).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("u -> x; u -> y")
    >>> dag.d_separated("x", "y"), dag.do("x").d_separated("x", "y")
    (False, True)
    """
    return without(dag, dag.graph.in_edges(dag.node_set(x, "x")))


def is_adjustment_set(
    dag: BaseDAG, cause: Nodes = None, effect: Nodes = None, given: Nodes = None
) -> bool:
    """Whether adjusting for ``given`` identifies the effect of ``cause`` on ``effect``.

    No node of ``given`` may be on a proper causal path or below one, and ``given`` must block all
    other proper paths, those on which only the first node is a cause. This adjustment criterion is
    complete: if it fails, adjusting is wrong in some model of the graph (Shpitser, VanderWeele and
    Robins 2010, On the validity of covariate adjustment for estimating causal effects).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("u -> x -> m -> y; u -> y; x -> w")
    >>> [dag.is_adjustment_set("x", "y", given) for given in ([], ["u", "w"], ["u", "m"])]
    [False, True, False]
    """
    causal = Effect(dag, cause, effect)
    return _explanation(causal, causal.observed(given, "given", "adjusted")).valid


def adjustment_set(
    dag: BaseDAG,
    cause: Nodes = None,
    effect: Nodes = None,
    among: Nodes = None,
    must: Nodes = None,
    *,
    minimum: bool = False,
) -> Set | None:
    """Minimal set of nodes to adjust for, or None if there is none.

    It contains ``must``, by default the nodes that are marked ``adjusted``, and nodes of ``among``,
    by default all observed ones, of which none can be left out. With ``minimum``, no other set is
    smaller. The default of ``cause`` is the nodes that are marked ``exposure``, and of ``effect``
    those that are marked ``outcome``.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("a -> u -> x -> y; a -> y")
    >>> dag.adjustment_set("x", "y"), dag.adjustment_set("x", "y", among="a")
    (frozenset({'u'}), frozenset({'a'}))
    >>> DAG("x -> y; x <-> y").adjustment_set("x", "y") is None
    True
    """
    causal = Effect(dag, cause, effect)
    pool, needed = causal.choice(among, must)
    if needed & causal.forbidden:
        return None
    return minimal_separator(causal.cut, causal.cause, causal.effect, pool, needed, minimum=minimum)


def adjustment_sets(
    dag: BaseDAG, cause: Nodes = None, effect: Nodes = None, among: Nodes = None, must: Nodes = None
) -> Iterator[Set]:
    """All minimal sets of nodes to adjust for, with polynomial time between two.

    They are the minimal separators in the graph without the first edges of all proper causal paths
    (van der Zander, Liśkiewicz and Textor 2019, Separators and adjustment sets in causal graphs).

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> [set(found) for found in DAG("a -> u -> x -> y; a -> y").adjustment_sets("x", "y")]
    [{'u'}, {'a'}]
    """
    causal = Effect(dag, cause, effect)
    pool, needed = causal.choice(among, must)
    if needed & causal.forbidden:
        return iter(())
    return minimal_separators(causal.cut, causal.cause, causal.effect, pool, needed)


def explain_adjustment(
    dag: BaseDAG, cause: Nodes = None, effect: Nodes = None, given: Nodes = None
) -> CausalExplanation:
    """Explain why ``given`` is a valid set to adjust for, or why not.

    If ``given`` is None, a minimal set is explained or, if there is none, the reason for that.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> print(DAG("u -> x -> m -> y; u -> y").explain_adjustment("x", "y"))
    Adjusting for u identifies the effect of x on y
      yes: no adjusted node is on a causal path or below one
      yes: adjusting blocks all other paths from x to y
        x ← u → y is blocked
          u: a fork, and known
    >>> print(DAG("x -> y; x <-> y").explain_adjustment("x", "y"))
    No set of observed nodes identifies the effect of x on y by adjustment
      yes: no adjusted node is on a causal path or below one
      no: adjusting for every node that can help (none) blocks all other paths from x to y
        x ← U(x, y) → y is open
          U(x, y): a fork, not known
    """
    causal = Effect(dag, cause, effect)
    if given is not None:
        return _explanation(causal, causal.observed(given, "given"))
    found = adjustment_set(dag, causal.cause, causal.effect)
    if found is not None:
        return _explanation(causal, found)
    pool, needed = causal.choice(None, None)
    widest = (pool & dag.ancestors(causal.cause | causal.effect | needed)) | needed
    adjusting = f"adjusting for every node that can help ({join(widest) or 'none'})"
    claim = f"No set of observed nodes identifies {causal} by adjustment"
    return _explanation(causal, widest, adjusting, claim)


def _explanation(
    causal: "Effect", given: Set, adjusting: str = "adjusting", otherwise: str = ""
) -> CausalExplanation:
    names, sides = join(given) or "nothing", f"{join(causal.cause)} to {join(causal.effect)}"
    claims = (
        f"Adjusting for {names} identifies {causal}",
        otherwise or f"Adjusting for {names} does not identify {causal}",
    )
    below = "no adjusted node is on a causal path or below one"
    blocked = f"{adjusting} blocks all other paths from {sides}"
    conditions = (
        NoPath(below, causal.dag, causal.between, given),
        Separated(blocked, causal.cut, causal.cause, causal.effect, given),
    )
    return CausalExplanation(claims, given, conditions)


class Effect:
    """Effect of one set of nodes on another: its proper causal paths, and the graph without them.

    Attributes
    ----------
    between
        Nodes of the proper causal paths, without those of ``cause``.
    forbidden
        Descendants of ``between``: knowing them changes the effect.
    """

    def __init__(self, dag: BaseDAG, cause: Nodes, effect: Nodes) -> None:
        self.dag = dag
        self.cause = marked(dag, cause, "cause", "exposure")
        self.effect = marked(dag, effect, "effect", "outcome")
        if not self.cause:
            raise GraphError("cause is empty; expected nodes, here or marked [exposure]")
        if not self.effect:
            raise GraphError("effect is empty; expected nodes, here or marked [outcome]")
        check_disjoint(cause=self.cause, effect=self.effect)
        above = spread(dag.separation.parents, self.effect, walls=self.cause)
        self.between = (above & dag.descendants(self.cause)) - self.cause
        self.forbidden = dag.descendants(self.between)

    def __str__(self) -> str:
        return f"the effect of {join(self.cause)} on {join(self.effect)}"

    @cached_property
    def cut(self) -> BaseDAG:
        """Graph without the first edges of all proper causal paths."""
        return without(
            self.dag,
            ((a, b) for a in self.cause for b in self.dag.graph.succ[a] if b in self.between),
        )

    def observed(self, nodes: Nodes, name: str, attribute: str = "") -> Set:
        """Set of observed nodes other than causes and effects, by default marked ones."""
        chosen = _observed(self.dag, marked(self.dag, nodes, name, attribute), name)
        check_disjoint(**{"cause": self.cause, "effect": self.effect, name: chosen})
        return chosen

    def among(self, nodes: Nodes) -> Set:
        """Set of observed nodes, by default all."""
        chosen = self.dag.visible if nodes is None else self.dag.node_set(nodes, "among")
        return _observed(self.dag, chosen, "among")

    def choice(self, among: Nodes, must: Nodes) -> tuple[Set, Set]:
        """Nodes that a set to adjust for can contain, and nodes that it has to contain."""
        pool = self.among(among) - self.forbidden - self.cause - self.effect
        return pool, self.observed(must, "must", "adjusted")


def marked(dag: BaseDAG, nodes: Nodes, name: str, attribute: str) -> Set:
    """Set of nodes; if ``nodes`` is None, those with a true attribute."""
    if nodes is not None:
        return dag.node_set(nodes, name)
    return frozenset(n for n, true in dag.graph.nodes(data=attribute) if true)


def _observed(dag: BaseDAG, nodes: Set, name: str) -> Set:
    if latent := nodes & dag.latent:
        raise GraphError(f"{name} contains latent nodes, {join(latent)}; expected observed nodes")
    return nodes


def without(dag: AnyDAG, edges: Iterable[tuple[Node, Node]]) -> AnyDAG:
    """Graph without some edges."""
    graph = nx.DiGraph(dag.graph)
    graph.remove_edges_from(list(edges))
    return type(dag)(graph)
