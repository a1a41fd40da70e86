"""Parse graphs from text: arrows between names, and the language of dagitty."""

import re
from collections.abc import Mapping
from itertools import product
from typing import ClassVar, NamedTuple

import networkx as nx

from ppgen.graph.nodes import GraphError

QUOTED = r'"(?:[^"\\\n]|\\.)*"'


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
    return parser.graph, parser.bidirected


class Token(NamedTuple):
    """A piece of a text with its position."""

    kind: str
    text: str
    position: int


class Reader:
    """Reads a text token by token.

    A subclass sets ``pattern``, with a group for each kind of token, ``space`` between them, and
    ``bad`` for a character that starts none; and ``expected``, what is expected in place of some
    characters, with the key ``""`` for all others. The last token is of the kind ``stop``.
    """

    pattern: ClassVar[re.Pattern[str]]
    expected: ClassVar[Mapping[str, str]]

    def __init__(self, text: str) -> None:
        self.text = text
        found = (Token(m.lastgroup or "", m[0], m.start()) for m in self.pattern.finditer(text))
        self.tokens = [*(t for t in found if t.kind != "space"), Token("stop", "", len(text))]
        self.index = next((i for i, token in enumerate(self.tokens) if token.kind == "bad"), 0)
        if self.at("bad"):
            raise self.unexpected(self.expected.get(self.token.text, self.expected[""]))

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.index]

    def at(self, *kinds: str) -> bool:
        """Whether the next token is of one of these kinds."""
        return self.token.kind in kinds

    def skip(self, *kinds: str) -> bool:
        """Pass the next token if it is of one of these kinds, and return whether it is."""
        found = self.at(*kinds)
        self.index += found
        return found

    def take(self, what: str, *kinds: str) -> Token:
        """Pass the next token, and return it; an error says that ``what`` is expected."""
        token = self.token
        if not self.skip(*kinds):
            raise self.unexpected(what)
        return token

    def place(self, token: Token) -> str:
        """Line of a token, in words."""
        line = self.text.count("\n", 0, token.position) + 1
        return f"line {line}"

    def error(self, token: Token, message: str) -> GraphError:
        """Error that names the place of a token."""
        return GraphError(f"{self.place(token)}: {message}")

    def unexpected(self, what: str) -> GraphError:
        """Error at the next token."""
        found = repr(self.token.text) if self.token.text else "the end"
        return self.error(self.token, f"expected {what}, found {found}")


class _Parser(Reader):
    pattern = re.compile(
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
    expected: ClassVar = {
        '"': "a closing quote",
        "[": "a closing bracket",
        "": "a node, an arrow or ';'",
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.graph = nx.DiGraph()
        self.bidirected: list[tuple[str, str]] = []

    def parse(self) -> None:
        wrapped = self._skip_wrapper()
        last = ("stop", "close") if wrapped else ("stop",)
        self._skip_ends()
        while not self.at(*last):
            if not (wrapped and self._skip_setting()):
                self._statement()
            if not self.at(*last):
                self.take("an arrow, ';' or a new line", "end")
            self._skip_ends()
        if wrapped:
            self.take("'}'", "close")
            self._skip_ends()
            self.take("the end of the text", "stop")

    def place(self, token: Token) -> str:
        column = token.position - self.text.rfind("\n", 0, token.position)
        return f"{super().place(token)}, column {column}"

    def _skip_wrapper(self) -> bool:
        self._skip_ends()
        start = self.index
        if self.token.text in ("dag", "digraph", "mag", "graph"):
            self.index += 1
            self.skip("name", "quoted")
            if self.skip("open"):
                return True
        self.index = start
        return False

    def _skip_setting(self) -> bool:
        """Skip a drawing setting such as ``bb="0,0,1,1"``."""
        text = self.token.text
        if not (self.at("name") and "=" in text):
            return False
        self.index += 1
        if text.endswith("="):
            self.skip("quoted")
        return True

    def _statement(self) -> None:
        left = self._group()
        while self.at("arrow"):
            arrow = self.take("an arrow", "arrow").text
            right = self._group()
            pairs = product(left, right)
            if arrow in ("->", "→"):
                self.graph.add_edges_from(pairs)
            elif arrow in ("<-", "←"):
                self.graph.add_edges_from((b, a) for a, b in pairs)
            else:
                self.bidirected += pairs
            left = right
            self.skip("attributes")

    def _group(self) -> list[str]:
        if not self.skip("open"):
            return [self._node()]
        names: list[str] = []
        self._skip_ends()
        while not (names and self.skip("close")):
            names.append(self._node())
            self._skip_ends()
        return names

    def _node(self) -> str:
        token = self.take("the name of a node", "name", "quoted")
        quoted = token.kind == "quoted"
        name = re.sub(r"\\(.)", r"\1", token.text[1:-1]) if quoted else token.text
        self.graph.add_node(name)
        attributes = self.token.text
        if self.skip("attributes"):
            plain = re.sub(QUOTED, '""', attributes)  # a label can contain any word
            if {"latent", "unobserved", "u"} & set(re.split(r"[\s,;]+", plain.strip("[]").lower())):
                self.graph.nodes[name]["latent"] = True
        return name

    def _skip_ends(self) -> None:
        while self.skip("end"):
            pass
