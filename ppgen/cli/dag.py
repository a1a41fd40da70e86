"""``ppgen dag``: queries on a DAG."""

import argparse
import csv
import json
import runpy
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from ppgen.graph import DAG, GraphError, Independence

RULES: dict[str, Callable[[DAG], Iterable[Independence]]] = {
    "basis": DAG.basis_independencies,
    "local": DAG.local_independencies,
    "chain": DAG.chain_rule_independencies,
    "implied": DAG.implied_independencies,
    "all": DAG.independencies,
}


def add_to(commands: Any) -> None:
    """Add the command to the subparsers of a parser."""
    dag = commands.add_parser(
        "dag",
        help="queries on a directed acyclic graph",
        description="Queries on a directed acyclic graph. Write a set of nodes as a,b and quote "
        "names that contain a comma, as in '\"a, b\",c'.",
    )
    source = dag.add_mutually_exclusive_group(required=True)
    source.add_argument("text", nargs="?", metavar="GRAPH", help="such as 'S -> A; S -> R'")
    source.add_argument("--bif", metavar="FILE", help="a network in the .bif format")
    source.add_argument("--program", metavar="FILE.py:MODEL", help="a Pyro program, run once")
    dag.add_argument("--latent", nargs="+", default=[], metavar="NODE", help="never observed")
    dag.add_argument("--separated", nargs=2, metavar=("X", "Y"), help="whether X ⊥ Y is implied")
    dag.add_argument("--explain", nargs=2, metavar=("X", "Y"), help="why they depend, or why not")
    dag.add_argument("--given", nargs="+", default=[], metavar="NODE", help="nodes to condition on")
    dag.add_argument(
        "--independencies", nargs="?", const="basis", choices=RULES, metavar="RULE",
        help=f"list them by a rule: {', '.join(RULES)}; default: basis",
    )  # fmt: skip
    dag.add_argument("--limit", type=int, default=1000, help="independencies, at most %(default)s")
    dag.add_argument("--plot", metavar="FILE", help="save a drawing of the graph")
    dag.add_argument("--json", action="store_true", help="answer in JSON")
    dag.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Answer the queries among the options, or describe the graph if there are none."""
    if options.limit < 0:
        raise GraphError(f"--limit is {options.limit}; expected 0 or more")
    dag = _source(options)
    given = _names(options.given)
    answers: dict[str, Any] = {}
    lines: list[str] = []
    path: tuple[Any, ...] = ()
    if options.separated:
        x, y = map(_split, options.separated)
        answers["separated"] = separated = dag.d_separated(x, y, given)
        first, second = ", ".join(x), ", ".join(y)
        line = f"{first} ⊥ {second}" if separated else f"{first} and {second} depend on each other"
        bar = " | " if separated else " given "
        lines.append(line + bar + ", ".join(given) if given else line)
    if options.explain:
        x, y = map(_split, options.explain)
        explanation = dag.explain(x, y, given)
        answers["explain"] = {"separated": explanation.separated, "text": str(explanation)}
        lines.append(str(explanation))
        path = () if explanation.separated else explanation.trails[0].nodes
    if options.independencies:
        statements = iter(RULES[options.independencies](dag))
        found = list(islice(statements, options.limit))
        complete = next(statements, None) is None
        answers["independencies"] = [
            {name: sorted(map(str, getattr(s, name))) for name in ("x", "y", "given")}
            for s in found
        ]
        answers["complete"] = complete
        lines += map(str, found)
        if not complete:
            lines.append(f"… more than --limit {options.limit}")
    if options.plot:
        try:
            dag.draw(highlight=path, given=given).savefig(options.plot, dpi=150)
        except ValueError as error:  # unknown file format
            raise GraphError(f"--plot {options.plot}: {error}") from error
    if not lines and not options.plot:
        parents = {node: ", ".join(map(str, dag.graph.pred[node])) for node in dag.nodes}
        lines = [f"{node} ← {above}" if above else f"{node}" for node, above in parents.items()]
    if options.json:
        graph = {
            "nodes": [str(node) for node in dag.nodes],
            "edges": [[str(a), str(b)] for a, b in dag.graph.edges],
            "latent": sorted(map(str, dag.latent)),
        }
        lines = [json.dumps(graph | answers, ensure_ascii=False, indent=2)]
    for line in lines:
        print(line)


def _source(options: argparse.Namespace) -> DAG:
    source = options.text
    if options.bif:
        source = DAG.from_bif(Path(options.bif)).graph
    elif options.program:
        source = _of_program(options.program).graph
    return DAG(source, latent=_names(options.latent))


def _of_program(name: str) -> DAG:
    """DAG of an object in a Python file, which is run; a class is called without arguments."""
    path, colon, attribute = name.rpartition(":")
    if not colon or not path.endswith(".py"):
        raise GraphError(f"--program is {name!r}; expected FILE.py:MODEL")
    if not Path(path).is_file():
        raise GraphError(f"--program names the file {path}, which does not exist")
    try:
        names = runpy.run_path(path, run_name="ppgen_program")
        if attribute not in names:
            raise GraphError(f"--program names {attribute!r}, which is not in {path}")
        named = names[attribute]
        return DAG.from_program(named() if isinstance(named, type) else named)
    except (GraphError, OSError, SyntaxError, ImportError):
        raise
    except Exception as error:  # an error in the user's program
        raise GraphError(f"{name}: {type(error).__name__}: {error}") from error


def _split(text: str) -> list[str]:
    rows = csv.reader(text.splitlines(), skipinitialspace=True)
    return [name.strip() for row in rows for name in row if name.strip()]


def _names(words: Iterable[str]) -> list[str]:
    return [name for word in words for name in _split(word)]
