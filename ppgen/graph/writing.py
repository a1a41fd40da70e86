"""Write graphs as text: one line, dagitty, DOT, GraphML and TikZ."""

import re
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import networkx as nx

from ppgen.graph.attributes import encoded
from ppgen.graph.lexing import quoted
from ppgen.graph.nodes import GraphError, Node, latex_name
from ppgen.graph.parsing import TYPES

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+")
RESERVED = (*TYPES, "subgraph", "strict", "node", "edge")
NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def one_line(graph: nx.DiGraph) -> str:
    """Write statements in one line, with a node of its own only if an edge does not say it all."""
    nodes, edges = _statements(graph)
    needed = [
        (text, (n,)) for n, text in nodes.items() if text != _name(n) or nx.is_isolate(graph, n)
    ]
    in_order = [(text, (n,)) for n, text in nodes.items()]
    for lines in (needed + edges, edges + needed, in_order + edges):
        if [*dict.fromkeys(n for _, ends in lines for n in ends)] == [*nodes]:
            break
    return "; ".join(text for text, _ in lines)


def dagitty(graph: nx.DiGraph) -> str:
    """Write the language of dagitty."""
    nodes, edges = _statements(graph)
    return "\n".join(["dag {", *nodes.values(), *(text for text, _ in edges), "}\n"])


def dot(graph: nx.DiGraph) -> str:
    """Write DOT, the language of Graphviz."""
    nodes, edges = _statements(graph, dot=True)
    lines = (*nodes.values(), *(text for text, _ in edges))
    return "\n".join(["digraph {", *(f"  {line};" for line in lines), "}\n"])


def graphml(graph: nx.DiGraph) -> str:
    """Write GraphML, as networkx does."""
    _check_names(graph)
    plain = nx.DiGraph()
    plain.add_nodes_from((str(node), _xml(found)) for node, found in graph.nodes(data=True))
    plain.add_edges_from((str(a), str(b), _xml(found)) for a, b, found in graph.edges(data=True))
    file = BytesIO()
    nx.write_graphml_xml(plain, file)
    text = file.getvalue().decode()
    if found := NOT_XML.search(text):
        raise GraphError(
            f"a name or attribute contains {found[0]!r}; expected characters that XML allows"
        )
    return text + "\n"


def tikz(graph: nx.DiGraph) -> str:
    """Write a TikZ picture, with the positions of the nodes if all of them have one."""
    from ppgen.graph.layout import layered  # here, as scipy is slow to import
    from ppgen.graph.placement import placed

    joined = arcs_of(graph)
    width = {node: 0.3 + 0.1 * len(str(node)) for node in graph}
    at: Mapping[Any, tuple[float, float]] | None = placed(graph, joined, width, 0.4)
    nodes = graph.subgraph(node for node in graph if node not in joined)
    routes: Mapping[Any, list[Any]] = {edge: [*edge] for edge in nodes.edges}
    if at is None:
        layout = layered(nodes, {}, width)
        at, routes = {key: (x, -layout.layer[key]) for key, x in layout.x.items()}, layout.routes
    lines = [r"\begin{tikzpicture}[x=1in, y=1in, >=stealth, rounded corners]"]
    number = {node: i for i, node in enumerate(nodes)}
    point = {key: f"({x:.3f}, {y:.3f})" for key, (x, y) in at.items()}
    for node, i in number.items():
        style = "draw, dashed" if graph.nodes[node].get("latent") else "draw"
        style += ", fill=gray!25" if graph.nodes[node].get("observed") else ""
        lines.append(rf"  \node[{style}] (n{i}) at {point[node]} {{${latex_name(node)}$}};")
    for (a, b), route in routes.items():
        way = " -- ".join(
            [f"(n{number[a]})", *(point[key] for key in route[1:-1]), f"(n{number[b]})"]
        )
        lines.append(rf"  \draw[->] {way};")
    for x, y in joined.values():
        lines.append(rf"  \draw[<->, dashed] (n{number[x]}) to[bend left] (n{number[y]});")
    return "\n".join([*lines, r"\end{tikzpicture}", ""])


def arcs_of(graph: nx.DiGraph) -> dict[Node, tuple[Node, Node]]:
    """Nodes that stand for a bidirected edge of a text, with the two nodes that it joins."""
    found: dict[Node, tuple[Node, Node]] = {}
    for cause, attributes in graph.nodes(data=True):
        if attributes.get("latent") and len(graph.succ[cause]) == 2 and not graph.pred[cause]:
            (x, first), (y, second) = graph.succ[cause].items()
            statuses = [value for value in encoded(attributes).values() if value is True]
            if len(statuses) == 1 and not (encoded(first) or encoded(second)):
                named = {f"U({a}, {b})": (a, b) for a, b in ((x, y), (y, x))}
                if cause in named:
                    found[cause] = named[cause]
    return found


def _statements(
    graph: nx.DiGraph, dot: bool = False
) -> tuple[dict[Node, str], list[tuple[str, tuple[Node, ...]]]]:
    """Statements of the nodes, and of the edges with their nodes; a bidirected edge is an edge."""
    _check_names(graph)
    joined = arcs_of(graph)
    data = {n: encoded(found, pinned=dot) for n, found in graph.nodes(data=True)}
    nodes = {n: _name(n) + _brackets(data[n], dot) for n in graph if n not in joined}
    edges: list[tuple[str, tuple[Node, ...]]] = []
    for a in nodes:
        plain = []
        for b, found in graph.succ[a].items():
            if brackets := _brackets(encoded(found)):
                edges.append((f"{_name(a)} -> {_name(b)}{brackets}", (a, b)))
            else:
                plain.append(b)
        if plain:
            children = " ".join(map(_name, plain))
            edges.append(
                (f"{_name(a)} -> {f'{{{children}}}' if plain[1:] else children}", (a, *plain))
            )
    for cause, (x, y) in joined.items():
        found = {key: value for key, value in data[cause].items() if key != "latent"}
        arrow, found = ("->", {"dir": "both"} | found) if dot else ("<->", found)
        edges.append((f"{_name(x)} {arrow} {_name(y)}{_brackets(found)}", (x, y)))
    return nodes, edges


def _name(node: object) -> str:
    plain = PLAIN.fullmatch(str(node)) and str(node).lower() not in RESERVED
    return str(node) if plain else quoted(str(node))


def _brackets(attributes: Mapping[str, str | bool], dot: bool = False) -> str:
    items = [
        key + "=true" * dot if value is True else f"{_name(key)}={quoted(str(value))}"
        for key, value in attributes.items()
    ]
    return f" [{', '.join(items)}]" if items else ""


def _xml(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes with numbers as they are, and all others as texts or True."""
    kept = {k: v for k, v in attributes.items() if isinstance(v, int | float)}
    return encoded(attributes) | kept


def _check_names(graph: nx.DiGraph) -> None:
    names = Counter(map(str, graph))
    if len(names) < len(graph):
        twice = names.most_common(1)[0][0]
        raise GraphError(f"two nodes have the name {twice!r}; expected different names in a text")
