"""Directed acyclic graphs: list, explain and test the independencies that they imply."""

from ppgen.graph.criteria import CausalExplanation
from ppgen.graph.dag import DAG
from ppgen.graph.equivalence import CPDAG
from ppgen.graph.explanation import Explanation, Passage, Trail
from ppgen.graph.instrument import Instrument
from ppgen.graph.joint import check_joint
from ppgen.graph.nodes import GraphError, Independence
from ppgen.graph.statements import Statements

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
