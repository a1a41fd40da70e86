"""Lists of answers about a graph, each of which can show itself on it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from time import perf_counter

from ppgen.graph import DAG, GraphError, Independence
from ppgen.graph.listing import factors
from ppgen.graph.nodes import Node, join

MOST = 100  # answers of a list that are shown
SECONDS = 0.05
Marks = Mapping[str, Iterable[Node]]


@dataclass(frozen=True)
class Answer:
    """One line of a list.

    Attributes
    ----------
    marks
        The marks of nodes that show it on the graph.
    path
        Nodes of a trail that show it.
    latex
        The line in LaTeX, for math mode; empty if there is none.
    """

    text: str
    marks: Marks = field(default_factory=dict)
    path: tuple[Node, ...] = ()
    latex: str = ""


def query_marks(statement: Independence) -> Marks:
    """Return the marks that ask whether a statement holds."""
    return {"exposure": statement.x, "outcome": statement.y, "adjusted": statement.given}


def _statements(rule: Callable[[DAG], Iterable[Independence]]) -> Callable[[DAG], Iterator[Answer]]:
    return lambda dag: (Answer(str(s), query_marks(s), latex=s.latex()) for s in rule(dag))


def _ends(dag: DAG) -> tuple[list[Node], list[Node]]:
    causes, effects = dag.marked("exposure"), dag.marked("outcome")
    if not (causes and effects):
        raise GraphError("this list is about two sets of nodes: mark a cause and an effect")
    return causes, effects


def _separators(dag: DAG) -> Iterator[Answer]:
    return (_given(one) for one in dag.minimal_separators(*_ends(dag)))


def _adjustments(dag: DAG) -> Iterator[Answer]:
    return (_given(one) for one in dag.adjustment_sets(*_ends(dag), must=()))


def _front_doors(dag: DAG) -> Iterator[Answer]:
    return (_given(one) for one in dag.front_door_sets(*_ends(dag)))


def _instruments(dag: DAG) -> Iterator[Answer]:
    for one in dag.instruments(*_ends(dag)):
        yield Answer(str(one), {"adjusted": one.given}, (one.node,))


def _given(nodes: Iterable[Node]) -> Answer:
    chosen = list(nodes)
    return Answer(join(chosen) or "nothing", {"adjusted": chosen})


def _equivalence(dag: DAG) -> Iterator[Answer]:
    cpdag = dag.cpdag()
    for a, b in sorted(sorted(map(str, edge)) for edge in cpdag.undirected):
        yield Answer(f"{a} — {b} can turn", path=(a, b))
    for parent, child in sorted(cpdag.directed, key=str):
        yield Answer(f"{parent} → {child} is fixed", path=(parent, child))


def _factors(dag: DAG) -> Iterator[Answer]:
    for node, text, latex in zip(dag.order, factors(dag), factors(dag, latex=True), strict=True):
        yield Answer(text, path=(node,), latex=latex)


LISTS: dict[str, Callable[[DAG], Iterator[Answer]]] = {
    "independencies": _statements(DAG.implied_independencies),
    "by the chain rule": _statements(DAG.chain_rule_independencies),
    "minimal separators": _separators,
    "adjustment sets": _adjustments,
    "front-door sets": _front_doors,
    "instruments": _instruments,
    "equivalence class": _equivalence,
    "factorisation": _factors,
}
"""All lists by name. A new one is a function and a line here."""


def listed(
    dag: DAG, name: str, most: int = MOST, seconds: float = SECONDS
) -> tuple[list[Answer], bool]:
    """Return the first answers of a list, and whether these are all.

    No further answer is computed after ``seconds`` seconds, since the page waits for the list.

    Examples
    --------
    >>> answers, complete = listed(DAG("S -> A; S -> R; AP -> R"), "by the chain rule")
    >>> [answer.text for answer in answers], complete
    (['AP ⊥ S', 'A ⊥ AP | S', 'A ⊥ R | AP, S'], True)
    """
    found: list[Answer] = []
    end = perf_counter() + seconds
    for answer in LISTS[name](dag):
        if len(found) == most or (found and perf_counter() > end):
            return found, False
        found.append(answer)
    return found, True
