"""Parse the lists of early versions of dagitty: nodes, a blank line, and the children of each."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import networkx as nx

from ppgen.graph.attributes import decoded
from ppgen.graph.lexing import located, shortened
from ppgen.graph.nodes import GraphError
from ppgen.graph.parsing import Bidirected
from ppgen.kinds import suggestion

MARKS = {"E": "exposure", "O": "outcome", "A": "adjusted", "U": "latent", "S": "selected"}
MARKED = re.compile(r"\S\s+(?:[EOAUS]+|\d+)(?:\s+@\S+)?\s*$")
BLANK_LINE = re.compile(r"\n[^\S\n]*+\n\s*+")

Words = list[tuple[str, int]]  # with their positions in the text


def recognised(text: str) -> bool:
    """Whether a text is of this format: without arrows, and with lines of known names."""
    parts = BLANK_LINE.split(text.strip(), maxsplit=1)
    if len(parts) < 2 or re.search(r"->|<-|[→←↔{};\[\]\"=]", text):
        return False
    lines = parts[0].splitlines()
    rows = [line.split() for line in parts[1].splitlines() if line.strip()]
    marked = all(map(MARKED.search, lines))
    first = {line.split()[0] for line in lines}
    return any(row[1:] for row in rows) and (marked or all(row[0] in first for row in rows))


def parse(text: str) -> tuple[nx.DiGraph, Bidirected]:
    r"""Parse a graph, possibly cyclic, and its bidirected edges.

    A line of the first part is a name, marks (E, O, A, U and S are exposure, outcome, adjusted,
    latent and selected; any number is none of these) and a position. One of the second part is a
    node and its children, or a row of 0 and 1 that says which nodes are. Two nodes that are
    children of each other have a bidirected edge.

    Examples
    --------
    >>> graph, bidirected = parse("x E @0,1\ny O\nz 1\n\nz x y\nx y")
    >>> list(graph.edges), dict(graph.nodes["x"])
    ([('x', 'y'), ('z', 'x'), ('z', 'y')], {'exposure': True, 'pos': (0.0, 1.0)})
    """
    start = len(text) - len(text.lstrip())
    gap = BLANK_LINE.search(text, start)
    middle = gap.end() if gap else len(text)
    graph = nx.DiGraph()
    known: dict[str, Any] = {}  # names as nested dicts by their words, with the node under ""
    for words in _lines(text, start, gap.start() if gap else middle):
        position = {"pos": words.pop()[0][1:]} if words[-1][0][0] == "@" and words[1:] else {}
        marks = words.pop()[0] if len(words) > 1 else ""
        try:
            flags = {MARKS[mark]: "true" for mark in marks if mark in MARKS}
            attributes = decoded(flags | position)
        except GraphError as error:
            raise GraphError(f"{located(text, words[0][1])}: {error}") from None
        node = unquote(" ".join(word for word, _ in words))
        branch = known
        for word, _ in words:
            branch = branch.setdefault(word, {})
        branch[""] = node
        graph.add_node(node, **attributes)
    rows = list(_lines(text, middle, len(text)))
    edges: Bidirected = {}
    if len(rows) == len(graph) and all(word in ("0", "1") for row in rows for word, _ in row):
        for node, row in zip(graph, rows, strict=True):
            if len(row) != len(graph):
                message = f"the row has {len(row)} numbers; expected {len(graph)}"
                raise GraphError(f"{located(text, row[0][1])}: {message}")
            edges |= {(node, n): {} for n, (one, _) in zip(graph, row, strict=True) if one == "1"}
    else:
        for row in rows:
            edges |= _children(text, known, row)
    bidirected: Bidirected = {}
    for (a, b), attributes in edges.items():
        if (b, a) not in edges or a == b:
            graph.add_edge(a, b, **attributes)
        elif (b, a) not in bidirected:
            bidirected[a, b] = decoded(edges[b, a] | attributes)
    return graph, bidirected


def _children(text: str, known: dict[str, Any], row: Words) -> Bidirected:
    """Edges from the first node of a row to the others, with the positions that follow them."""
    nodes: list[str] = []
    edges: Bidirected = {}
    branch, start = known, 0
    for i, (word, _) in enumerate(row):
        if branch is known and word not in known and word[0] == "@" and len(nodes) > 1:
            edges[nodes[0], nodes[-1]] = {"pos": word[1:]}
            continue
        if branch is known:
            start = i
        branch = branch.get(word, {})
        if "" in branch:
            nodes.append(branch[""])
            if len(nodes) > 1:
                edges[nodes[0], nodes[-1]] = {}
            branch = known
        elif not branch or i == len(row) - 1:
            name = shortened(" ".join(word for word, _ in row[start : i + 1]))
            message = f"{name!r} is not a node of the first part{suggestion(name, known)}"
            raise GraphError(f"{located(text, row[start][1])}: {message}")
    return edges


def _lines(text: str, start: int, end: int) -> Iterator[Words]:
    """Words of each line that is not blank."""
    for line in re.compile(r"[^\n]+").finditer(text, start, end):
        words = re.compile(r"\S+").finditer(text, *line.span())
        if found := [(word[0], word.start()) for word in words]:
            yield found
