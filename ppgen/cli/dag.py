"""``ppgen dag``: queries on a DAG."""

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ppgen.cli.sources import names, source, split, table
from ppgen.graph import DAG, GraphError, Independence
from ppgen.graph.formats import FORMATS, written
from ppgen.graph.nodes import Node, join

EXAMPLES = """examples:
  ppgen dag 'S -> A; S -> R; AP -> R' --separated A AP --given R
  ppgen dag net.bif --independencies local --limit 20
  ppgen dag model.dot --explain x y --plot model.pdf
  ppgen dag 'x -> y; x <- {u v} -> y' --adjustment x y
  ppgen dag model.txt --test data.csv
  curl https://example.org/model.txt | ppgen dag - --export tikz
"""

RULES: dict[str, Callable[[DAG], Iterable[Independence]]] = {
    "basis": DAG.basis_independencies,
    "local": DAG.local_independencies,
    "chain": DAG.chain_rule_independencies,
    "implied": DAG.implied_independencies,
    "all": DAG.independencies,
}
READABLE = [name for name, one in FORMATS.items() if one.read]
WRITABLE = [name for name, one in FORMATS.items() if one.write]

Answer = tuple[dict[str, Any], Iterable[str]]  # for --json, and lines


@dataclass(frozen=True)
class Query:
    """An option that asks about a graph; the arguments are those of ``add_argument``."""

    answer: Callable[[DAG, Any, argparse.Namespace], Answer]
    arguments: dict[str, Any]


def _separated(dag: DAG, value: Any, options: argparse.Namespace) -> Answer:
    x, y = map(split, value)
    given = names(options.given)
    separated = dag.d_separated(x, y, given)
    first, second = ", ".join(x), ", ".join(y)
    line = f"{first} ⊥ {second}" if separated else f"{first} and {second} depend on each other"
    bar = " | " if separated else " given "
    return {"separated": separated}, [line + bar + ", ".join(given) if given else line]


def _explain(dag: DAG, value: Any, options: argparse.Namespace) -> Answer:
    x, y = map(split, value)
    explanation = dag.explain(x, y, names(options.given))
    text = str(explanation)
    return {"explain": {"separated": explanation.separated, "text": text}}, [text]


def _separator(dag: DAG, value: Any, options: argparse.Namespace) -> Answer:
    return _sets("separators", dag.minimal_separators(*map(split, value)), options)


def _adjustment(dag: DAG, value: Any, options: argparse.Namespace) -> Answer:
    if len(value) not in (0, 2):
        raise GraphError(f"--adjustment has {len(value)} names; expected X Y, or none for marks")
    return _sets("adjustment", dag.adjustment_sets(*map(split, value)), options)


def _blanket(dag: DAG, value: Any, options: argparse.Namespace) -> Answer:
    blanket = dag.in_order(dag.markov_blanket(split(value)))
    return {"blanket": [str(node) for node in blanket]}, [_set(blanket)]


def _equivalence(dag: DAG, value: Any, options: argparse.Namespace) -> Answer:
    cpdag = dag.cpdag()
    undirected = sorted(sorted(map(str, edge)) for edge in cpdag.undirected)
    directed = sorted([str(a), str(b)] for a, b in cpdag.directed)
    return {"equivalence": {"directed": directed, "undirected": undirected}}, [str(cpdag)]


def _independencies(dag: DAG, value: Any, options: argparse.Namespace) -> Answer:
    found, complete = _limited(RULES[value](dag), options)
    listed = [
        {name: sorted(map(str, getattr(s, name))) for name in ("x", "y", "given")} for s in found
    ]
    lines = [*map(str, found), *_more(complete, options)]
    return {"independencies": listed, "complete": complete}, lines


def _test(dag: DAG, value: Any, options: argparse.Namespace) -> Answer:
    report = dag.test(table(Path(value)), level=options.level)
    rows = [
        {
            "statement": str(row.statement),
            "method": row.method,
            "p_value": row.p_value,
            "corrected": row.corrected,
            "holds": row.holds,
            "tested": row.tested,
        }
        for row in report
    ]
    return {"test": rows}, [str(report)]


def _export(dag: DAG, value: Any, options: argparse.Namespace) -> Answer:
    text = written(dag.graph, value)
    return {"export": text}, [text.removesuffix("\n")]


XY = {"nargs": 2, "metavar": ("X", "Y")}
QUERIES = {
    "separated": Query(_separated, XY | {"help": "whether X ⊥ Y is implied"}),
    "explain": Query(_explain, XY | {"help": "why they depend, or why not"}),
    "separator": Query(_separator, XY | {"help": "minimal sets that separate them"}),
    "adjustment": Query(
        _adjustment,
        {
            "nargs": "*",
            "metavar": "X Y",
            "help": "minimal sets to adjust for when the effect of X on Y is estimated; default: "
            "of the nodes marked as exposure on those marked as outcome",
        },
    ),
    "blanket": Query(_blanket, {"metavar": "X", "help": "the Markov blanket of X"}),
    "equivalence": Query(
        _equivalence, {"action": "store_true", "help": "edges of the equivalence class"}
    ),
    "independencies": Query(
        _independencies,
        {
            "nargs": "?",
            "const": "basis",
            "choices": RULES,
            "metavar": "RULE",
            "help": f"list them by a rule: {', '.join(RULES)}; default: basis",
        },
    ),
    "test": Query(_test, {"metavar": "DATA.csv", "help": "test them on data, a column a node"}),
    "export": Query(
        _export,
        {"choices": WRITABLE, "metavar": "FORMAT", "help": f"one of {', '.join(WRITABLE)}"},
    ),
}


def add_to(commands: Any) -> None:
    """Add the command to the subparsers of a parser."""
    dag = commands.add_parser(
        "dag",
        help="queries on a directed acyclic graph",
        description="Queries on a directed acyclic graph. Write a set of nodes as a,b and quote "
        "names that contain a comma, as in '\"a, b\",c'.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    graph = dag.add_mutually_exclusive_group(required=True)
    graph.add_argument(
        "graph", nargs="?", metavar="GRAPH",
        help="text such as 'S -> A; S -> R', a file, or - for standard input",
    )  # fmt: skip
    graph.add_argument("--program", metavar="FILE.py:MODEL", help="a Pyro program, run once")
    dag.add_argument(
        "--format", choices=READABLE, metavar="FORMAT",
        help=f"of the file: {', '.join(READABLE)}; default: by its name or content",
    )  # fmt: skip
    dag.add_argument("--latent", nargs="+", default=[], metavar="NODE", help="never observed")
    for name, query in QUERIES.items():
        dag.add_argument(f"--{name}", **query.arguments)
    dag.add_argument("--given", nargs="+", default=[], metavar="NODE", help="nodes to condition on")
    dag.add_argument("--limit", type=int, default=1000, help="of a list, at most %(default)s")
    dag.add_argument("--level", type=float, default=0.05, help="of the test, default: %(default)s")
    dag.add_argument("--plot", metavar="FILE", help="save a drawing of the graph")
    dag.add_argument("--json", action="store_true", help="answer in JSON")
    dag.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Answer the queries among the options, or describe the graph if there are none."""
    if options.limit < 0:
        raise GraphError(f"--limit is {options.limit}; expected 0 or more")
    dag = DAG(source(options).graph, latent=names(options.latent))
    answers: dict[str, Any] = {}
    lines: list[str] = []
    for name, query in QUERIES.items():
        value = getattr(options, name)
        if value is not None and value is not False:
            answer, shown = query.answer(dag, value, options)
            answers |= answer
            lines += shown
    if options.plot:
        _plot(dag, options)
    if options.json:
        graph = {
            "nodes": [str(node) for node in dag.nodes],
            "edges": [[str(a), str(b)] for a, b in dag.graph.edges],
            "latent": sorted(map(str, dag.latent)),
        }
        lines = [json.dumps(graph | answers, ensure_ascii=False, indent=2)]
    elif not answers and not options.plot:
        parents = {node: ", ".join(map(str, dag.graph.pred[node])) for node in dag.nodes}
        lines = [f"{node} ← {above}" if above else f"{node}" for node, above in parents.items()]
    for line in lines:
        print(line)


def _plot(dag: DAG, options: argparse.Namespace) -> None:
    given, path = names(options.given), tuple[Node, ...]()
    if options.explain:
        x, y = map(split, options.explain)
        explanation = dag.explain(x, y, given)
        path = () if explanation.separated else explanation.trails[0].nodes
    try:
        dag.draw(highlight=path, given=given).savefig(options.plot, dpi=150)
    except ValueError as error:  # unknown file format
        raise GraphError(f"--plot {options.plot}: {error}") from error


def _sets(name: str, sets: Iterable[Iterable[Node]], options: argparse.Namespace) -> Answer:
    found, complete = _limited(sets, options)
    listed = [sorted(map(str, one)) for one in found]
    lines = [*map(_set, found), *_more(complete, options)] or ["there is none"]
    return {name: listed, "complete": complete}, lines


def _limited(found: Iterable[Any], options: argparse.Namespace) -> tuple[list[Any], bool]:
    rest = iter(found)
    return list(islice(rest, options.limit)), next(rest, None) is None


def _more(complete: bool, options: argparse.Namespace) -> list[str]:
    return [] if complete else [f"… more than --limit {options.limit}"]


def _set(nodes: Iterable[Node]) -> str:
    return f"{{{join(nodes)}}}"
