"""A page for each example script: what it shows, its figures, what it prints, and its code."""

import ast
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree
from textwrap import dedent, fill, indent

from sphinx.util import logging

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs" / "gallery"
LOGGER = logging.getLogger(__name__)

INDEX = """Gallery
=======

Each page is a script of the folder ``examples``, run with ``--quick`` on the digits that come with
scikit-learn. Without ``--quick`` the scripts take minutes and end with better models; ``--data
mnist --download`` takes them to larger images.

.. grid:: 1 2 3 3
   :gutter: 3

{cards}

.. toctree::
   :hidden:

{names}
"""
CARD = """.. grid-item-card:: {name}
   :link: {name}
   :link-type: doc
{picture}
   {title}
"""
PAGE = """{name}
{line}

{story}

.. code-block:: shell

{commands}

{figures}

{printed}

The script
----------

:download:`{name}.py </../examples/{name}.py>`

.. literalinclude:: /../examples/{name}.py
"""


def run(script):
    """Run a script in its quick form; return what it prints."""
    folder = GALLERY / "runs" / script.stem
    rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ran = subprocess.run(
        [sys.executable, str(script), *options(script, folder)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        LOGGER.warning("%s ended with an error:\n%s", script.name, ran.stderr)
    return ran.stdout.replace(str(folder), f"runs/{script.stem}")


def options(script, folder):
    """Return the options of a script: that of one's own model takes none."""
    return ["--quick", "--out", str(folder)] if "Experiment(" in script.read_text() else []


def story_and_commands(script):
    """Split the docstring of a script into its text and its commands."""
    text = ast.get_docstring(ast.parse(script.read_text()))
    story, _, rest = text.partition("\npython examples/")
    commands, _, remarks = rest.partition("\n\n")
    return f"{story}\n{remarks}".strip(), f"python examples/{commands or script.name}"


def wrapped(printed):
    """Wrap long sentences; leave the rows of tables, whose columns are two spaces apart."""
    return "\n".join(
        line if "  " in line.strip() else fill(line, 100, break_on_hyphens=False)
        for line in printed.splitlines()
    )


def page(script, printed):
    """Write the page of a script, with figures if it was run; return its card."""
    name = script.stem
    story, commands = story_and_commands(script)
    folder = GALLERY / "runs" / name
    printed = wrapped(printed)
    figures = sorted(path.relative_to(GALLERY) for path in folder.rglob("*.png")) if printed else []
    text = PAGE.format(
        name=name,
        line="=" * len(name),
        story=story,
        commands=indent(commands, "   "),
        figures="\n".join(f".. image:: {path}\n   :alt: {path.stem}\n" for path in figures),
        printed=f".. code-block:: text\n\n{indent(dedent(printed), '   ')}" if printed else "",
    )
    (GALLERY / f"{name}.rst").write_text(text)
    picture = f"   :img-top: {figures[0]}\n" if figures else ""
    title = " ".join(story.partition("\n\n")[0].split())
    return CARD.format(name=name, picture=picture, title=title)


def write_pages(app):
    """Write all pages; two scripts run at a time.

    Python 3.11 cannot parse in two threads, so the threads do no more than wait.
    """
    GALLERY.mkdir(exist_ok=True)
    scripts = sorted((ROOT / "examples").glob("*.py"))
    if app.tags.has("quick"):
        printed = [""] * len(scripts)
    else:
        with ThreadPoolExecutor(2) as pool:
            printed = list(pool.map(run, scripts))
    cards = list(map(page, scripts, printed))
    text = INDEX.format(
        cards=indent("\n".join(cards), "   "),
        names="\n".join(f"   {script.stem}" for script in scripts),
    )
    (GALLERY / "index.rst").write_text(text)


def setup(app):
    """Let Sphinx know the extension."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
