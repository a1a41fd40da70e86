"""Directed acyclic graphs of random variables, and the questions that one asks of them."""

from __future__ import annotations

from ppgen.graph import (
    bif,
    causal,
    drawing,
    equivalence,
    explanation,
    factorisation,
    listing,
    program,
    separators,
    testing,
)
from ppgen.graph.core import BaseDAG


class DAG(BaseDAG):
    """A directed acyclic graph whose nodes are random variables, some of them perhaps latent.

    Parameters
    ----------
    source
        Text such as ``"S -> A; S -> R"`` (see :func:`ppgen.graph.parsing.parse`), pairs
        (parent, child), or a networkx graph, where a node with a true attribute ``latent`` is
        latent. A bidirected edge of the text, ``x <-> y``, stands for a latent common cause.
    latent
        Further nodes that are never observed.

    Attributes
    ----------
    graph
        A frozen ``networkx.DiGraph``, with the attribute ``latent`` on every node.
    order
        All nodes, parents before children.

    Raises
    ------
    GraphError
        Where the edges form a cycle, which is named, or the text does not parse.

    Notes
    -----
    Wherever nodes are asked for, one node or several may be given; text is one node.

    Examples
    --------
    >>> dag = DAG("S -> A; S -> R; AP -> R; R -> G")
    >>> dag.d_separated("AP", "S"), dag.d_separated("AP", "S", given="G")
    (True, False)
    >>> print(*dag.chain_rule_independencies(["AP", "S", "A", "R", "G"]), sep="; ")
    AP ⊥ S; A ⊥ AP | S; A ⊥ R | AP, S; G ⊥ A, AP, S | R
    """

    # Questions with a file of their own; each is documented there, and takes this graph as ``dag``.
    explain = explanation.explain

    minimal_separator = separators.minimal_separator
    minimal_separators = separators.minimal_separators

    chain_rule_independencies = listing.chain_rule
    local_independencies = listing.local_markov
    pairwise_independencies = listing.pairwise
    basis_independencies = listing.basis
    implied_independencies = listing.implied
    independencies = listing.every

    factorisation = factorisation.factorisation

    markov_blanket = equivalence.markov_blanket
    moral = equivalence.moral
    v_structures = equivalence.v_structures
    cpdag = equivalence.cpdag
    equivalent = equivalence.equivalent

    do = causal.do
    backdoor_valid = causal.backdoor_valid
    backdoor_set = causal.backdoor_set

    test = testing.check_independencies
    draw = drawing.draw

    # mypy finds no type for a class method that is made of a function.
    from_program = classmethod(program.from_program)  # type: ignore[var-annotated]
    from_bif = classmethod(bif.read_bif)  # type: ignore[var-annotated]
