"""Directed acyclic graphs: list, explain and test the independencies that they imply."""

from ppgen.graph.dag import DAG
from ppgen.graph.equivalence import CPDAG
from ppgen.graph.explanation import Explanation
from ppgen.graph.independence import Independence
from ppgen.graph.joint import check_joint
from ppgen.graph.nodes import GraphError
from ppgen.graph.trails import Passage, Trail

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
