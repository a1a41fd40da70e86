"""The cheat sheet as PDF, one page, from the text of its how-to page."""

import re
from pathlib import Path
from textwrap import wrap

from chapters import ROLE, TABLE, cells
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

DOCS = Path(__file__).parents[1]
PAGE, PDF = DOCS / "recipes" / "cheat_sheet.py", DOCS / "cheat_sheet.pdf"
SECTION = re.compile(r"^\*\*(?P<title>[^*]+)\*\*(?P<more>.*)\n\n" + TABLE.pattern, re.M)

# In points.
WIDTH, HEIGHT, MARGIN, CALLS = 595, 842, 34, 250
LINE, GAP = 10.0, 3.0
LETTERS = {"question": 50, "call": 69}


def plain(text):
    """Drop the markup of a text, and a link that repeats the call before it."""
    return ROLE.sub(r"\1", re.sub(r"``: :\w+:`[^`]+`$", "``", text)).replace("``", "")


def draw(source):
    """Return the page, given the source of the how-to page."""
    text = re.sub(r"^# ?", "", source, flags=re.M)
    figure = Figure((WIDTH / 72, HEIGHT / 72))
    y = HEIGHT - MARGIN

    def write(x, line, y, **style):
        figure.text(x / WIDTH, y / HEIGHT, line, va="top", parse_math=False, **style)

    write(MARGIN, "ppgen: which call answers which question", y, size=15, weight="bold")
    y -= 26
    for section in SECTION.finditer(text):
        write(MARGIN, plain(section["title"] + section["more"]), y, size=9.5, weight="bold")
        y -= 1.5 * LINE
        for question, call in cells(section):
            asked = wrap(plain(question), LETTERS["question"])
            answered = wrap(plain(call), LETTERS["call"])
            for n, line in enumerate(asked):
                write(MARGIN, line, y - n * LINE, size=7.8)
            for n, line in enumerate(answered):
                write(CALLS, line, y - n * LINE, size=7.4, family="monospace")
            y -= max(len(asked), len(answered)) * LINE + GAP
        y -= 2 * GAP
    if y < MARGIN / 2:
        raise ValueError(f"the cheat sheet is {MARGIN / 2 - y:.0f} points too long for one page")
    return figure


def write_pdf(app):
    """Write the page beside the sources, where its how-to page links to it."""
    FigureCanvasPdf(draw(PAGE.read_text())).print_pdf(PDF, metadata={"CreationDate": None})


def setup(app):
    """Let Sphinx know the extension."""
    app.connect("builder-inited", write_pdf)
    return {"parallel_read_safe": True}
