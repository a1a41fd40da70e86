"""Read the graph of a network in the Bayesian interchange format (.bif)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

from ppgen.graph.core import AnyDAG
from ppgen.graph.nodes import GraphError

TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<mark>[{}()|,;\[\]])
      | (?P<quoted>"[^"\n]*")
      | (?P<word>[^\s{}()|,;\[\]"]+)
      | (?P<bad>.)""",
    re.VERBOSE | re.DOTALL,
)


def read_bif(cls: type[AnyDAG], source: str | Path) -> AnyDAG:
    """DAG with the nodes and edges of a ``.bif`` file; its probability tables are skipped.

    Parameters
    ----------
    source
        The text, or the :class:`~pathlib.Path` of a file.

    Raises
    ------
    GraphError
        With the line number, if the text is not a complete and valid network; also if the file is
        not UTF-8 text.
    OSError
        If the file cannot be read.

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
        raise GraphError(f"{source} is not UTF-8 text: {error}") from error
    return cls(_Reader(text).read())


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.position = 0
        self.declared: dict[str, int] = {}  # the line of each declaration
        self.parents: dict[str, list[str]] = {}

    def read(self) -> nx.DiGraph:
        while self._peek():
            word, line = self._next()
            if word == "network":
                while self._peek() not in ("{", ""):
                    self._next()
                self._skip_block()
            elif word == "variable":
                name, line = self._name()
                if name in self.declared:
                    first = self.declared[name]
                    raise _error(line, f"variable {name!r} is already declared in line {first}")
                self.declared[name] = line
                self._skip_block()
            elif word == "probability":
                self._probability()
                self._skip_block()
            elif word != ";":
                raise _unexpected(line, "network, variable or probability", word)
        for name, line in self.declared.items():
            if name not in self.parents:
                raise _error(
                    line, f"variable {name!r} has no probability block; is the text truncated?"
                )
        if not self.declared:
            raise _error(1, "the text declares no variable; expected a .bif network")
        graph = nx.DiGraph()
        graph.add_nodes_from(self.declared)
        graph.add_edges_from((p, name) for name in self.declared for p in self.parents[name])
        return graph

    def _probability(self) -> None:
        self._expect("(")
        child, line = self._known()
        if child in self.parents:
            raise _error(line, f"variable {child!r} has a second probability block")
        parents: list[str] = []
        while self._peek() == "," or (self._peek() == "|" and not parents):
            self._next()
            parents.append(self._known()[0])
        self._expect(")")
        if len({child, *parents}) <= len(parents):
            raise _error(line, f"the block of {child!r} names a variable twice")
        self.parents[child] = parents

    def _known(self) -> tuple[str, int]:
        name, line = self._name()
        if name not in self.declared:
            raise _error(line, f"variable {name!r} is not declared before this line")
        return name, line

    def _name(self) -> tuple[str, int]:
        word, line = self._next()
        if word in ("", '""', *"{}()|,;[]"):
            raise _unexpected(line, "the name of a variable", word)
        return word.strip('"'), line

    def _skip_block(self) -> None:
        start = self.tokens[self.position][1]
        self._expect("{")
        depth = 1
        while depth:
            word, line = self._next()
            if not word:
                raise _error(line, f"the block that opens in line {start} is not closed")
            depth += (word == "{") - (word == "}")

    def _expect(self, mark: str) -> None:
        word, line = self._next()
        if word != mark:
            raise _unexpected(line, repr(mark), word)

    def _peek(self) -> str:
        return self.tokens[self.position][0]

    def _next(self) -> tuple[str, int]:
        token = self.tokens[self.position]
        # The last token marks the end, and is never passed.
        self.position = min(self.position + 1, len(self.tokens) - 1)
        return token


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Words and marks of the text with their lines; the end is an empty word."""
    line = 1
    for match in TOKEN.finditer(text):
        if match.lastgroup == "bad":
            raise _unexpected(line, "a name or a mark", match[0])
        if match.lastgroup != "space":
            yield match[0], line
        line += match[0].count("\n")
    yield "", line


def _unexpected(line: int, expected: str, found: str) -> GraphError:
    return _error(line, f"expected {expected}, found {repr(found) if found else 'the end'}")


def _error(line: int, message: str) -> GraphError:
    return GraphError(f"line {line}: {message}")
