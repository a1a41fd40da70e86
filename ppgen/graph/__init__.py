"""Directed acyclic graphs: their independencies, explained, listed and tested."""

from ppgen.graph.dag import DAG
from ppgen.graph.equivalence import CPDAG
from ppgen.graph.errors import GraphError
from ppgen.graph.explanation import Explanation
from ppgen.graph.independence import Independence
from ppgen.graph.joint import check_joint
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
