"""The cheat sheet's one page, made from the how-to page."""

import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def cheat_sheet(monkeypatch):
    pytest.importorskip("sphinx_gallery")
    monkeypatch.syspath_prepend(DOCS / "_extensions")
    yield pytest.importorskip("cheat_sheet")
    for name in ("cheat_sheet", "chapters"):
        sys.modules.pop(name, None)


def test_every_row_of_the_page_is_on_the_sheet_and_in_its_frame(cheat_sheet):
    source = cheat_sheet.PAGE.read_text()
    texts = cheat_sheet.draw(source).texts
    shown = " ".join(text.get_text() for text in texts)
    for question in re.findall(r"^#    \* - (.+)$", source, re.M):
        assert cheat_sheet.plain(question) in shown
    assert "`" not in shown
    assert all(0 < text.get_position()[1] < 1 for text in texts)


def test_more_than_a_page_is_an_error(cheat_sheet):
    with pytest.raises(ValueError, match="too long for one page"):
        cheat_sheet.draw(2 * cheat_sheet.PAGE.read_text())
