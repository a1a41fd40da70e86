"""``ppgen explore``: pages in the browser."""

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ppgen.cli.sources import graph_of, of_program
from ppgen.graph import DAG


def add_to(commands: Any) -> None:
    """Add the command to the subparsers of a parser."""
    explore = commands.add_parser(
        "explore",
        help="a page for graphs or for models, in the browser",
        description="Open a page on this machine that nobody else can open.",
    )
    pages = explore.add_subparsers(required=True, metavar="PAGE")
    dag = pages.add_parser("dag", help="draw a graph, and ask about it")
    dag.add_argument(
        "graph", nargs="?", default="", metavar="GRAPH",
        help="text such as 'S -> A; S -> R', a file, FILE.py:MODEL, or - for standard input",
    )  # fmt: skip
    dag.set_defaults(run=run_dag)
    model = pages.add_parser("model", help="try trained models, and watch a run")
    model.add_argument(
        "names", nargs="*", metavar="NAME | FILE | RUN FOLDER",
        help="a model of the package, a saved model, or the folder of a run, which may go on; "
        "default: all models of the package",
    )  # fmt: skip
    model.set_defaults(run=run_model)
    for page in (dag, model):
        page.add_argument("--port", type=int, default=0, help="default: a free one")
        page.add_argument("--no-browser", action="store_true", help="print the address only")


def run_dag(options: argparse.Namespace) -> None:
    """Serve the page for graphs."""
    is_program = re.fullmatch(r".+\.py:\w+", options.graph)
    dag = (of_program if is_program else graph_of)(options.graph) if options.graph else DAG([])
    with _extra():
        from ppgen.explore.graphs.editor import arranged
        from ppgen.explore.graphs.page import GraphPage
        from ppgen.explore.server import serve
    dag = arranged(dag)
    serve(lambda: GraphPage(dag), "Graphs", port=options.port, show=not options.no_browser)


@contextmanager
def _extra() -> Iterator[None]:
    """Name the extra if the server is missing; it is imported late, as other commands need none."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "nicegui":
            raise
        raise ImportError(
            "explore needs the package nicegui: pip install 'pyro-ppgen[explore]'"
        ) from None


def run_model(options: argparse.Namespace) -> None:
    """Serve the page for models."""
    with _extra():
        from ppgen.explore.models.page import ModelsPage
        from ppgen.explore.server import serve
    from ppgen.explore.models.opened import open_named  # here, as other commands need no torch

    things = open_named(options.names)
    serve(lambda: ModelsPage(things), "Models", port=options.port, show=not options.no_browser)
