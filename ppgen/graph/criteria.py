"""Criteria by which a causal effect is identified: their conditions, checked and explained."""

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property

from ppgen.graph.core import BaseDAG
from ppgen.graph.explanation import explain
from ppgen.graph.nodes import Node
from ppgen.graph.statements import as_html


@dataclass(frozen=True)
class Separated:
    """Condition that x and y are d-separated given ``given``, or connected if not ``wanted``."""

    text: str
    dag: BaseDAG
    x: Set[Node]
    y: Set[Node]
    given: Set[Node] = frozenset()
    wanted: bool = True

    @cached_property
    def holds(self) -> bool:
        """Whether the condition is met."""
        return self.dag.separation.connected(self.x, self.y, self.given) is not self.wanted

    def reasons(self) -> list[str]:
        """Lines that show the trails between x and y."""
        if not (self.x and self.y):
            return []
        return str(explain(self.dag, self.x, self.y, self.given)).splitlines()[1:]


@dataclass(frozen=True)
class NoPath:
    """Condition that no directed path leads from ``start`` to ``end`` without passing ``walls``."""

    text: str
    dag: BaseDAG
    start: Set[Node]
    end: Set[Node]
    walls: Set[Node] = frozenset()

    @property
    def holds(self) -> bool:
        """Whether the condition is met."""
        return not self.path

    def reasons(self) -> list[str]:
        """Line with a shortest such path."""
        return ["  " + " → ".join(map(str, self.path))] if self.path else []

    @cached_property
    def path(self) -> list[Node]:
        """Shortest such path, or an empty list."""
        before: dict[Node, Node] = {n: n for n in self.dag.in_order(self.start - self.walls)}
        queue = list(before)
        for node in queue:  # which grows
            if node in self.end:
                path = [node]
                while before[path[-1]] != path[-1]:
                    path.append(before[path[-1]])
                return path[::-1]
            for child in self.dag.separation.children[node]:
                if child not in before and child not in self.walls:
                    before[child] = node
                    queue.append(child)
        return []


@dataclass(frozen=True)
class CausalExplanation:
    """Answer to a causal query with its reasons; ``print`` shows them.

    Attributes
    ----------
    claims
        What is said if all conditions of the criterion hold, and what otherwise.
    given
        The set of nodes that the conditions are about.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> DAG("u -> x -> y <- u").explain_adjustment("x", "y", given=()).valid
    False
    """

    claims: tuple[str, str]
    given: frozenset[Node]
    conditions: tuple[Separated | NoPath, ...]

    @property
    def valid(self) -> bool:
        """Whether all conditions hold."""
        return all(condition.holds for condition in self.conditions)

    def __str__(self) -> str:
        lines = [self.claims[not self.valid]]
        for condition in self.conditions:
            lines.append(f"  {'yes' if condition.holds else 'no'}: {condition.text}")
            lines += [f"  {line}" for line in condition.reasons()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return as_html(str(self))
