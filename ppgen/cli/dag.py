"""``ppgen dag``: questions about a DAG from a shell."""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import sys
from collections.abc import Callable, Iterable, Sequence
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
    """Add the command to those of a parser."""
    dag = commands.add_parser(
        "dag",
        help="questions about a directed acyclic graph",
        description="Questions about a directed acyclic graph. A set of nodes is written a,b; "
        "a name with a comma in it is quoted, as in '\"a, b\",c'.",
    )
    source = dag.add_mutually_exclusive_group(required=True)
    source.add_argument("text", nargs="?", metavar="GRAPH", help="such as 'S -> A; S -> R'")
    source.add_argument("--bif", metavar="FILE", help="a network as bnlearn writes it")
    source.add_argument("--program", metavar="FILE.py:MODEL", help="a Pyro program, run once")
    dag.add_argument("--latent", nargs="+", default=[], metavar="NODE", help="never observed")
    dag.add_argument("--separated", nargs=2, metavar=("X", "Y"), help="whether X ⊥ Y is implied")
    dag.add_argument("--explain", nargs=2, metavar=("X", "Y"), help="why they depend, or do not")
    dag.add_argument("--given", nargs="+", default=[], metavar="NODE", help="what is known")
    dag.add_argument(
        "--independencies", nargs="?", const="basis", choices=RULES, metavar="RULE",
        help=f"list them by a rule: {', '.join(RULES)}; default: basis",
    )  # fmt: skip
    dag.add_argument("--limit", type=int, default=1000, help="independencies, at most %(default)s")
    dag.add_argument("--plot", metavar="FILE", help="draw the graph")
    dag.add_argument("--json", action="store_true", help="answer in JSON")
    dag.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Answer the questions that are asked, or describe the graph where there are none."""
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
        lines.append(_sentence(options.separated, given, separated))
    if options.explain:
        x, y = map(_split, options.explain)
        explanation = dag.explain(x, y, given)
        answers["explain"] = {"separated": explanation.separated, "text": str(explanation)}
        lines.append(str(explanation))
        if not explanation.separated:
            path = tuple(explanation.trails[0].nodes)
    if options.independencies:
        found = list(islice(RULES[options.independencies](dag), options.limit + 1))
        answers["independencies"] = [_as_lists(s) for s in found[: options.limit]]
        answers["complete"] = len(found) <= options.limit
        lines += map(str, found[: options.limit])
        if len(found) > options.limit:
            lines.append(f"… more than --limit {options.limit}")
    if options.plot:
        try:
            dag.draw(highlight=path, given=given).savefig(options.plot, dpi=150)
        except ValueError as error:  # of the file's ending
            raise GraphError(f"--plot {options.plot}: {error}") from error
    if not lines:
        lines = [] if options.plot else _description(dag)
    if options.json:
        edges = [[str(a), str(b)] for a, b in dag.graph.edges]
        graph = {"nodes": list(map(str, dag.nodes)), "edges": edges}
        latent = sorted(map(str, dag.latent))
        lines = [json.dumps({**graph, "latent": latent, **answers}, ensure_ascii=False, indent=2)]
    for line in lines:
        print(line)


def _source(options: argparse.Namespace) -> DAG:
    if options.bif:
        dag = DAG.from_bif(Path(options.bif))
    elif options.program:
        dag = _of_program(options.program)
    else:
        dag = DAG(options.text)
    return DAG(dag.graph, latent=_names(options.latent)) if options.latent else dag


def _of_program(name: str) -> DAG:
    try:
        return DAG.from_program(_load(name))
    except (GraphError, OSError, SyntaxError, ImportError):
        raise
    except Exception as error:  # of the user's own program
        raise GraphError(f"{name}: {type(error).__name__}: {error}") from error


def _load(name: str) -> Any:
    """Find an object in a file of Python, which is run."""
    path, colon, attribute = name.rpartition(":")
    if not colon or not path.endswith(".py"):
        raise GraphError(f"--program is {name!r}; expected FILE.py:MODEL")
    if not Path(path).is_file():
        raise GraphError(f"--program names the file {path}, which does not exist")
    spec = importlib.util.spec_from_file_location("ppgen_program", path)
    assert spec is not None  # the name ends as Python's do
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ppgen_program"] = module
    spec.loader.exec_module(module)
    if not hasattr(module, attribute):
        raise GraphError(f"--program names {attribute!r}, which is not in {path}")
    named = getattr(module, attribute)
    return named() if isinstance(named, type) else named


def _split(text: str) -> list[str]:
    rows = csv.reader(text.splitlines(), skipinitialspace=True)
    return [name.strip() for row in rows for name in row if name.strip()]


def _names(words: Iterable[str]) -> list[str]:
    return [name for word in words for name in _split(word)]


def _sentence(pair: Sequence[str], given: Sequence[str], separated: bool) -> str:
    x, y = (", ".join(_split(side)) for side in pair)
    sentence, bar = (
        (f"{x} ⊥ {y}", "|") if separated else (f"{x} and {y} depend on each other", "given")
    )
    return f"{sentence} {bar} {', '.join(given)}" if given else sentence


def _as_lists(s: Independence) -> dict[str, list[str]]:
    parts = {"x": s.x, "y": s.y, "given": s.given}
    return {name: sorted(map(str, nodes)) for name, nodes in parts.items()}


def _description(dag: DAG) -> list[str]:
    return [
        f"{node}"
        + (" ← " + ", ".join(map(str, dag.graph.pred[node])) if dag.graph.pred[node] else "")
        for node in dag.nodes
    ]
