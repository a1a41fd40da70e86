"""Graphs as text: arrows, and the language of dagitty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from ppgen.graph.errors import GraphError

QUOTED = r'"(?:[^"\\\n]|\\.)*"'
TOKEN = re.compile(
    rf"""(?P<space>[^\S\n]+|//[^\n]*|\#[^\n]*)
      | (?P<end>[;\n,])
      | (?P<arrow><->|->|<-|→|←|↔)
      | (?P<quoted>{QUOTED})
      | (?P<open>\{{) | (?P<close>\}})
      | (?P<attributes>\[(?:{QUOTED}|[^\]"])*\])
      | (?P<name>(?:[^\s;,"{{}}\[\]<>→←↔/-]|/(?!/)|(?<=[^\s;,"{{}}\[\]<>→←↔])-(?![->]))+)""",
    re.VERBOSE,
)
PLAIN = {"→": "->", "←": "<-", "↔": "<->"}
UNCLOSED = {'"': "a closing quote", "[": "a closing bracket"}


@dataclass
class ParsedGraph:
    """What a text says: nodes in order, directed edges, bidirected edges and latent nodes."""

    nodes: dict[str, None] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    bidirected: list[tuple[str, str]] = field(default_factory=list)
    latent: set[str] = field(default_factory=set)

    def add(self, left: list[str], arrow: str, right: list[str]) -> None:
        """Add an edge between each of two groups of nodes."""
        pairs = product(left, right)
        if arrow == "->":
            self.edges += pairs
        elif arrow == "<-":
            self.edges += ((b, a) for a, b in pairs)
        else:
            self.bidirected += pairs


class Token(NamedTuple):
    """A piece of the text, and where it stands."""

    kind: str
    text: str
    line: int
    column: int


def parse(text: str) -> ParsedGraph:
    """Read a graph from text.

    Statements end with ``;``, a comma or the line. Each is a node, or a chain of nodes and arrows
    ``->``, ``<-``, ``<->`` (also →, ←, ↔); ``{a b}`` stands for several nodes, ``"a b"`` quotes a
    name, ``[latent]`` behind a node marks it, other attributes are skipped, and ``//`` or ``#``
    begin a comment. The whole may stand in dagitty's ``dag { … }``, where settings of the drawing
    such as ``bb="0,0,1,1"`` are skipped too.

    Raises
    ------
    GraphError
        With line, column and what was expected.

    Examples
    --------
    >>> parsed = parse("dag { u [latent]; u -> {x y}; x -> y }")
    >>> parsed.edges, parsed.latent
    ([('u', 'x'), ('u', 'y'), ('x', 'y')], {'u'})
    """
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.position = 0
        self.graph = ParsedGraph()

    def parse(self) -> ParsedGraph:
        wrapped = self._skip_wrapper()
        self._skip_ends()
        while not self._at("stop"):
            if wrapped and self._at("close"):
                self.position += 1
                self._skip_ends()
                self._expect("stop", "the end of the text")
                break
            if not (wrapped and self._skip_setting()):
                self._statement()
            if not (self._at("stop") or (wrapped and self._at("close"))):
                self._expect("end", "an arrow, ';' or a new line")
            self._skip_ends()
        else:
            if wrapped:
                self._expect("close", "'}'")
        return self.graph

    def _skip_wrapper(self) -> bool:
        self._skip_ends()
        start = self.position
        if self._at("name") and self.tokens[start].text in ("dag", "digraph", "mag", "graph"):
            self.position += 1
            if self._at("name") or self._at("quoted"):
                self.position += 1
            if self._at("open"):
                self.position += 1
                return True
        self.position = start
        return False

    def _skip_setting(self) -> bool:
        """Pass over ``bb="0,0,1,1"``, which is about the drawing."""
        if not (self._at("name") and "=" in self.tokens[self.position].text):
            return False
        if self._next().text.endswith("=") and self._at("quoted"):
            self.position += 1
        return True

    def _statement(self) -> None:
        left = self._group()
        while self._at("arrow"):
            arrow = self._next().text
            right = self._group()
            self.graph.add(left, PLAIN.get(arrow, arrow), right)
            left = right
            if self._at("attributes"):
                self.position += 1

    def _group(self) -> list[str]:
        if not self._at("open"):
            return [self._node()]
        self.position += 1
        names: list[str] = []
        self._skip_ends()
        while not (names and self._at("close")):
            names.append(self._node())
            self._skip_ends()
        self.position += 1
        return names

    def _node(self) -> str:
        if not (self._at("name") or self._at("quoted")):
            self._expect("name", "the name of a node")
        name = self._next().text
        self.graph.nodes.setdefault(name)
        if self._at("attributes"):
            plain = re.sub(QUOTED, '""', self._next().text)  # a label may say anything
            attributes = re.split(r"[\s,;]+", plain.strip("[]").lower())
            if {"latent", "unobserved", "u"} & set(attributes):
                self.graph.latent.add(name)
        return name

    def _skip_ends(self) -> None:
        while self._at("end"):
            self.position += 1

    def _at(self, kind: str) -> bool:
        return self.tokens[self.position].kind == kind

    def _next(self) -> Token:
        self.position += 1
        return self.tokens[self.position - 1]

    def _expect(self, kind: str, what: str) -> None:
        token = self.tokens[self.position]
        if token.kind != kind:
            found = repr(token.text) if token.kind != "stop" else "the end"
            raise GraphError(
                f"line {token.line}, column {token.column}: expected {what}, found {found}"
            )
        self.position += 1


def _tokens(text: str) -> Iterator[Token]:
    position, line, start = 0, 1, 0
    while position < len(text):
        match = TOKEN.match(text, position)
        column = position - start + 1
        if match is None:
            found = text[position]
            expected = UNCLOSED.get(found, "a node, an arrow or ';'")
            raise GraphError(f"line {line}, column {column}: expected {expected}, found {found!r}")
        kind = match.lastgroup or ""
        if kind == "quoted":
            yield Token("quoted", re.sub(r"\\(.)", r"\1", match[0][1:-1]), line, column)
        elif kind != "space":
            yield Token(kind, match[0], line, column)
        if "\n" in match[0]:
            line, start = line + match[0].count("\n"), match.start() + match[0].rindex("\n") + 1
        position = match.end()
    yield Token("stop", "", line, position - start + 1)
