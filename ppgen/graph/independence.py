"""Statements of conditional independence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ppgen.graph.nodes import Node, check_sides, join


@dataclass(frozen=True, eq=False)
class Independence:
    """Conditional independence x ⊥ y | given of three disjoint sets of nodes.

    Two statements are equal if they say the same: x and y can be swapped. A string is one node,
    other iterables are sets of nodes.

    Raises
    ------
    GraphError
        If x or y is empty, or if two of the sets share a node.

    Examples
    --------
    >>> statement = Independence("S", "AP", ["R"])
    >>> print(statement)
    AP ⊥ S | R
    >>> statement == Independence({"AP"}, {"S"}, {"R"})
    True
    """

    x: frozenset[Node]
    y: frozenset[Node]
    given: frozenset[Node] = frozenset()

    def __init__(self, x: Iterable[Node], y: Iterable[Node], given: Iterable[Node] = ()) -> None:
        for name, nodes in (("x", x), ("y", y), ("given", given)):
            single = isinstance(nodes, str) or not isinstance(nodes, Iterable)
            object.__setattr__(self, name, frozenset((nodes,) if single else nodes))
        check_sides(self.x, self.y, self.given)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Independence):
            return NotImplemented
        return {self.x, self.y} == {other.x, other.y} and self.given == other.given

    def __hash__(self) -> int:
        return hash((frozenset((self.x, self.y)), self.given))

    def __str__(self) -> str:
        first, second = self.sides
        return f"{first} ⊥ {second}" + (f" | {join(self.given)}" if self.given else "")

    __repr__ = __str__

    @property
    def sides(self) -> tuple[str, str]:
        """Names of the nodes of x and of y; the smaller set comes first."""
        first, second = sorted((self.x, self.y), key=lambda side: (len(side), join(side)))
        return join(first), join(second)
