"""Read the graph of a network in the Bayesian interchange format (.bif)."""

import re
from pathlib import Path
from typing import ClassVar

import networkx as nx

from ppgen.graph.core import AnyDAG
from ppgen.graph.nodes import GraphError
from ppgen.graph.parsing import Reader, Token


def read_bif(cls: type[AnyDAG], source: str | Path) -> AnyDAG:
    """DAG with the nodes and edges of a ``.bif`` file; its probability tables are skipped.

    ``source`` is the text, or the :class:`~pathlib.Path` of a file.

    Raises
    ------
    GraphError
        With the line number, if the text is not a complete and valid network; also if the file is
        not UTF-8 text.

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
    return cls(_Network(text).read())


class _Network(Reader):
    pattern = re.compile(
        r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
          | (?P<open>\{) | (?P<close>\})
          | (?P<left>\() | (?P<right>\))
          | (?P<comma>,) | (?P<bar>\|)
          | (?P<mark>[;\[\]])
          | (?P<quoted>"[^"\n]*")
          | (?P<word>[^\s{}()|,;\[\]"]+)
          | (?P<bad>.)""",
        re.VERBOSE | re.DOTALL,
    )
    expected: ClassVar = {"": "a name or a mark"}

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
                    first = self.place(declared[name])
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
            raise GraphError("line 1: the text declares no variable; expected a .bif network")
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
                opens = self.place(start)
                raise self.error(self.token, f"the block that opens in {opens} is not closed")
            depth += self.at("open") - self.at("close")
            self.index += 1
