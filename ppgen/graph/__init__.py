"""Directed acyclic graphs: list, explain and test the independencies that they imply."""

from ppgen.graph.dag import DAG
from ppgen.graph.equivalence import CPDAG
from ppgen.graph.explanation import Explanation, Passage, Trail
from ppgen.graph.joint import check_joint
from ppgen.graph.nodes import GraphError, Independence

__all__ = [
    "CPDAG",
    "DAG",
    "Explanation",
    "GraphError",
    "Independence",
    "Passage",
    "Trail",
    "check_joint",
]
