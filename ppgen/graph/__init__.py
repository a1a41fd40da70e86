"""Directed acyclic graphs: list, explain and test the independencies that they imply.

What needs numpy is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

from ppgen.graph.criteria import CausalExplanation
from ppgen.graph.dag import DAG
from ppgen.graph.equivalence import CPDAG
from ppgen.graph.explanation import Explanation, Passage, Trail
from ppgen.graph.instrument import Instrument
from ppgen.graph.nodes import GraphError, Independence
from ppgen.graph.statements import Statements

if TYPE_CHECKING:
    from ppgen.graph.joint import check_joint

__all__ = [
    "CPDAG",
    "DAG",
    "CausalExplanation",
    "Explanation",
    "GraphError",
    "Independence",
    "Instrument",
    "Passage",
    "Statements",
    "Trail",
    "check_joint",
]


def __getattr__(name: str) -> Any:
    if name != "check_joint":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ppgen.graph.joint import check_joint

    return check_joint
