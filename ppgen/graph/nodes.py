"""Nodes, statements of their independence, and the error of this package."""

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import networkx as nx

from ppgen.kinds import suggestion

Node = Hashable
Nodes = Any  # one node, or an iterable of nodes
NodeSet = frozenset[Node]


ESCAPES = str.maketrans(
    {"\\": r"\backslash{}", "^": r"\wedge{}", "~": r"\sim{}"}
    | dict.fromkeys(map(chr, range(33)), r"\ ")  # a blank line would end the formula
    | {character: f"\\{character}" for character in "_%$#&{}"}
)


GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
SYMBOL = re.compile(rf"(?P<letter>[A-Za-z]|{'|'.join(GREEK.split())})(?P<index>(_[A-Za-z0-9]+)+)?")


class GraphError(ValueError):
    """Invalid graph, query or data.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> DAG("a -> b -> a")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ppgen.graph.nodes.GraphError: …
    """


@dataclass(frozen=True, eq=False)
class Independence:
    """Conditional independence x ⊥ y | given of three disjoint sets of nodes.

    Two statements are equal if they say the same: x and y can be swapped. A string is one node,
    other iterables are sets of nodes; x and y are not empty.

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
            try:
                chosen = frozenset((nodes,) if single else nodes)
            except TypeError as error:
                raise GraphError(f"{name} is {nodes!r}; expected nodes ({error})") from None
            object.__setattr__(self, name, chosen)
        for name, nodes in (("x", self.x), ("y", self.y)):
            if not nodes:
                raise GraphError(f"{name} is empty; expected at least one node")
        check_disjoint(x=self.x, y=self.y, given=self.given)

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

    def latex(self) -> str:
        r"""Statement in LaTeX, for math mode.

        Examples
        --------
        >>> print(Independence("S", "AP", "R").latex())
        \mathrm{AP} \perp\!\!\!\perp S \mid R
        """
        sides = (*self._sorted, self.given)
        x, y, given = (", ".join(map(latex_name, sorted(side, key=str))) for side in sides)
        return rf"{x} \perp\!\!\!\perp {y}" + (rf" \mid {given}" if given else "")

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"

    @property
    def sides(self) -> tuple[str, str]:
        """Names of the nodes of x and of y; the smaller set comes first."""
        first, second = self._sorted
        return join(first), join(second)

    @property
    def _sorted(self) -> list[frozenset[Node]]:
        return sorted((self.x, self.y), key=lambda side: (len(side), join(side)))


def join(nodes: Iterable[Node]) -> str:
    """Names of nodes in alphabetical order, separated by commas."""
    return ", ".join(sorted(map(str, nodes)))


def latex_name(node: Node) -> str:
    r"""Name of a node in LaTeX, for math mode; letters can have an index.

    Examples
    --------
    >>> print(*map(latex_name, ["x", "x12", "theta_1", "mu_school_i", "R&D"]))
    x \mathrm{x12} \theta_{1} \mu_{\mathrm{school}, i} \mathrm{R\&D}
    """
    text = str(node)
    symbol = SYMBOL.fullmatch(text)
    if symbol is None:
        text = text.translate(ESCAPES)
        return text if len(text) == 1 else rf"\mathrm{{{text}}}"
    letter, index = symbol["letter"], symbol["index"]
    if len(letter) > 1:
        letter = f"\\{letter}"
    if not index:
        return letter
    parts = (p if p.isdigit() else latex_name(p) for p in index.strip("_").split("_"))
    return f"{letter}_{{{', '.join(parts)}}}"


def node_sequence(graph: nx.DiGraph, nodes: Nodes, name: str) -> tuple[Node, ...]:
    """Tuple of one node or of several nodes, in their order; all must be in the graph."""
    single = isinstance(nodes, str) or not isinstance(nodes, Iterable) or nodes in graph
    chosen: tuple[Node, ...] = (nodes,) if single else tuple(nodes)
    for node in chosen:
        if node not in graph:
            if not isinstance(node, Hashable):
                raise GraphError(f"{name} is {nodes!r}; expected a node or several nodes")
            hint = suggestion(node, graph)
            raise GraphError(f"{name} contains {node!r}, which is not a node of the graph{hint}")
    return chosen


def check_disjoint(**sets: frozenset[Node]) -> None:
    """Raise a GraphError if two of the named sets share a node."""
    for (first, nodes), (second, others) in combinations(sets.items(), 2):
        if both := nodes & others:
            raise GraphError(
                f"{first} and {second} both contain {join(both)}; expected disjoint sets"
            )
