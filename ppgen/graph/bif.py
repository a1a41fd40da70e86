"""The structure of a network in the Bayesian interchange format, as bnlearn's repository has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

from ppgen.graph.core import AnyDAG
from ppgen.graph.errors import GraphError

TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<mark>[{}()|,;\[\]])
      | (?P<quoted>"[^"\n]*")
      | (?P<word>[^\s{}()|,;\[\]"]+)""",
    re.VERBOSE | re.DOTALL,
)


def read_bif(cls: type[AnyDAG], source: str | Path) -> AnyDAG:
    """Read the nodes and edges of a ``.bif`` file; its tables are passed over.

    Parameters
    ----------
    cls
        The class of the DAG; this is the class method ``from_bif`` of :class:`ppgen.graph.DAG`.
    source
        The text, or a :class:`~pathlib.Path` of the file.

    Raises
    ------
    GraphError
        With the line, where the text is no such file, names an undeclared variable, or breaks off;
        or where the file is not in UTF-8.
    OSError
        Where the file cannot be read.

    Examples
    --------
    >>> text = '''variable rain { type discrete [ 2 ] { yes, no }; }
    ... variable wet { type discrete [ 2 ] { yes, no }; }
    ... probability ( rain ) { table 0.2, 0.8; }
    ... probability ( wet | rain ) { (yes) 0.9, 0.1; (no) 0.1, 0.9; }'''
    >>> from ppgen.graph import DAG
    >>> DAG.from_bif(text).graph.edges
    OutEdgeView([('rain', 'wet')])
    """
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    except UnicodeDecodeError as error:
        raise GraphError(f"{source} is no text in UTF-8: {error}") from error
    return cls(_Reader(text).read())


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.position = 0
        self.declared: dict[str, int] = {}
        self.parents: dict[str, list[str]] = {}

    def read(self) -> nx.DiGraph:
        while self._peek()[0]:
            word, line = self._next()
            if word == "network":
                while self._peek()[0] not in ("{", ""):
                    self.position += 1
                self._skip_block()
            elif word == "variable":
                self._declare(*self._name("the name of a variable"))
                self._skip_block()
            elif word == "probability":
                self._probability()
                self._skip_block()
            elif word != ";":
                raise _error(line, "network, variable or probability", word)
        for name, line in self.declared.items():
            if name not in self.parents:
                raise GraphError(
                    f"line {line}: variable {name!r} has no probability block; is the text whole?"
                )
        if not self.declared:
            raise GraphError("line 1: the text declares no variable; expected a .bif network")
        graph = nx.DiGraph()
        graph.add_nodes_from(self.declared)
        graph.add_edges_from((p, name) for name in self.declared for p in self.parents[name])
        return graph

    def _declare(self, name: str, line: int) -> None:
        if name in self.declared:
            first = self.declared[name]
            raise GraphError(f"line {line}: variable {name!r} is declared in line {first} already")
        self.declared[name] = line

    def _probability(self) -> None:
        self._expect("(")
        child, line = self._known()
        if child in self.parents:
            raise GraphError(f"line {line}: variable {child!r} has a second probability block")
        parents: list[str] = []
        if self._peek()[0] == "|":
            self.position += 1
            parents.append(self._known()[0])
        while self._peek()[0] == ",":
            self.position += 1
            parents.append(self._known()[0])
        self._expect(")")
        if len({child, *parents}) <= len(parents):
            raise GraphError(f"line {line}: the block of {child!r} names a variable twice")
        self.parents[child] = parents

    def _known(self) -> tuple[str, int]:
        name, line = self._name("the name of a variable")
        if name not in self.declared:
            raise GraphError(f"line {line}: {name!r} is no variable declared before")
        return name, line

    def _name(self, what: str) -> tuple[str, int]:
        word, line = self._next()
        if word in ("", '""', *"{}()|,;[]"):
            raise _error(line, what, word)
        return word.strip('"'), line

    def _skip_block(self) -> None:
        start = self._peek()[1]
        self._expect("{")
        depth = 1
        while depth:
            word, line = self._next()
            if not word:
                raise GraphError(f"line {line}: the block that opens in line {start} has no end")
            depth += (word == "{") - (word == "}")

    def _expect(self, mark: str) -> None:
        word, line = self._next()
        if word != mark:
            raise _error(line, repr(mark), word)

    def _peek(self) -> tuple[str, int]:
        return self.tokens[self.position]

    def _next(self) -> tuple[str, int]:
        token = self.tokens[self.position]
        # The last token is the end, which stays.
        self.position = min(self.position + 1, len(self.tokens) - 1)
        return token


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    position, line = 0, 1
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise _error(line, "a name or a mark", text[position])
        if match.lastgroup != "space":
            yield match[match.lastgroup or 0], line
        line += match[0].count("\n")
        position = match.end()
    yield "", line


def _error(line: int, expected: str, found: str) -> GraphError:
    return GraphError(
        f"line {line}: expected {expected}, found {repr(found) if found else 'the end'}"
    )
