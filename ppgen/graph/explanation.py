"""Why two nodes depend on each other, or why they do not."""

from __future__ import annotations

from dataclasses import dataclass

from ppgen.graph.building import Nodes
from ppgen.graph.core import BaseDAG
from ppgen.graph.errors import GraphError
from ppgen.graph.independence import Independence, join
from ppgen.graph.trails import Descents, Trail, follow, open_trail, shortest_trails


@dataclass(frozen=True)
class Explanation:
    """The answer to a question of d-separation, with its reasons; ``print`` it to read them.

    Attributes
    ----------
    query
        The statement that was asked about.
    separated
        Whether the graph implies it.
    trails
        For dependent nodes one open trail, a shortest; for separated ones the trails between them,
        shortest first, each of them blocked.
    complete
        Whether ``trails`` are all trails between separated nodes.
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
            lines += [f"    {passage}" for passage in trail.passages]
            return "\n".join(lines)
        if not self.trails and self.complete:
            return f"{self.query}\n  no trail joins them"
        lines = [str(self.query)]
        for trail in self.trails:
            lines += [f"  {trail} is blocked", f"    {trail.block}"]
        if not self.complete:
            shown = f"the {len(self.trails)} shortest" if self.trails else "none"
            lines.append(f"  … of the trails, {shown} shown; all are blocked")
        return "\n".join(lines)


def explain(dag: BaseDAG, x: Nodes, y: Nodes, given: Nodes = (), *, limit: int = 20) -> Explanation:
    """Say why x and y depend on each other given ``given``, or why they do not.

    Parameters
    ----------
    x, y, given
        Nodes, or sets of them.
    limit
        How many blocked trails to list at most; of trails there may be exponentially many. An open
        one is found in linear time.

    Raises
    ------
    GraphError
        Where a node is unknown, x or y is empty, the sets overlap, or ``limit`` is negative.

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
    descents = Descents(dag, known)
    found = open_trail(dag, first, second, descents)
    if found is not None:
        return Explanation(query, False, (follow(dag, found, descents),), True)
    paths, complete = shortest_trails(dag, first, second, limit)
    return Explanation(query, True, tuple(follow(dag, p, descents) for p in paths), complete)
