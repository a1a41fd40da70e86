"""Explanations of d-separation: why two sets of nodes depend on each other, or do not."""

from __future__ import annotations

from dataclasses import dataclass

from ppgen.graph.core import BaseDAG
from ppgen.graph.independence import Independence
from ppgen.graph.nodes import GraphError, Nodes, join
from ppgen.graph.trails import Trail, descents, follow, open_trail, shortest_trails


@dataclass(frozen=True)
class Explanation:
    """Answer to a d-separation query with its reasons; ``print`` shows them.

    Attributes
    ----------
    query
        The statement in question.
    separated
        Whether the graph implies it.
    trails
        A shortest open trail if the nodes are d-connected. Otherwise the trails between them,
        shortest first, all of them blocked.
    complete
        Whether ``trails`` are all trails between d-separated nodes.
    """

    query: Independence
    separated: bool
    trails: tuple[Trail, ...]
    complete: bool

    def __str__(self) -> str:
        if not self.separated:
            (trail,) = self.trails
            first, second = self.query.sides
            given = f" given {join(self.query.given)}" if self.query.given else ""
            lines = [f"{first} and {second} depend on each other{given}", f"  {trail} is open"]
            return "\n".join([*lines, *(f"    {passage}" for passage in trail.passages)])
        lines = [str(self.query)]
        for trail in self.trails:
            lines += [f"  {trail} is blocked", f"    {trail.block}"]
        if not self.complete:
            shown = f"only the {len(self.trails)} shortest trails" if self.trails else "no trails"
            lines.append(f"  … {shown} shown; all trails are blocked")
        elif not self.trails:
            lines.append("  no trail joins them")
        return "\n".join(lines)


def explain(dag: BaseDAG, x: Nodes, y: Nodes, given: Nodes = (), *, limit: int = 20) -> Explanation:
    """Explain why x and y are d-connected or d-separated given ``given``.

    Parameters
    ----------
    x, y, given
        Nodes, or sets of nodes.
    limit
        Maximum number of blocked trails to list; there can be exponentially many. An open trail is
        found in linear time.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("S -> A; S -> R; AP -> R; R -> G")
    >>> print(dag.explain("A", "AP", given="G"))
    A and AP depend on each other given G
      A ← S → R ← AP is open
        S: a fork, not known
        R: a collider, and its descendant G is known (R → G)
    >>> print(dag.explain("A", "AP", given=["S", "G"]))
    A ⊥ AP | G, S
      A ← S → R ← AP is blocked
        S: a fork, and known
    """
    if limit < 0:
        raise GraphError(f"limit is {limit}; expected 0 or more")
    first, second, known = dag.query(x, y, given)
    query = Independence(first, second, known)
    below = descents(dag, known)
    found = open_trail(dag, first, second, known, below)
    if found is not None:
        return Explanation(query, False, (follow(dag, found, known, below),), True)
    paths, complete = shortest_trails(dag, first, second, limit)
    return Explanation(query, True, tuple(follow(dag, p, known, below) for p in paths), complete)
