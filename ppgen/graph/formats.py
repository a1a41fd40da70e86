"""Formats of graphs as text, and files of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any
from xml.etree import ElementTree

import networkx as nx

from ppgen.graph import bif, lists, parsing, writing
from ppgen.graph.attributes import decoded
from ppgen.graph.nodes import GraphError
from ppgen.graph.parsing import Bidirected
from ppgen.kinds import suggestion


@dataclass(frozen=True)
class Format:
    """A way to write graphs as text.

    ``read`` returns a graph, possibly cyclic, and its bidirected edges. ``recognised`` says whether
    a text is of this format.
    """

    suffixes: tuple[str, ...] = ()
    write: Callable[[nx.DiGraph], str] | None = None
    read: Callable[[str], tuple[nx.DiGraph, Bidirected]] | None = None
    recognised: Callable[[str], Any] = lambda text: False


class _Multigraph(nx.MultiDiGraph):
    """Drops the keys of parallel edges: networkx looks for unused numbers, one after the other."""

    def add_edge(self, source: Any, target: Any, key: Any = None, **attributes: Any) -> object:
        return super().add_edge(source, target, object(), **attributes)


class _Reader(nx.readwrite.graphml.GraphMLReader):
    def make_graph(self, xml: Any, keys: Any, defaults: Any, graph: Any = None) -> nx.DiGraph:
        if graph is None and xml.get("edgedefault") != "directed":
            raise GraphError("source is an undirected graph; expected a directed one")
        graph = _Multigraph() if graph is None else graph
        return super().make_graph(xml, keys, defaults, graph)


def read_graphml(text: str) -> tuple[nx.DiGraph, Bidirected]:
    """Graph of a GraphML text; a name of a status is an attribute of type boolean."""
    if "<!ENTITY" in text:  # a short text of them can mean a very long one
        raise GraphError("the text defines XML entities, which are not read")
    full = text.replace("<graphml>", f'<graphml xmlns="{_Reader.NS_GRAPHML}">')
    try:
        graph = next(chain(_Reader()(string=text), _Reader()(string=full)))
    except ElementTree.ParseError as error:
        line, column = error.position
        reason = str(error).partition(":")[0]
        raise GraphError(f"line {line}, column {column + 1}: {reason}") from None
    except StopIteration:
        raise GraphError("the text is not GraphML: it has no graph") from None
    except GraphError:
        raise
    except Exception as error:  # networkx takes the text to be valid
        reason = f"{type(error).__name__}: {error}"
        raise GraphError(f"the text is not GraphML: {reason:.200}") from None
    graph, bidirected = copied(graph)
    for _, attributes in graph.nodes(data=True):
        found = decoded(attributes)
        attributes.clear()
        attributes |= found
    return graph, bidirected


def copied(source: nx.Graph) -> tuple[nx.DiGraph, Bidirected]:
    """Copy of a directed graph, also of a multigraph or a frozen one, and its bidirected edges.

    These are the edges of the attribute ``type="bidirected"``, as in pgmpy.
    """
    if not source.is_directed():
        raise GraphError("source is an undirected graph; expected a networkx.DiGraph")
    graph = nx.DiGraph()
    graph.add_nodes_from(source.nodes(data=True))
    bidirected: Bidirected = {
        (a, b): {} for a, b, kind in source.edges(data="type") if kind == "bidirected"
    }
    edges = source.edges(data=True)  # of a multigraph, a pair can have both kinds
    graph.add_edges_from(edge for edge in edges if edge[2].get("type") != "bidirected")
    return graph, bidirected


FORMATS = {
    "graphml": Format(
        (".graphml",), writing.graphml, read_graphml, re.compile(r"\s*<(?:\?xml|graphml|!)").match
    ),
    "bif": Format((".bif",), None, bif.parse, bif.recognised),
    "lists": Format((), None, lists.parse, lists.recognised),
    "dot": Format((".dot", ".gv"), writing.dot, parsing.parse),
    "dagitty": Format((".dagitty", ".dag"), writing.dagitty, parsing.parse),
    "tikz": Format((".tikz", ".tex"), writing.tikz),
    "text": Format((".txt",), writing.one_line, parsing.parse, lambda text: True),
}
"""All formats. A text is of the first that recognises it."""

SUFFIXES = {suffix: name for name, one in FORMATS.items() for suffix in one.suffixes}


def names_file(text: str) -> bool:
    """Whether a text is a single word with a suffix of files, and not meant as a graph of it."""
    return text.lower().endswith(tuple(SUFFIXES)) and not re.search(r"\s", text)


def parse(text: str, format: str | None = None) -> tuple[nx.DiGraph, Bidirected]:  # noqa: A002
    """Graph of a text, possibly cyclic, and its bidirected edges; by default of any format."""
    text = text.removeprefix("\ufeff")  # a byte order mark
    if format is None:
        format = next(name for name, one in FORMATS.items() if one.recognised(text))  # noqa: A001
    read = _named(format, "read").read
    assert read is not None
    return read(text)


def written(graph: nx.DiGraph, format: str) -> str:  # noqa: A002
    """Text of a graph in a format."""
    write = _named(format, "write").write
    assert write is not None
    return write(graph)


def _named(format: str, way: str) -> Format:  # noqa: A002
    able = [name for name, one in FORMATS.items() if getattr(one, way)]
    if format not in able:
        hint = suggestion(format, able)
        raise GraphError(f"format is {format!r}; expected one to {way}: {', '.join(able)}{hint}")
    return FORMATS[format]
