"""Parse graphs from text: arrows between names, the language of dagitty, and DOT."""

import re
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar

import networkx as nx

from ppgen.graph.attributes import NAMES, POSITION, decoded, is_status
from ppgen.graph.lexing import QUOTED, Reader, Token, shortened, unquoted
from ppgen.graph.nodes import GraphError, Node
from ppgen.kinds import suggestion

Bidirected = dict[tuple[Node, Node], dict[str, Any]]  # attributes of each bidirected edge

DEEPEST = 50  # groups within groups
PRODUCTS = 1_000_000  # edges between groups, and attributes of groups and chains

REFUSED = {
    "mag": "a MAG (maximal ancestral graph)",
    "pag": "a PAG (partial ancestral graph)",
    "pdag": "a PDAG (partially directed graph)",
}
TYPES = ("dag", "digraph", "graph", *REFUSED)
DIRECTIONS = {("->", "both"): "<->", ("->", "back"): "<-", ("->", "forward"): "->"}  # in DOT
ARROWS = {"→": "->", "←": "<-", "↔": "<->"}
FORWARD = {"->", "→"}
EDGE = ["name", "arrow", "name", "end"]

_HTML = r"<(?:[^<>]|<[^<>]*>)*+>"
# Other arrows and parentheses that are not closed would make nodes of their own, or of words.
_NAME = r"""(?:[^\s;,"{}\[\]<>→←↔⟶⟵⟷⇒⇐⇔=@~(/-]|\((?=[^\s;,)]{0,200}+\)))"""
_STATUSES = rf"\s*+(?:(?i:{'|'.join(NAMES)})(?:[\s,;]++|(?=\])))*+\]"
# An index belongs to the name: [1] or [t-1] or [i, j], but not [latent], [x=1] or [word].
_INDEX = rf"""\[(?!{_STATUSES})
    (?=[^\]\n]*[^\sA-Za-z,\]\n]|\s*[A-Za-z](?:\s*,\s*[A-Za-z])*\s*\])[^\]\["={{}};\n]++\]"""
_ITEM = re.compile(
    rf"""[\s,;]*+(?:(?P<key>{QUOTED}|[^\s,;="\[\]<>]++)\s*+
         (?:=\s*+(?P<value>{QUOTED}|{_HTML}|[^\s,;="\[\]<>]++))?+)?+""",
    re.VERBOSE,
)


def parse(text: str) -> tuple[nx.DiGraph, Bidirected]:
    """Parse a graph, possibly cyclic, and its bidirected edges with their attributes.

    Statements end with ``;``, a comma, a blank or a line break. Each is a node, or a chain of nodes
    and arrows ``->``, ``<-``, ``<->`` (or →, ←, ↔). ``{a b}`` means several nodes, and statements
    in it are part of the graph. ``"a b"`` quotes a name; brackets that directly follow a name, as
    in ``x[1]`` and ``U[t-1]``, are part of it. Comments are ``//``, ``#`` and ``/* */``.

    ``[latent]`` after a node marks it as latent; other marks are ``exposure``, ``outcome``,
    ``adjusted`` and ``selected``. ``[pos="1,2"]`` is its position and ``[key=value]`` another
    attribute; after a chain, these two belong to its edges.

    The text can be wrapped in dagitty's ``dag { … }`` or DOT's ``digraph { … }``. Settings for the
    whole graph are skipped: ``rankdir=LR`` or ``node [shape=box]``.

    Raises
    ------
    GraphError
        With line and column, if the text is not such a graph.

    Examples
    --------
    >>> graph, bidirected = parse("dag { u [latent]; u -> {x y}; x <-> y }")
    >>> list(graph.edges), dict(graph.nodes["u"]), bidirected
    ([('u', 'x'), ('u', 'y')], {'latent': True}, {('x', 'y'): {}})
    """
    parser = _Parser(text)
    parser.parse()
    graph = nx.DiGraph()
    graph.add_nodes_from(parser.nodes.items())
    graph.add_edges_from(parser.edges)
    return graph, parser.bidirected


@dataclass
class _Group:
    """What has been read of a list of statements, and of the last one among them."""

    members: list[str] = field(default_factory=list)
    left: tuple[str, ...] = ()  # the nodes before the next arrow
    arrow: str = ""  # if a node must follow
    steps: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)  # of the edges
    edges: bool | None = None  # whether the statement before has edges; None after ';'
    comma: Token | None = None  # between the two

    @property
    def begun(self) -> bool:
        """Whether a statement goes on."""
        return bool(self.left or self.arrow or self.comma)


class _Parser(Reader):
    pattern = re.compile(
        rf"""\s*+(?:
            (?P<space>\Z|//[^\n]*+|\#[^\n]*+|/\*[\s\S]*?\*/)
          | (?P<end>;) | (?P<comma>,) | (?P<equal>=)
          | (?P<arrow><->|->|<-(?![-@])|[→←↔])
          | (?P<mark>@->|<-@|--@|@-@|@--|<?--+>?|(?<!\S)(?:o-[o>]|<-o|o--|--o)(?!\S))
          | (?P<quoted>{QUOTED})
          | (?P<open>\{{) | (?P<close>\}})
          | (?P<attributes>\[(?:{QUOTED}|{_HTML}|[^\]"<])*+\])
          | (?P<name>(?!')(?:{_NAME}|/(?![/*])|(?<={_NAME})-(?![->]))++(?:{_INDEX})*+)
          | (?P<bad>/\*|.))""",
        re.VERBOSE,
    )
    expected: ClassVar = {
        '"': "a closing quote",
        "[": "a closing bracket",
        "'": "double quotes",
        "(": "double quotes around a name with blanks or commas in parentheses",
        "/*": "a comment that ends with '*/'",
        "": "a node, an arrow or ';'",
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.nodes: dict[str, dict[str, Any]] = {}
        self.edges: list[tuple[Any, ...]] = []
        self.bidirected: Bidirected = {}
        self.products = 0
        self.ports = False

    def parse(self) -> None:
        self._skip_ends()
        wrapped = self._skip_wrapper()
        group, outer, depth = _Group(), list[_Group](), 0
        kinds, texts = self.kinds, self.texts
        while (kind := kinds[self.index]) != "stop":
            text = texts[self.index]
            if not group.begun and kinds[self.index : self.index + 4] == EDGE:
                pair = text, texts[self.index + 2]
                if texts[self.index + 1] in FORWARD and not (self.ports and ":" in "".join(pair)):
                    # Most statements of large graphs, in a tenth of the time.
                    for name in pair:
                        self.nodes.setdefault(name, {})
                    self.edges.append(pair)
                    group.members += pair
                    group.edges = None
                    self.index += 4
                    continue
            operand: tuple[str, ...] = ()
            if kind in ("name", "quoted"):
                if kind == "name" and not group.arrow and self._skip_setting(text):
                    continue
                name = text if kind == "name" else unquoted(text)
                if self.ports and kind == "name" and not (name := name.partition(":")[0]):
                    self.index += 1  # the port of a name in quotes
                    continue
                operand = (name,)
                if name not in self.nodes:
                    self.nodes[name] = {}
            elif kind == "arrow" and group.left and not group.arrow:
                group.arrow = ARROWS.get(text, text)
            elif kind == "end" and not group.arrow:
                self._finish(group)
                group.edges = group.comma = None
            elif kind == "comma" and not group.arrow:
                self._finish(group)
                group.comma = self.token
            elif kind == "open" and not self._glued(group) and (depth := depth + 1) <= DEEPEST:
                outer.append(group)
                group = _Group()
            elif kind == "close" and outer and not group.arrow and group.members:
                self._finish(group)
                operand = tuple(dict.fromkeys(group.members))
                group = outer.pop()
                depth -= 1
            elif kind == "close" and wrapped and not outer and not group.arrow:
                wrapped = False
                self.index += 1
                break
            else:
                raise self._refusal(group, bool(outer))
            self.index += 1
            if operand:
                self._add(group, operand)
        if group.arrow:
            raise self.unexpected("the name of a node")
        self._finish(group)
        if outer or wrapped:
            raise self.unexpected("'}'")
        self._skip_ends()
        self.take("the end of the text", "stop")

    def _refusal(self, group: _Group, nested: bool) -> GraphError:
        kind, text, _ = self.token
        if kind == "mark":
            edge = "of a PAG" if "@" in text or "o" in text else "without a direction"
            return self.unexpected(f"an arrow '->', '<-' or '<->' of a DAG, not an edge {edge}")
        if kind == "open":
            deep = f"at most {DEEPEST} groups within each other"
            return self.unexpected("quotes around a name with '{'" if self._glued(group) else deep)
        if kind in ("arrow", "close") and (group.arrow or kind == "arrow" or nested):
            return self.unexpected("the name of a node")
        return self.unexpected("the name of a node" if group.arrow else "a node, an arrow or ';'")

    def _glued(self, group: _Group) -> bool:
        """Whether the name before an opening brace goes on with it, as in ``x_{2}``."""
        text, start = self.texts[self.index - 1], self.positions[self.index - 1]
        return group.left == (text,) and start + len(text) == self.positions[self.index]

    def _skip_ends(self) -> None:
        while self.at("end", "comma"):
            self.index += 1

    def _skip_wrapper(self) -> bool:
        start = self.index
        self.index += self.token.text.lower() == "strict"
        token, kind = self.token, self.token.text.lower()
        if token.kind == "name" and kind in TYPES:
            self.index += 1
            self.skip("name", "quoted")
            if self.skip("open"):
                self.ports = kind == "digraph"  # in DOT, a:b is a place at the node a
                if kind in REFUSED:
                    raise self.error(token, f"the graph is {REFUSED[kind]}; expected a DAG")
                return True
        self.index = start
        return False

    def _skip_setting(self, name: str) -> bool:
        """Skip ``rankdir=LR``, ``node [shape=box]``, and the head of ``subgraph name {``."""
        following = self.kinds[self.index + 1]
        if following == "equal":
            self.index += 2
            self.take("a value", "name", "quoted")
            return True
        if name == "subgraph" and following in ("name", "quoted", "open"):
            named = following != "open"
            if self.kinds[self.index + 1 + named] == "open":
                self.index += 1 + named
                return True
        if name in ("node", "edge", "graph") and following == "attributes":
            flags, _ = self._items(self.token_at(self.index + 1))
            self.index += 2 * (not flags)
            return not flags
        return False

    def _add(self, group: _Group, operand: tuple[str, ...]) -> None:
        """Add nodes to the current statement, or start a new one with them."""
        group.members += operand
        if group.arrow:
            group.steps.append((group.arrow, group.left, operand))
            group.arrow = ""
        elif group.left:
            self._finish(group)
        group.left = operand
        if self.kinds[self.index] == "attributes":
            flags, values = self._items(self.token)
            self.index += 1
            if group.steps:
                group.attributes |= values
                values = {}
            try:
                found = decoded(flags | values)
            except GraphError as error:
                raise self.error(self.token_at(self.index - 1), str(error)) from None
            self._multiply(len(operand), len(found))
            for node in operand:
                self.nodes[node] |= found

    def _finish(self, group: _Group) -> None:
        """Add the edges of the current statement, and be ready for the next."""
        if not group.left:
            return
        if group.comma and group.edges is (not group.steps):
            message = "'a, b -> c' can mean two graphs; expected '{a b} -> c' or 'a; b -> c'"
            raise self.error(group.comma, message)
        group.comma, group.edges, group.left = None, bool(group.steps), ()
        if group.steps:
            self._connect(group)
            group.steps, group.attributes = [], {}

    def _connect(self, group: _Group) -> None:
        attributes = group.attributes
        direction = attributes.pop("dir", "forward")
        edges = sum(len(left) * len(right) for _, left, right in group.steps)
        self._multiply(edges, len(attributes))
        for arrow, left, right in group.steps:
            if direction != "forward":
                if (arrow, direction) not in DIRECTIONS:
                    raise self.error(
                        self.token_at(self.index - 1),
                        f"an edge {arrow} has dir={direction}; expected '->' with forward, back or "
                        "both",
                    )
                arrow = DIRECTIONS[arrow, direction]
            self._multiply(len(left), len(right))
            if arrow == "<-":
                left, right = right, left
            pairs = product(left, right)
            if arrow == "<->":
                # In DOT, the position of an edge is its whole curve.
                found = {k: v for k, v in attributes.items() if k != "pos" or POSITION.fullmatch(v)}
                for pair in pairs:
                    self.bidirected.setdefault(pair, {}).update(decoded(found))
            else:
                self.edges += [(*pair, attributes) for pair in pairs] if attributes else pairs

    def _multiply(self, one: int, other: int) -> None:
        """Count what a text makes more of than it has words."""
        self.products += one * other if min(one, other) > 1 else 0
        if self.products > PRODUCTS:
            message = f"groups and chains have more than {PRODUCTS:,} edges and attributes"
            raise self.error(self.token_at(self.index - 1), message)

    def _items(self, token: Token) -> tuple[dict[str, Any], dict[str, Any]]:
        """Statuses and other attributes of a pair of brackets."""
        flags: dict[str, Any] = {}
        values: dict[str, Any] = {}
        at, end = token.position + 1, token.position + len(token.text) - 1
        while at < end:
            match = _ITEM.match(self.text, at, end)
            if not match or match.end() == at:
                found = self.text[at]
                raise self.error(at, f"expected attributes as in [latent, x=1], found {found!r}")
            at = match.end()
            key, value = map(_plain, match.groups())
            status = key is not None and is_status(key, value)
            if key and value is None and not status:
                word = shortened(key)
                message = f"unknown attribute {word!r}; expected {', '.join(NAMES)} or key=value"
                raise self.error(match.start("key"), message + suggestion(word, NAMES))
            if key:
                (flags if status else values)[key] = "true" if value is None else value
        return flags, values


def _plain(part: str | None) -> str | None:
    return unquoted(part) if part and part[0] == '"' else part
