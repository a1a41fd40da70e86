"""Chapters and how-to pages run in a notebook, as they are downloaded."""

import json
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
notebook = pytest.importorskip("sphinx_gallery.notebook")

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted([*DOCS.glob("chapters/*.py"), *DOCS.glob("recipes/*.py")])


@pytest.fixture
def converted(monkeypatch):
    """Return a function that makes the notebook of a page, as the build of the site does."""
    from sphinx_gallery.gen_gallery import DEFAULT_GALLERY_CONF
    from sphinx_gallery.py_source_parser import split_code_and_text_blocks

    monkeypatch.syspath_prepend(str(DOCS / "_extensions"))
    from chapters import all_of_markdown

    monkeypatch.setattr(notebook, "rst2md", all_of_markdown(notebook.rst2md))

    def convert(page):
        _, blocks = split_code_and_text_blocks(str(page))
        made = notebook.jupyter_notebook(blocks, dict(DEFAULT_GALLERY_CONF), str(page.parent))
        return nbformat.reads(json.dumps(made), as_version=4)

    return convert


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_as_a_notebook(page, converted, tmp_path):
    made = converted(page)
    nbclient.NotebookClient(made, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    cells = [cell for cell in made.cells if cell.cell_type == "code"]
    shown = [out for cell in cells for out in cell.outputs if "image/png" in out.get("data", {})]
    if page.parent.name == "chapters":
        assert shown  # figures made without pyplot show themselves


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_notebook_has_no_marks_of_sphinx(page, converted):
    text = "\n".join(cell.source for cell in converted(page).cells if cell.cell_type == "markdown")
    assert text.strip().startswith("# ")
    for mark in (":math:`", ":func:`", ":class:`", ":doc:`", ":download:`", "\n.. "):
        assert mark not in text, mark
    assert text.count("<details>") == text.count("</details>")
