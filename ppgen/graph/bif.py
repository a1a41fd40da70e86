"""Read the graph of a network in the Bayesian interchange format (.bif)."""

import re
from typing import ClassVar

import networkx as nx

from ppgen.graph.lexing import Reader, Token, located
from ppgen.graph.nodes import GraphError
from ppgen.graph.parsing import Bidirected


def recognised(text: str) -> bool:
    """Whether a text is a network: its first word is one of the format, and it has tables."""
    first = re.match(r"(?:\s++|//[^\n]*+)*+(?:network|variable)\b", text)
    return bool(first and re.search(r"\bprobability\s*\(", text))


def parse(text: str) -> tuple[nx.DiGraph, Bidirected]:
    """Parse the nodes and edges of a network; its probability tables are skipped.

    Raises
    ------
    GraphError
        With line and column, if the text is not a complete and valid network.

    Examples
    --------
    >>> text = '''variable rain { type discrete [ 2 ] { yes, no }; }
    ... variable wet { type discrete [ 2 ] { yes, no }; }
    ... probability ( rain ) { table 0.2, 0.8; }
    ... probability ( wet | rain ) { (yes) 0.9, 0.1; (no) 0.1, 0.9; }'''
    >>> parse(text)[0].edges
    OutEdgeView([('rain', 'wet')])
    """
    return _Network(text).read(), {}


class _Network(Reader):
    pattern = re.compile(
        r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
          | (?P<open>\{) | (?P<close>\})
          | (?P<left>\() | (?P<right>\))
          | (?P<comma>,) | (?P<bar>\|)
          | (?P<mark>[;\[\]])
          | (?P<quoted>"[^"\n]*")
          | (?P<bad>"|/\*)
          | (?P<word>[^\s{}()|,;\[\]"]+)""",
        re.VERBOSE | re.DOTALL,
    )
    expected: ClassVar = {'"': "a closing quote", "/*": "a comment that ends with '*/'"}

    def read(self) -> nx.DiGraph:
        declared: dict[str, Token] = {}
        parents: dict[str, list[str]] = {}
        while not self.at("stop"):
            word = self.token.text
            if word not in ("network", "variable", "probability", ";"):
                raise self.unexpected("network, variable or probability")
            self.index += 1
            if word == ";":
                continue
            if word == "network":
                while not self.at("open", "stop"):
                    self.index += 1
            elif word == "variable":
                token = self._name()
                name = token.text
                if name in declared:
                    first = located(self.text, declared[name].position)
                    raise self.error(token, f"variable {name!r} is already declared in {first}")
                declared[name] = token
            else:
                token, *above = self._family(declared)
                name = token.text
                if name in parents:
                    raise self.error(token, f"variable {name!r} has a second probability block")
                parents[name] = [parent.text for parent in above]
                if len({name, *parents[name]}) <= len(above):
                    raise self.error(token, f"the block of {name!r} names a variable twice")
            self._skip_block()
        for name, token in declared.items():
            if name not in parents:
                message = "has no probability block; is the text truncated?"
                raise self.error(token, f"variable {name!r} {message}")
        if not declared:
            raise GraphError(
                "line 1, column 1: the text declares no variable; expected a .bif network"
            )
        graph = nx.DiGraph()
        graph.add_nodes_from(declared)
        graph.add_edges_from((parent, name) for name in declared for parent in parents[name])
        return graph

    def _family(self, declared: dict[str, Token]) -> list[Token]:
        self.take("'('", "left")
        family = [self._name()]
        while self.skip("comma") or (len(family) == 1 and self.skip("bar")):
            family.append(self._name())
        self.take("')'", "right")
        for token in family:
            if token.text not in declared:
                message = f"variable {token.text!r} is not declared before this line"
                raise self.error(token, message)
        return family

    def _name(self) -> Token:
        if self.token.text == '""':
            raise self.unexpected("the name of a variable")
        token = self.take("the name of a variable", "word", "quoted")
        return token._replace(text=token.text.strip('"'))

    def _skip_block(self) -> None:
        start = self.take("'{'", "open")
        depth = 1
        while depth:
            if self.at("stop"):
                opens = located(self.text, start.position)
                raise self.error(self.token, f"the block that opens in {opens} is not closed")
            depth += self.at("open") - self.at("close")
            self.index += 1
