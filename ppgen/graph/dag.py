"""Directed acyclic graphs of random variables, with all queries as methods."""

from io import BytesIO
from typing import TYPE_CHECKING

from ppgen.arguments import checked
from ppgen.graph import (
    adjustment,
    equivalence,
    explanation,
    files,
    front_door,
    instrument,
    listing,
    program,
    separators,
    testing,
)
from ppgen.graph.core import BaseDAG
from ppgen.graph.nodes import Nodes, node_sequence

SHOWN = 100  # nodes of a graph that is printed in full, or drawn in a notebook

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class DAG(BaseDAG):
    """A directed acyclic graph of random variables, some of which can be latent.

    Parameters
    ----------
    source
        Text such as ``"S -> A; S -> R"`` (see :func:`ppgen.graph.parsing.parse`), pairs
        (parent, child), or a networkx graph whose node attribute ``latent`` marks latent nodes. A
        bidirected edge of the text, ``x <-> y``, means a latent common cause.
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
        If the text is invalid, or if the edges form a cycle, which the message names. Methods raise
        it if a node is unknown, a set of nodes is empty, sets overlap or an option is invalid.
        Wherever they take nodes, they take one node or an iterable of nodes; a string is one node.

    Examples
    --------
    >>> dag = DAG("S -> A; S -> R; AP -> R; R -> G")
    >>> dag.d_separated("AP", "S"), dag.d_separated("AP", "S", given="G")
    (True, False)
    >>> print(*dag.chain_rule_independencies(["AP", "S", "A", "R", "G"]), sep="; ")
    AP ⊥ S; A ⊥ AP | S; A ⊥ R | AP, S; G ⊥ A, AP, S | R
    """

    # Each of these functions is documented in its file, and takes this graph as its first argument.
    explain = explanation.explain

    minimal_separator = separators.minimal_separator
    minimal_separators = separators.minimal_separators

    factorisation = listing.factorisation
    chain_rule_independencies = listing.chain_rule
    local_independencies = listing.local_markov
    pairwise_independencies = listing.pairwise
    basis_independencies = listing.basis
    implied_independencies = listing.implied
    independencies = listing.every

    markov_blanket = equivalence.markov_blanket
    moral = equivalence.moral
    v_structures = equivalence.v_structures
    cpdag = equivalence.cpdag
    equivalent = equivalence.equivalent

    do = adjustment.do
    is_adjustment_set = adjustment.is_adjustment_set
    adjustment_set = adjustment.adjustment_set
    adjustment_sets = adjustment.adjustment_sets
    explain_adjustment = adjustment.explain_adjustment

    instruments = instrument.instruments
    explain_instrument = instrument.explain_instrument

    front_door_set = front_door.front_door_set
    front_door_sets = front_door.front_door_sets
    explain_front_door = front_door.explain_front_door

    test = testing.check_independencies

    # mypy cannot infer the type of a class method that is made from a function.
    from_program = classmethod(program.from_program)  # type: ignore[var-annotated]
    read = classmethod(files.read)  # type: ignore[var-annotated]
    export = files.export
    write = files.write

    @checked
    def draw(self, highlight: Nodes = (), given: Nodes = (), title: str = "") -> "Figure":
        """Draw the graph in plate notation, in layers with parents above their children.

        If all nodes have positions, the attribute ``pos=(x, y)`` with y downwards, these are used.
        Bidirected edges of a text are dashed arcs. Full names of nodes, the attribute ``label``,
        are listed below.

        Observed nodes are shaded: those with a true attribute ``observed`` or, without this
        attribute, those that are not latent. Latent nodes have a dashed outline. Plates are boxes
        around their nodes; the node attribute ``plates`` is the name of one plate or the names of
        several, outermost first. In colour are the nodes and edges of the path ``highlight``, one
        node or several in order, and the nodes ``given`` that a query conditions on.

        Examples
        --------
        >>> dag = DAG("season -> rain <- pressure; rain -> grass")
        >>> dag.draw(highlight=["season", "rain", "pressure"], given="grass").savefig(
        ...     "/dev/null", format="png"
        ... )
        """
        from ppgen.graph.drawing import Drawing  # here, as matplotlib is slow to import

        path = node_sequence(self.graph, highlight, "highlight")
        return Drawing(self, path, self.node_set(given, "given")).figure(title)

    def __str__(self) -> str:
        return self.export() if len(self.nodes) <= SHOWN else repr(self)

    def _repr_svg_(self) -> str | None:
        return (self._picture("svg") or b"").decode() or None

    def _repr_png_(self) -> bytes | None:
        return self._picture("png")

    def _picture(self, kind: str) -> bytes | None:
        """Drawing for a notebook, unless the graph is too large."""
        if len(self.nodes) > SHOWN:
            return None
        file = BytesIO()
        self.draw().savefig(file, format=kind)
        return file.getvalue()
