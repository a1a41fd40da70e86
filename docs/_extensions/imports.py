"""Imports before the examples of reference pages, so that an example runs when it is pasted.

A docstring's example finds the names of its module, as doctest does; a reader has to import them.
"""

import ast
import builtins
import inspect
import sys
from doctest import DocTestParser
from types import ModuleType

import ppgen


def missing_names(text):
    """Return the names that examples use and do not define, in the order of their use."""
    tree = ast.parse("\n".join(example.source for example in DocTestParser().get_examples(text)))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    defined = {name.id for name in names if not isinstance(name.ctx, ast.Load)} | set(dir(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
    return [name for name in dict.fromkeys(n.id for n in names) if name not in defined]


def import_of(name, module):
    """Return the statement that imports a name of a module, from where users know it."""
    value = vars(module)[name]
    if isinstance(value, ModuleType):
        parent, _, last = value.__name__.rpartition(".")
        if last == name and parent:
            return f"from {parent} import {name}"
        return f"import {value.__name__}" + (f" as {name}" if value.__name__ != name else "")
    home = getattr(value, "__module__", None) or module.__name__
    parts = home.split(".")
    homes = [".".join(parts[: i + 1]) for i in range(len(parts))]
    rooms = [sys.modules[home] for home in homes if home in sys.modules]
    found = next((r for r in rooms if name in getattr(r, "__all__", ()) and hasattr(r, name)), None)
    return f"from {(found or module).__name__} import {name}"


def imports(text, module):
    """Return the import statements that the examples of a docstring need, in order."""
    needed = [name for name in missing_names(text) if name in vars(module)]
    return sorted({import_of(name, module) for name in needed}, key=lambda s: (s[0] == "f", s))


def add_imports(app, what, name, obj, options, lines):
    """Put imports before the first example of a docstring."""
    module = obj if isinstance(obj, ModuleType) else inspect.getmodule(inspect.unwrap(obj))
    first = next((i for i, line in enumerate(lines) if line.lstrip().startswith(">>>")), None)
    if first is None or module is None or not module.__name__.startswith(ppgen.__name__):
        return
    blanks = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    found = imports("\n".join(lines), module)
    lines[first:first] = [f"{blanks}>>> {statement}" for statement in found]


def setup(app):
    """Let Sphinx know the extension."""
    app.connect("autodoc-process-docstring", add_imports, priority=100)  # before numpydoc
    return {"parallel_read_safe": True}
