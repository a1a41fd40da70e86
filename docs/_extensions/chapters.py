"""Chapters and how-to pages: their figures, a clean start for each, and their notebooks."""

import re
import textwrap
from functools import wraps

import pyro
import torch
from matplotlib.figure import Figure
from sphinx_gallery import notebook
from sphinx_gallery.scrapers import figure_rst

ROLE = re.compile(r":(?:func|class|meth|attr|mod|doc|ref):`~?([^`<]+?)(?:\s*<[^>]+>)?`")
DOWNLOAD = re.compile(r"^:download:`.*\n", re.M)
DROPDOWN = re.compile(r"^\.\. dropdown:: (?P<title>.+)\n\n?(?P<text>(?:(?: {3}.*)?\n)+)", re.M)
TABLE = re.compile(
    r"^\.\. list-table::.*\n(?P<options>(?: {3}:.*\n)*)\n(?P<rows>(?:(?: {3}.*)?\n)+)", re.M
)


def shown_figure(block, block_vars, gallery_conf):
    """Save the figure that is the last expression of a block, as a notebook shows it."""
    names = block_vars["example_globals"]
    figure = names.get("___")
    if not isinstance(figure, Figure):
        return ""
    names["___"] = None  # else it is there after the next block, too
    path = next(iter(block_vars["image_path_iterator"]))
    figure.savefig(path, dpi=150)
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    alternative = " ".join(", ".join(filter(None, titles)).split())
    return figure_rst([path], gallery_conf["src_dir"], alternative)


def reset(gallery_conf, file):
    """Start a page as a new interpreter would."""
    torch.set_num_threads(1)  # two pages run at a time
    pyro.clear_param_store()
    pyro.set_rng_seed(0)


def unfolding(match):
    """Write an answer that unfolds as Markdown does."""
    text = textwrap.dedent(match["text"]).strip()
    return f"<details><summary>{match['title']}</summary>\n\n{text}\n\n</details>\n"


def cells(match):
    """Return the rows of a table, lists of their cells."""
    return [
        [" ".join(cell.split()) for cell in re.split(r"^  - ", row, flags=re.M)]
        for row in re.split(r"^\* - ", textwrap.dedent(match["rows"]), flags=re.M)[1:]
    ]


def table(match):
    """Write a table as Markdown does; one without a header has an empty one."""
    rows = cells(match)
    header = rows.pop(0) if ":header-rows: 1" in match["options"] else [""] * len(rows[0])
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines) + "\n\n"


def all_of_markdown(rst2md):
    """Let notebooks show names as code, tables, and answers that unfold, unknown to rst2md.

    Files to download lie beside the page alone.
    """

    @wraps(rst2md)
    def convert(text, *args, **options):
        text = TABLE.sub(table, DROPDOWN.sub(unfolding, DOWNLOAD.sub("", text + "\n")))
        return ROLE.sub(r"``\1``", rst2md(text, *args, **options))

    return convert


def setup(app):
    """Let Sphinx know the extension."""
    notebook.rst2md = all_of_markdown(notebook.rst2md)
    return {"parallel_read_safe": True}
