"""The joint distribution of a DAG as the product of its factors, in text and in LaTeX."""

from __future__ import annotations

from ppgen.graph.core import BaseDAG
from ppgen.graph.independence import Node

ESCAPES = str.maketrans(
    {
        "\\": r"\backslash{}",
        "^": r"\wedge{}",
        "~": r"\sim{}",
        " ": r"\ ",
        **{character: f"\\{character}" for character in "_%$#&{}"},
    }
)


def factorisation(dag: BaseDAG, *, latex: bool = False) -> str:
    r"""Write the joint distribution as one factor for each node given its parents.

    Parameters
    ----------
    latex
        For LaTeX's mathematical mode, names of more than one letter upright.

    Examples
    --------
    >>> from ppgen.graph import DAG
    >>> dag = DAG("S -> R; AP -> R; R -> G")
    >>> dag.factorisation()
    'p(S) p(AP) p(R | S, AP) p(G | R)'
    >>> print(dag.factorisation(latex=True))
    p(S)\, p(\mathrm{AP})\, p(R \mid S, \mathrm{AP})\, p(G \mid R)
    """
    name, mid, space = (_latex, r" \mid ", r"\, ") if latex else (str, " | ", " ")
    factors = []
    for node in dag.order:
        parents = ", ".join(map(name, dag.in_order(dag.separation.parents[node])))
        factors.append(f"p({name(node)}{mid + parents if parents else ''})")
    return space.join(factors)


def _latex(node: Node) -> str:
    text = str(node).translate(ESCAPES)
    return text if len(text) == 1 else rf"\mathrm{{{text}}}"
