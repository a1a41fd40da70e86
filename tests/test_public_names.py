"""`import ppgen` names every room, and imports none before it is used."""

import inspect
import subprocess
import sys
from types import ModuleType

import pytest

import ppgen
import ppgen.experiments

SLOW = {"torch", "pyro", "matplotlib", "scipy"}


def new_process(code, *argv):
    argv = [sys.executable, "-c", f"import sys\n{code}", *argv]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "code",
    [
        "import ppgen, ppgen.graph; ppgen.graph.DAG('a -> b -> c').explain('a', 'c', 'b')",
        "from ppgen import graph; graph.check_joint('a -> b', {'a': [1], 'b': [[1]]})",
        "from ppgen.cli import main; assert main(['dag', 'a -> b', '--separated', 'a', 'b']) == 0",
        "sys.argv[1:] = ['dag', 'a -> b', '--explain', 'a', 'b', '--json']\n"
        "import runpy\n"
        "try: runpy.run_module('ppgen', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0",
    ],
    ids=["the package", "the room", "the command", "python -m ppgen"],
)
def test_a_question_about_a_graph_needs_no_slow_import(code):
    printed = new_process(f"{code}\nprint(sorted({SLOW} & set(sys.modules)))")
    assert printed.splitlines()[-1] == "[]"


def test_every_public_name_is_found_and_listed():
    assert set(ppgen.__all__) <= set(dir(ppgen))
    found = {name: getattr(ppgen, name) for name in ppgen.__all__}
    assert all(value.__name__.rpartition(".")[2] == name for name, value in found.items())
    rooms = {name for name, value in found.items() if isinstance(value, ModuleType)}
    assert rooms == set(ppgen.__all__) - set(ppgen._HOMES)


def test_completion_at_a_prompt_offers_public_names_alone():
    assert set(dir(ppgen)) == {*ppgen.__all__, "__version__"}


def test_a_new_process_finds_what_it_uses():
    new_process(
        "import ppgen\n"
        "ppgen.models.VAE; ppgen.fit; ppgen.inference.evaluate.elbo\n"
        "from ppgen import Program, fit, plots\n"
        "from ppgen import *\n"
        "assert elbo is ppgen.inference.elbo and as_program is ppgen.program.as_program"
    )


def public_objects():
    """Yield the classes and functions of the package and of its rooms, by their full names."""
    rooms = [
        value for value in map(ppgen.__getattr__, ppgen.__all__) if isinstance(value, ModuleType)
    ]
    for room in (ppgen, ppgen.experiments, *rooms):
        for name in room.__all__:
            value = getattr(room, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                yield f"{room.__name__}.{name}", value


def test_every_public_class_and_function_has_an_example():
    """The suite runs them all as doctests."""
    documented = dict(public_objects())
    assert len(documented) > 100
    assert [name for name, value in documented.items() if ">>>" not in inspect.getdoc(value)] == []


def test_unknown_names_raise_errors():
    with pytest.raises(AttributeError, match="module 'ppgen' has no attribute 'fitt'"):
        _ = ppgen.fitt
    with pytest.raises(ImportError, match="cannot import name 'fitt'"):
        from ppgen import fitt  # noqa: F401
