"""Texts of runs mean themselves in the report: they hold no heading, table cell or link."""

import json
import re
from dataclasses import replace

import pytest

from hostile.readers import RESULT, SETTINGS
from ppgen.cli import main
from ppgen.experiments.results import Result, Run, markdown

PLAIN = Result(**RESULT)
MARKUP = {
    "heading": "a\n\n# Hacked\n",
    "heading by lines": "a\r\n===\r\n",
    "link": "[a](javascript:alert(1))",
    "reference": "[a]\n\n[a]: javascript:x",
    "image": "![a](http://example.org/x.png)",
    "address": "https://example.org HTTP://example.org WWW.example.org <http://example.org>",
    "element": "<script>alert(1)</script><img src=x onerror=y>",
    "entity": "&lt;b&gt; &#60;",
    "comment": "--> <!-- a",
    "cells": "a | b | c |\n| --- |",
    "escaped cells": "a \\| b \\\\| c \\",
    "code": "`a` ``b`` ```\nc",
    "emphasis": "*a* **b** _c_ __d__ ~~e~~ $f$",
    "invisible": "a\u202eb\x1b[31mc\u2028d\0e\ud800f\u200bg",
    "blanks": " \n\t ",
}
OPEN = re.compile(r"(?<!\\)(?:\\\\)*(?:[`*\[\]<>|&~$]|_(?![^\W_])|(?<![^\W_])_)|://|www\.", re.I)


def lines(**changes):
    """Lines of the report of one result."""
    run = {"command": "c", "environment": "e", **changes.pop("run", {})}
    return markdown([Run("a", (replace(PLAIN, **changes),), **run)]).split("\n")


@pytest.mark.parametrize("text", MARKUP.values(), ids=MARKUP)
@pytest.mark.parametrize("place", ["model", "data", "estimate", "device", "command", "environment"])
def test_texts_have_no_markup(place, text):
    changes = {"run": {place: text}} if place in ("command", "environment") else {place: text}
    found, plain = lines(**changes), lines()
    assert len(found) == len(plain)
    changed = [(a, b) for a, b in zip(found, plain, strict=True) if a != b]
    for line, before in changed:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == before.count("|")
        assert line.isprintable()
        cells = re.split(r" \| ", line.strip("|"))
        code = [cell for cell in cells if re.fullmatch(r" ?`[^`|\\]*` ?", cell)]
        assert not any(OPEN.search(cell) for cell in cells if cell not in code)


def test_folders_with_any_name_are_told_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a\nppgen: b is fine", "\x1b[31mred", "\udcff", "whole"):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "settings.json").write_text(json.dumps(SETTINGS))
        content = json.dumps({"results": [RESULT]}) if name == "whole" else "{"
        (folder / "metrics.json").write_text(content)
    assert main(["results"]) == 2
    captured = capsys.readouterr()
    assert captured.out.count("| NADE") == 1
    errors = captured.err.splitlines()
    assert len(errors) == 3
    assert all(line.isprintable() and "has a damaged metrics.json" in line for line in errors)
