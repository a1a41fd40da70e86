"""Statements of conditional independence."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from ppgen.graph.errors import GraphError

Node = Hashable


@dataclass(frozen=True, eq=False)
class Independence:
    """x ⊥ y | given: the sets x and y are independent given a third.

    Two statements are equal when they say the same, so x and y may change places. Text is one node,
    other iterables are sets of nodes.

    Raises
    ------
    GraphError
        Where x or y is empty, or a node is in two of the sets.

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
        for name, value in (("x", x), ("y", y), ("given", given)):
            nodes = (
                value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
            )
            object.__setattr__(self, name, frozenset(nodes))
        for name in ("x", "y"):
            if not getattr(self, name):
                raise GraphError(f"{name} is empty; expected one node or more")
        refuse_overlap(x=self.x, y=self.y, given=self.given)

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
        """The two sides as text, the one with fewer nodes first."""
        first, second = sorted((self.x, self.y), key=lambda side: (len(side), join(side)))
        return join(first), join(second)


def join(nodes: Iterable[Node]) -> str:
    """Name a set of nodes, always in the same order."""
    return ", ".join(sorted(map(str, nodes)))


def refuse_overlap(**sets: frozenset[Node]) -> None:
    """Raise a GraphError where two of some named sets share a node."""
    names = list(sets)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            both = sets[first] & sets[second]
            if both:
                raise GraphError(f"{first} and {second} both hold {join(both)}; expected disjoint")
