"""The tables of RESULTS.md are made of the records of runs in the repository."""

from pathlib import Path

from ppgen.experiments.results import markdown, read_runs

ROOT = Path(__file__).parents[2]


def test_the_tables_are_those_of_the_records():
    runs, errors = read_runs([ROOT / "results"])
    assert not errors
    assert len(runs) >= 14
    assert markdown(runs) == (ROOT / "RESULTS.md").read_text(encoding="utf-8")


def test_a_record_says_nothing_of_the_machine_but_its_kind():
    for path in (ROOT / "results").rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert "/home" not in text
        assert "/tmp" not in text
        assert '"out"' not in text
