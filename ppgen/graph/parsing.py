"""Parse graphs from text: arrows between names, and the language of dagitty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import networkx as nx

from ppgen.graph.nodes import GraphError

QUOTED = r'"(?:[^"\\\n]|\\.)*"'
TOKEN = re.compile(
    rf"""(?P<space>[^\S\n]+|//[^\n]*|\#[^\n]*)
      | (?P<end>[;\n,])
      | (?P<arrow><->|->|<-|→|←|↔)
      | (?P<quoted>{QUOTED})
      | (?P<open>\{{) | (?P<close>\}})
      | (?P<attributes>\[(?:{QUOTED}|[^\]"])*\])
      | (?P<name>(?:[^\s;,"{{}}\[\]<>→←↔/-]|/(?!/)|(?<=[^\s;,"{{}}\[\]<>→←↔])-(?![->]))+)
      | (?P<bad>.)""",
    re.VERBOSE,
)
UNCLOSED = {'"': "a closing quote", "[": "a closing bracket"}


class Token(NamedTuple):
    """A piece of the text with its position."""

    kind: str
    text: str
    position: int


def parse(text: str) -> tuple[nx.DiGraph, list[tuple[str, str]]]:
    """Parse a graph, possibly cyclic, and a list of its bidirected edges.

    Statements end with ``;``, a comma or a line break. Each is a node, or a chain of nodes and
    arrows ``->``, ``<-``, ``<->`` (or →, ←, ↔). ``{a b}`` means several nodes, and ``"a b"`` quotes
    a name. ``[latent]`` after a node marks it as latent; other attributes are skipped. Comments
    start with ``//`` or ``#``. The text can be wrapped in dagitty's ``dag { … }``; drawing settings
    such as ``bb="0,0,1,1"`` are then skipped.

    Raises
    ------
    GraphError
        With line and column, if the text is not a graph.

    Examples
    --------
    >>> graph, bidirected = parse("dag { u [latent]; u -> {x y}; x <-> y }")
    >>> list(graph.edges), dict(graph.nodes["u"]), bidirected
    ([('u', 'x'), ('u', 'y')], {'latent': True}, [('x', 'y')])
    """
    parser = _Parser(text)
    parser.parse()
    parser.graph.add_edges_from(parser.edges)
    return parser.graph, parser.bidirected


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.tokens = text, list(_tokens(text))
        self.position = 0
        self.graph = nx.DiGraph()
        self.edges, self.bidirected = list[tuple[str, str]](), list[tuple[str, str]]()

    def parse(self) -> None:
        wrapped = self._skip_wrapper()
        self._skip_ends()
        while not self._at("stop"):
            if wrapped and self._skip("close"):
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

    def _skip_wrapper(self) -> bool:
        self._skip_ends()
        start = self.position
        if self._at("name") and self._next().text in ("dag", "digraph", "mag", "graph"):
            self._skip("name", "quoted")
            if self._skip("open"):
                return True
        self.position = start
        return False

    def _skip_setting(self) -> bool:
        """Skip a drawing setting such as ``bb="0,0,1,1"``."""
        if not (self._at("name") and "=" in self.tokens[self.position].text):
            return False
        if self._next().text.endswith("="):
            self._skip("quoted")
        return True

    def _statement(self) -> None:
        left = self._group()
        while self._at("arrow"):
            arrow = self._next().text
            right = self._group()
            pairs = product(left, right)
            if arrow in ("->", "→"):
                self.edges += pairs
            elif arrow in ("<-", "←"):
                self.edges += ((b, a) for a, b in pairs)
            else:
                self.bidirected += pairs
            left = right
            self._skip("attributes")

    def _group(self) -> list[str]:
        if not self._skip("open"):
            return [self._node()]
        names: list[str] = []
        self._skip_ends()
        while not (names and self._skip("close")):
            names.append(self._node())
            self._skip_ends()
        return names

    def _node(self) -> str:
        if not self._at("name", "quoted"):
            self._expect("name", "the name of a node")
        name = self._next().text
        self.graph.add_node(name)
        if self._at("attributes"):
            plain = re.sub(QUOTED, '""', self._next().text)  # a label can contain any word
            attributes = re.split(r"[\s,;]+", plain.strip("[]").lower())
            if {"latent", "unobserved", "u"} & set(attributes):
                self.graph.nodes[name]["latent"] = True
        return name

    def _skip_ends(self) -> None:
        while self._skip("end"):
            pass

    def _at(self, *kinds: str) -> bool:
        return self.tokens[self.position].kind in kinds

    def _skip(self, *kinds: str) -> bool:
        found = self._at(*kinds)
        self.position += found
        return found

    def _next(self) -> Token:
        self.position += 1
        return self.tokens[self.position - 1]

    def _expect(self, kind: str, what: str) -> None:
        if not self._skip(kind):
            token = self.tokens[self.position]
            found = repr(token.text) if token.kind != "stop" else "the end"
            raise _error(self.text, token.position, what, found)


def _tokens(text: str) -> Iterator[Token]:
    for match in TOKEN.finditer(text):
        kind, found = match.lastgroup or "", match[0]
        if kind == "bad":
            expected = UNCLOSED.get(found, "a node, an arrow or ';'")
            raise _error(text, match.start(), expected, repr(found))
        if kind == "quoted":
            found = re.sub(r"\\(.)", r"\1", found[1:-1])
        if kind != "space":
            yield Token(kind, found, match.start())
    yield Token("stop", "", len(text))


def _error(text: str, position: int, expected: str, found: str) -> GraphError:
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    return GraphError(f"line {line}, column {column}: expected {expected}, found {found}")
