"""Interventions, and sets of nodes to adjust for when the effect of an intervention is estimated.

Causes and effects that are not named are the nodes with the attributes ``exposure`` and
``outcome``; nodes with the attribute ``adjusted`` are then in every set. Data are taken to be given
the nodes with the attribute ``selected``, which decide what is in the sample.
"""

from collections.abc import Iterator

from ppgen.graph.core import AnyDAG, BaseDAG
from ppgen.graph.criteria import CausalExplanation, NoPath, Separated
from ppgen.graph.effect import Effect, without
from ppgen.graph.nodes import Nodes, NodeSet, join
from ppgen.graph.separators import minimal_separator, minimal_separators


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
    Robins 2010, On the validity of covariate adjustment for estimating causal effects). In a sample
    that is selected, it must hold given the selected nodes as well, and these must be independent
    of the effect without the causal paths (Correa, Tian and Bareinboim 2018, Generalized adjustment
    under confounding and selection biases).

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
) -> NodeSet | None:
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
    if needed & causal.forbidden or causal.biased:
        return None
    both = needed | causal.selected
    found = minimal_separator(causal.cut, causal.cause, causal.effect, pool, both, minimum=minimum)
    return None if found is None else found - causal.selected


def adjustment_sets(
    dag: BaseDAG, cause: Nodes = None, effect: Nodes = None, among: Nodes = None, must: Nodes = None
) -> Iterator[NodeSet]:
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
    if needed & causal.forbidden or causal.biased:
        return iter(())
    both = needed | causal.selected
    found = minimal_separators(causal.cut, causal.cause, causal.effect, pool, both)
    return (one - causal.selected for one in found)


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
    ends = causal.cause | causal.effect | needed | causal.selected
    widest = (pool & dag.ancestors(ends)) | needed
    adjusting = f"adjusting for every node that can help ({join(widest) or 'none'})"
    claim = f"No set of observed nodes identifies {causal} by adjustment"
    return _explanation(causal, widest, adjusting, claim)


def _explanation(
    causal: Effect, given: NodeSet, adjusting: str = "adjusting", otherwise: str = ""
) -> CausalExplanation:
    names, sides = join(given) or "nothing", f"{join(causal.cause)} to {join(causal.effect)}"
    claims = (
        f"Adjusting for {names} identifies {causal}",
        otherwise or f"Adjusting for {names} does not identify {causal}",
    )
    below = "no adjusted node is on a causal path or below one"
    chosen = f", given the selected {join(causal.selected)}" if causal.selected else ""
    blocked = f"{adjusting} blocks all other paths from {sides}{chosen}"
    free = f"without the causal paths, {join(causal.effect)} does not depend on the selection"
    conditions = (
        NoPath(below, causal.dag, causal.between, given),
        Separated(blocked, causal.cut, causal.cause, causal.effect, given | causal.selected),
        Separated(free, causal.cut, causal.effect, causal.selected),
    )
    return CausalExplanation(claims, given, conditions if causal.selected else conditions[:2])
