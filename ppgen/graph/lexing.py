"""Tokens of a text, and errors that name their place."""

import re
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from ppgen.graph.nodes import GraphError

QUOTED = r'"(?:[^"\\\n]++|\\[\s\S])*+"'
ESCAPED = {"\\n": "\n", "\\\n": "", '\\"': '"', "\\\\": "\\"}


class Token(NamedTuple):
    """A piece of a text with its position."""

    kind: str
    text: str
    position: int


class Reader:
    """Reads a text token by token, in time linear in the text.

    A subclass sets ``pattern``, with a group for each kind of token, ``space`` between them, and
    ``bad`` for what starts none; blanks can come before a group. It also sets ``expected``, what is
    expected in place of some bad tokens, with the key ``""`` for all others. The last token is of
    the kind ``stop``.
    """

    pattern: ClassVar[re.Pattern[str]]
    expected: ClassVar[Mapping[str, str]]

    def __init__(self, text: str) -> None:
        self.text = text
        # Lists of texts and numbers cost the garbage collector nothing, as tokens would.
        self.kinds: list[str] = []
        self.texts: list[str] = []
        self.positions: list[int] = []
        self.index = 0
        for match in self.pattern.finditer(text):
            kind = match.lastgroup or ""
            if kind != "space":
                self.kinds.append(kind)
                self.texts.append(match[kind])
                self.positions.append(match.start(kind))
                if kind == "bad":  # the rest may be inside quotes that are not closed
                    self.index = len(self.kinds) - 1
                    raise self.unexpected(self.expected.get(match[kind]) or self.expected[""])
        self.kinds.append("stop")
        self.texts.append("")
        self.positions.append(len(text))

    @property
    def token(self) -> Token:
        """The next token."""
        return self.token_at(self.index)

    def token_at(self, index: int) -> Token:
        """Token by its number."""
        return Token(self.kinds[index], self.texts[index], self.positions[index])

    def at(self, *kinds: str) -> bool:
        """Whether the next token is of one of these kinds."""
        return self.kinds[self.index] in kinds

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

    def error(self, place: Token | int, message: str) -> GraphError:
        """Error that names the place of a token, or of a position in the text."""
        position = place if isinstance(place, int) else place.position
        return GraphError(f"{located(self.text, position)}: {message}")

    def unexpected(self, what: str) -> GraphError:
        """Error at the next token."""
        found = repr(shortened(self.token.text)) if self.token.text else "the end"
        return self.error(self.token, f"expected {what}, found {found}")


def located(text: str, position: int) -> str:
    """Line and column of a position, in words."""
    line = text.count("\n", 0, position) + 1
    return f"line {line}, column {position - text.rfind(chr(10), 0, position)}"


def shortened(text: str, most: int = 60) -> str:
    """Text as an error message shows it."""
    return text if len(text) <= most else f"{text[:most]}…"


def unquoted(text: str) -> str:
    r"""Text between quotes, without the backslashes of ``\"``, ``\\``, ``\n`` and line ends."""
    if "\\" not in text:
        return text[1:-1]
    return re.sub(r"\\[\s\S]", lambda match: ESCAPED.get(match[0], match[0]), text[1:-1])


def quoted(text: str) -> str:
    r"""Text in quotes, which :func:`unquoted` reads; a backslash stays single if it can.

    Examples
    --------
    >>> print(quoted("C:\\temp"), quoted("a\nb"))
    "C:\temp" "a\nb"
    """
    text = re.sub(r'\\(?=[\\"n]|\n|\Z)', r"\\\\", text).replace('"', r"\"")
    return '"' + text.replace("\n", r"\n") + '"'
