"""Examples of the reference run when they are pasted: the site adds the imports they need."""

import inspect
import sys
from pathlib import Path

import pytest
from test_public_names import public_objects

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_extensions"


@pytest.fixture(scope="module")
def extension():
    sys.path.insert(0, str(EXTENSIONS))
    try:
        return pytest.importorskip("imports")
    finally:
        sys.path.remove(str(EXTENSIONS))


def test_every_name_in_an_example_of_a_public_name_is_imported_or_defined(extension):
    unknown = {}
    for name, value in public_objects():
        text = inspect.getdoc(value)
        statements = extension.imports(text, inspect.getmodule(inspect.unwrap(value)))
        namespace = {}
        exec("\n".join(statements), namespace)
        unknown[name] = [one for one in extension.missing_names(text) if one not in namespace]
    assert {name: found for name, found in unknown.items() if found} == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (">>> x = f(a)\n>>> [y for y in x]", ["f", "a"]),
        (">>> import torch\n>>> torch.zeros(n)", ["n"]),
        (">>> def g(z):\n...     return z + h", ["h"]),
        ("no example", []),
    ],
)
def test_names_are_missing_if_nothing_defines_them(extension, text, names):
    assert extension.missing_names(text) == names
