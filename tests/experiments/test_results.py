import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ppgen.experiments.published import FIGURES
from ppgen.experiments.results import (
    MARKER,
    Result,
    ResultsError,
    Run,
    markdown,
    read_runs,
    run_folders,
    write,
)

NADE = Result("NADE", "binarized_mnist", 88.123, 0.247, "exact", 0.1622, 784_784, 30, 95.4, "GPU X")
SETTINGS = {
    "command": "python examples/nade_vs_made.py --data binarized_mnist",
    "quick": False,
    "versions": {"ppgen": "0.1.0", "torch": "2.15"},
    "machine": "Linux, 2 cores",
}


def save(folder, *results, **settings):
    """Write the files of a run."""
    folder.mkdir(parents=True)
    metrics = {"epochs": 30, "results": [asdict(result) for result in results]}
    (folder / "settings.json").write_text(json.dumps(SETTINGS | settings))
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def parse(text):
    """Parse a document: for each data set its rows, as cells by column name."""
    tables, rows = {}, []
    for line in text.splitlines():
        if line.startswith("## "):
            rows = tables[line.removeprefix("## ")] = []
        elif line.startswith("| "):
            cells = line.replace(r"\|", "\0").strip("| ").split(" | ")
            rows.append([cell.replace("\0", "|").strip() for cell in cells])
    return {
        data: [dict(zip(head, cells, strict=True)) for cells in body]
        for data, (head, _, *body) in tables.items()
    }


def shown(*results, command="python a.py", environment="here"):
    return parse(markdown([Run(Path("a"), results, command, environment)]))


# reading


def test_a_saved_run_is_read_back(tmp_path):
    made = replace(NADE, model="MADE", standard_error=None, bits=None, nats=None)
    run = Run.read(save(tmp_path / "a", NADE, made))
    assert run.results == (NADE, made)
    assert run.command == SETTINGS["command"]
    assert run.environment == "ppgen 0.1.0, torch 2.15 on Linux, 2 cores"
    assert not run.quick
    assert Run.read(save(tmp_path / "b", NADE, quick=True)).quick


def test_runs_without_results_have_none(tmp_path):
    assert Run.read(save(tmp_path / "none")).results == ()
    (save(tmp_path / "unfinished", NADE) / "metrics.json").unlink()
    assert Run.read(tmp_path / "unfinished").results == ()
    older = save(tmp_path / "older")
    (older / "settings.json").write_text('{"script": "vae.py"}')
    (older / "metrics.json").write_text('{"test_elbo": -90.0}')
    assert Run.read(older).results == ()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("settings.json", None, "is not the folder of a run: it has no settings.json"),
        ("settings.json", "{", "has a damaged settings.json"),
        ("metrics.json", "[1]", "has a damaged metrics.json: it holds no names and values"),
        ("metrics.json", "\udc80", "has a damaged metrics.json"),
        ("metrics.json", '{"results": [{"model": "NADE"}]}', "holds results that cannot be read"),
        ("metrics.json", '{"results": 3}', "holds results that cannot be read"),
        ("metrics.json", '{"results": [3]}', "holds results that cannot be read"),
        ("settings.json", "{}", "holds results that cannot be read: 'versions'"),
    ],
)
def test_damaged_runs_are_named(tmp_path, name, text, message):
    folder = save(tmp_path / "mine", NADE)
    (folder / name).unlink()
    if text is not None:
        (folder / name).write_text(text, errors="surrogateescape")
    with pytest.raises(ResultsError, match=f"{folder} {message}"):
        Run.read(folder)


def test_folders_of_runs_are_found_once_in_folders_of_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs/b", "runs/a", "c"):
        save(Path(name), NADE)
    Path("runs/a/NADE").mkdir()  # checkpoints
    Path("runs/notes.txt").write_text("mine")
    assert run_folders(Path("runs")) == [Path("runs/a"), Path("runs/b")]
    runs, errors = read_runs([Path("c"), Path("runs/b"), Path("runs"), Path("runs/../c")])
    assert [run.folder for run in runs] == [Path("c"), Path("runs/b"), Path("runs/a")]
    assert errors == []


def test_errors_of_folders_are_collected(tmp_path):
    save(tmp_path / "runs" / "whole", NADE)
    (save(tmp_path / "runs" / "damaged", NADE) / "metrics.json").write_text("{")
    runs, errors = read_runs([tmp_path / "none", tmp_path / "runs"])
    assert [run.folder.name for run in runs] == ["whole"]
    assert [str(error).partition(" has a")[0] for error in errors] == [
        f"{tmp_path / 'none'} is not there", str(tmp_path / "runs" / "damaged")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "is not there"),
        ("empty", "is not the folder of a run: it has no settings.json"),
        ("file", "is not the folder of a run: it has no settings.json"),
    ],
)
def test_what_holds_no_run_is_named(tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    runs, (error,) = read_runs([tmp_path / name])
    assert runs == []
    assert str(error) == f"{tmp_path / name} {message}"


# tables


def test_a_row_has_every_number():
    (row,) = shown(NADE, command="python examples/a.py --data x")["binarized_mnist"]
    assert row == {
        "model": "NADE",
        "test nats": "88.12 ± 0.25",
        "estimate": "exact",
        "bits a dimension": "0.162",
        "parameters": "784,784",
        "epochs": "30",
        "seconds": "95",
        "device": "GPU X",
        "published": f"88.33: {FIGURES['NADE', 'binarized_mnist'].source}",
        "command": "`python examples/a.py --data x`",
    }


def test_what_is_not_known_is_not_shown():
    unknown = replace(NADE, nats=None, standard_error=None, bits=None, seconds=0.04)
    (row,) = shown(unknown)["binarized_mnist"]
    assert row["test nats"] == "not finite"
    assert row["bits a dimension"] == ""
    assert row["seconds"] == "0.0"
    assert shown(replace(NADE, standard_error=None))["binarized_mnist"][0]["test nats"] == "88.12"


def test_each_data_set_has_a_table_with_the_lowest_nats_first():
    nats = {"a": 90.0, "b": None, "c": 80.0, "d": 100.0}
    runs = [
        Run(Path(data), tuple(replace(NADE, model=m, data=data, nats=n) for m, n in nats.items()))
        for data in ("mnist", "digits")
    ]
    tables = parse(markdown(runs))
    assert list(tables) == ["digits", "mnist"]
    for rows in tables.values():
        assert [row["model"] for row in rows] == ["c", "a", "d", "b"]


def test_other_seeds_stand_in_the_row_of_the_first():
    def run(seed, *nats, more=""):
        models = zip("ab", nats, strict=False)
        results = tuple(replace(NADE, model=model, nats=n) for model, n in models)
        return Run(Path(f"{seed}{more}"), results, f"python a.py{seed} --epochs 2{more}")

    runs = [run("", 88, 70), run(" --seed 1", 87), run(" --seed 23", 89), run("", 90, more="0")]
    rows = parse(markdown(runs).replace("|  |", "| none |"))["binarized_mnist"]
    assert [(row["model"], row["test nats"], row["other runs"]) for row in rows] == [
        ("b", "70.00 ± 0.25", "none"),
        ("a", "88.00 ± 0.25", "87.00 ± 0.25, 89.00 ± 0.25"),
        ("a", "90.00 ± 0.25", "none"),
    ]
    assert "other runs" not in parse(markdown(runs[:1]))["binarized_mnist"][0]


def test_published_figures_stand_beside_the_same_model_and_data_alone():
    others = {"data": "mnist, fixed binarisation"}, {"model": "NADE "}, {"model": "LSTM"}
    for other in others:
        for rows in shown(replace(NADE, **other)).values():
            assert [row["published"] for row in rows] == [""]
    for (model, data), figure in FIGURES.items():
        ((row,),) = shown(replace(NADE, model=model, data=data)).values()
        assert row["published"] == f"{figure.nats:.2f}: {figure.source}"


def test_published_figures_have_a_year_and_a_place():
    for figure in FIGURES.values():
        assert 70 < figure.nats < 200
        assert any(f" {year}, {place}" in figure.source for year in range(2008, 2020)
                   for place in ("table", "section"))  # fmt: skip


def test_cells_keep_to_their_cells():
    rows = shown(replace(NADE, model="a | b\nc"), command="a --x '1|2'")["binarized_mnist"]
    assert [(row["model"], row["command"]) for row in rows] == [("a | b c", "a --x '1|2'")]


def test_versions_and_machine_stand_below_once():
    text = markdown([Run(Path(name), (NADE,), "c", "torch 2 here") for name in "ab"])
    assert text.count("torch 2 here") == 1
    assert "made with" not in parse(text)["binarized_mnist"][0]


def test_rows_name_their_versions_where_they_differ():
    environments = ["torch 2 here", "torch 3 there", "torch 2 here"]
    runs = [
        Run(Path(str(n)), (replace(NADE, nats=float(n)),), f"c{n}", environment)
        for n, environment in enumerate(environments)
    ]
    text = markdown(runs)
    assert [row["made with"] for row in parse(text)["binarized_mnist"]] == ["(1)", "(2)", "(1)"]
    assert text.endswith("Made with (1) torch 2 here; (2) torch 3 there.\n")


# files


def test_a_document_replaces_an_older_one_alone(tmp_path):
    path = tmp_path / "RESULTS.md"
    for nats in (90.0, 80.0):
        text = markdown([Run(Path("a"), (replace(NADE, nats=nats),))])
        write(text, path)
        assert path.read_text(encoding="utf-8") == text
    path.write_text("# My own results\n")
    with pytest.raises(ResultsError, match=r"RESULTS.md was not written by ppgen results"):
        write(text, path)
    assert path.read_text() == "# My own results\n"


def test_documents_begin_with_their_mark():
    assert markdown([Run(Path("a"), (NADE,))]).startswith(f"{MARKER}\n")
    assert MARKER.startswith("<!--")
