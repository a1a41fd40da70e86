import io
import json
import os
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from ppgen.cli import main
from ppgen.experiments.results import Result
from ppgen.graph import DAG

CATS = "S -> A; S -> R; AP -> R; R -> G; S -> U; R -> U; R -> DB; R -> CM; DB -> CH; CM -> CH"
PROGRAM = """
import pyro, torch, pyro.distributions as dist

def model():
    z = pyro.sample("z", dist.Normal(0, 1))
    pyro.sample("x", dist.Normal(z, 1), obs=torch.tensor(0.0))

def broken():
    raise RuntimeError("no\\nluck")

number = 3
"""


def run(capsys, *argv):
    assert main(argv) == 0
    return capsys.readouterr().out.splitlines()


def fail(capsys, *argv):
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("ppgen: ")
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PROGRAM)
    return path


def test_a_graph_alone_is_described(capsys):
    assert run(capsys, "dag", "S -> A; S -> R; AP -> R") == ["S", "A ← S", "R ← S, AP", "AP"]


def test_separated(capsys):
    assert run(capsys, "dag", CATS, "--separated", "A", "AP", "--given", "S") == ["A ⊥ AP | S"]
    answer = run(capsys, "dag", CATS, "--separated", "A", "AP", "--given", "G", "U")
    assert answer == ["A and AP depend on each other given G, U"]


def test_sets_of_nodes_have_commas(capsys):
    answer = run(capsys, "dag", CATS, "--separated", "CH", "S,AP", "--given", "DB,CM")
    assert answer == ["CH ⊥ S, AP | DB, CM"]


def test_names_with_commas_and_with_words_of_the_answer(capsys):
    graph = '"care given b" -> "a, b" -> c'
    answer = run(capsys, "dag", graph, "--separated", "care given b", "c", "--given", '"a, b"')
    assert answer == ["care given b ⊥ c | a, b"]
    answer = run(capsys, "dag", graph, "--separated", 'c,"a, b"', "care given b")
    assert answer == ["c, a, b and care given b depend on each other"]


@pytest.mark.parametrize(
    ("rule", "method"),
    [
        ([], "basis_independencies"),
        (["basis"], "basis_independencies"),
        (["local"], "local_independencies"),
        (["chain"], "chain_rule_independencies"),
        (["implied"], "implied_independencies"),
        (["all"], "independencies"),
    ],
)
def test_independencies_by_every_rule(capsys, rule, method):
    listed = run(capsys, "dag", CATS, "--limit", "5000", "--independencies", *rule)
    assert listed == [str(s) for s in getattr(DAG(CATS), method)()]


def test_long_lists_say_that_they_are_incomplete(capsys):
    listed = run(capsys, "dag", CATS, "--independencies", "--limit", "3")
    assert len(listed) == 4
    assert listed[-1] == "… more than --limit 3"


def test_explanations(capsys):
    shown = run(capsys, "dag", CATS, "--explain", "A", "AP", "--given", "G")
    assert shown == str(DAG(CATS).explain("A", "AP", given="G")).splitlines()


def test_json_contains_graph_and_answers(capsys):
    argv = ["--separated", "A", "AP", "--explain", "A", "AP", "--independencies", "chain", "--json"]
    answer = json.loads("\n".join(run(capsys, "dag", CATS, *argv)))
    assert answer["nodes"] == list(DAG(CATS).nodes)
    assert ["S", "A"] in answer["edges"]
    assert answer["separated"] is True
    assert answer["explain"]["separated"] is True
    assert {"x", "y", "given"} == set(answer["independencies"][0])
    assert answer["complete"] is True


def test_plots_are_saved(capsys, tmp_path):
    path = tmp_path / "dag.png"
    assert run(capsys, "dag", CATS, "--explain", "A", "AP", "--given", "G", "--plot", str(path))
    assert path.stat().st_size > 0
    assert run(capsys, "dag", CATS, "--plot", str(path)) == []


def test_latent_nodes(capsys):
    argv = ["dag", "u -> x; u -> y; x -> z", "--latent", "u", "--independencies", "all"]
    assert run(capsys, *argv) == ["y ⊥ z | x"]


def test_programs_and_bif_files(capsys, program, tmp_path):
    assert run(capsys, "dag", "--program", f"{program}:model") == ["z", "x ← z"]
    example = Path(__file__).parent.parent / "examples" / "my_model.py"
    assert run(capsys, "dag", "--program", f"{example}:MyModel") == ["z", "x ← z"]
    path = tmp_path / "net.bif"
    path.write_text("variable a { }\nprobability ( a ) { }")
    assert run(capsys, "dag", str(path)) == ["a"]


def test_output_that_nobody_reads_is_no_error():
    code = "import sys; from ppgen.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "dag", "a -> b"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("suffix", [".txt", ".dot", ".graphml", ".dagitty", ""])
def test_files_of_any_format(capsys, tmp_path, suffix):
    path = tmp_path / f"graph{suffix}"
    DAG("S -> A; S -> R; AP -> R").write(path, None if suffix else "dot")
    assert run(capsys, "dag", str(path)) == ["S", "A ← S", "R ← S, AP", "AP"]


def test_standard_input(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("digraph { a -> b }"))
    assert run(capsys, "dag", "-") == ["a", "b ← a"]
    monkeypatch.setattr("sys.stdin", io.StringIO("a\nb\n\na b"))
    assert run(capsys, "dag", "-", "--format", "lists") == ["a", "b ← a"]


def test_separators_and_adjustment(capsys):
    graph = "x -> y; x <- u -> v -> y"
    assert run(capsys, "dag", graph, "--separator", "x", "v") == ["{u}"]
    assert run(capsys, "dag", graph, "--separator", "x", "y") == ["there is none"]
    assert run(capsys, "dag", graph, "--adjustment", "x", "y") == ["{u}", "{v}"]
    marked = f"x [exposure]; y [outcome]; {graph}"
    assert run(capsys, "dag", marked, "--adjustment") == ["{u}", "{v}"]
    lines = run(capsys, "dag", marked, "--adjustment", "--limit", "1")
    assert lines == ["{u}", "… more than --limit 1"]
    answer = json.loads("".join(run(capsys, "dag", marked, "--adjustment", "--json")))
    assert answer["adjustment"] == [["u"], ["v"]]


def test_blanket_and_equivalence(capsys):
    graph = "a -> b -> c -> d; e -> c"
    assert run(capsys, "dag", graph, "--blanket", "b") == ["{a, c, e}"]
    assert run(capsys, "dag", graph, "--equivalence") == ["b → c; c → d; e → c; a — b"]
    answer = json.loads("".join(run(capsys, "dag", graph, "--equivalence", "--json")))
    assert answer["equivalence"] == {
        "directed": [["b", "c"], ["c", "d"], ["e", "c"]],
        "undirected": [["a", "b"]],
    }


def test_export(capsys):
    assert run(capsys, "dag", "a -> {b c}", "--export", "dot") == [
        *("digraph {", "  a;", "  b;", "  c;", "  a -> {b c};", "}"),
    ]


def test_data(capsys, tmp_path):
    path = tmp_path / "data.csv"
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    lines = [
        f"{x},{x + e},{'yes' if x > 0 else 'no'}"
        for x, e in zip(a, rng.normal(size=200), strict=True)
    ]
    path.write_text("\n".join(['a,"b, c",d', *lines, "", ""]))
    assert "nothing was tested" in run(capsys, "dag", 'a -> "b, c"', "--test", str(path))[-1]
    assert "1 of 1 statements" in run(capsys, "dag", 'a; "b, c"', "--test", str(path))[-1]
    answer = json.loads(
        "".join(run(capsys, "dag", 'a; "b, c"', "--test", str(path), "--level", "0.01", "--json"))
    )
    assert [row["holds"] for row in answer["test"]] == [False]


def test_dates_of_a_table_are_times(capsys, tmp_path):
    path = tmp_path / "data.csv"
    days = np.datetime64("2020-01-01") + np.arange(60)
    rows = [f"{day},{i + 0.5}" for i, day in enumerate(days)]
    path.write_text("\n".join(["day,x", *rows, ",1"]))
    first, last = run(capsys, "dag", "day; x", "--test", str(path))
    assert "partial correlation" in first
    assert "1 of 1 statements rejected" in last


def test_json_says_what_was_not_tested(capsys, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a,b\n" + "1,2\n" * 9)
    answer = json.loads("".join(run(capsys, "dag", "a; b", "--test", str(path), "--json")))
    assert [row["tested"] for row in answer["test"]] == [False]


@pytest.mark.parametrize("word", ["", "NA", "N/A", "null", "NaN", "<NA>"])
def test_words_for_missing_values_do_not_make_numbers_text(capsys, tmp_path, word):
    path = tmp_path / "data.csv"
    numbers = [f"{i * i / 7}" for i in range(40)]
    path.write_text("a,b\n" + "\n".join(f"{x},{x}" for x in [*numbers, word]))
    first, last = run(capsys, "dag", "a; b", "--test", str(path))
    assert "partial correlation" in first
    assert "1 of 1 statements rejected" in last


def test_help_has_examples_that_run(capsys, monkeypatch, tmp_path):
    with pytest.raises(SystemExit):
        main(["dag", "--help"])
    monkeypatch.chdir(tmp_path)
    DAG("x -> y").write("model.dot")
    DAG("x -> y").write("model.txt")
    Path("net.bif").write_text("variable a { }\nprobability ( a ) { }")
    Path("data.csv").write_text("x,y\n1,2\n")
    examples = [
        line for line in capsys.readouterr().out.splitlines() if line[:12] == "  ppgen dag "
    ]
    assert len(examples) == 5
    for example in examples:
        assert main(shlex.split(example)[1:]) == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["net.bif"], "No such file or directory: 'net.bif'"),
        (["folder/graph"], "No such file or directory: 'folder/graph'"),
        (["a -> b", "--test", "nowhere.csv"], "nowhere.csv"),
        (["a; b", "--test", "ragged.csv"], "ragged.csv, row 3: 1 values; expected 2"),
        (["a; b", "--test", "twice.csv"], "twice.csv has two columns of one name"),
        (["a -> b", "--adjustment", "a"], "--adjustment has 1 names; expected X Y"),
        (["mag { a -> b }"], "the graph is a MAG"),
        (["a -> b -> a"], "cycle"),
        (["a -> "], "line 1, column"),
        (["a -> b", "--separated", "a", "c"], "contains 'c', which is not a node"),
        (["a -> b", "--separated", "a", "b", "--given", "a"], "x and given both contain a"),
        (["a -> b", "--plot", "nowhere/dag.png"], "nowhere"),
        (["a -> b", "--plot", "dag.nonsense"], "nonsense"),
        (["a -> b", "--independencies", "--limit", "-1"], "--limit is -1; expected 0 or more"),
        (["a -> b", "--independencies", "--limit", "-2"], "--limit is -2; expected 0 or more"),
        (["latin.bif"], "latin.bif is not UTF-8 text"),
        (["--program", "mine.py"], "expected FILE.py:MODEL"),
        (["--program", "missing.py:model"], "missing.py, which does not exist"),
        (["--program", "mine.py:modle"], "names 'modle', which is not in mine.py"),
        (["--program", "mine.py:broken"], "mine.py:broken: RuntimeError: no luck"),
        (["--program", "mine.py:number"], "expected a ppgen.Program"),
    ],
)
def test_errors_are_one_line_and_status_two(capsys, monkeypatch, program, argv, message):
    monkeypatch.chdir(program.parent)
    Path("ragged.csv").write_text("a,b\n1,2\n3")
    Path("twice.csv").write_text("a,a\n1,2")
    Path("latin.bif").write_text("variable café { }", encoding="latin-1")
    assert message in fail(capsys, "dag", *argv)


@pytest.mark.parametrize(
    "argv", [[], ["dag"], ["dag", "a", "--program", "b"], ["dag", "a", "--what"]]
)
def test_wrong_options_have_status_two(capsys, argv):
    with pytest.raises(SystemExit) as error:
        main(argv)
    assert error.value.code == 2
    assert "usage: ppgen" in capsys.readouterr().err


# results


def save(folder, nats=88.0, **settings):
    result = Result("NADE", "binarized_mnist", nats, 0.2, "exact", 0.16, 1000, 30, 95.0, "GPU")
    made = {"command": f"python {folder.name}.py", "quick": False, "versions": {}, "machine": ""}
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(made | settings))
    (folder / "metrics.json").write_text(json.dumps({"results": [asdict(result)]}))


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, nats in {"a": 90.0, "b": 80.0}.items():
        save(Path("runs") / name, nats)


@pytest.mark.parametrize("folders", [[], ["runs"], ["runs/a", "runs/b"]])
def test_results_are_printed(capsys, runs, folders):
    lines = run(capsys, "results", *folders)
    rows = [line for line in lines if line.startswith("| NADE")]
    assert [row.split("`")[1] for row in rows] == ["python b.py", "python a.py"]
    assert all("| 88.33: Uria" in row for row in rows)


def test_results_are_written_and_overwritten(capsys, runs):
    printed = run(capsys, "results")
    for _ in range(2):
        assert run(capsys, "results", "--out", "RESULTS.md") == []
        assert Path("RESULTS.md").read_text().splitlines() == printed


def test_skipped_results_are_named(capsys, runs):
    save(Path("runs/c"), 10.0, quick=True)
    save(Path("runs/d"))
    Path("runs/d/metrics.json").write_text("{}")
    assert main(["results"]) == 0
    captured = capsys.readouterr()
    assert "python c.py" not in captured.out
    assert captured.err.splitlines() == [
        "ppgen: runs/c is skipped: a trial with --quick",
        "ppgen: runs/d is skipped: no results",
    ]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nowhere"], "nowhere is not there"),
        (["empty"], "empty is not the folder of a run"),
        (["damaged"], "damaged has a damaged metrics.json"),
        (["runs", "--out", "mine.md"], "mine.md was not written by ppgen results"),
        (["runs", "--out", "no/where.md"], "no/where.md"),
    ],
)
def test_errors_of_results_are_one_line_and_status_two(capsys, runs, argv, message):
    Path("mine.md").write_text("# Mine")
    Path("empty").mkdir()
    save(Path("damaged"))
    Path("damaged/metrics.json").write_text("{")
    assert message in fail(capsys, "results", *argv)
    assert Path("mine.md").read_text() == "# Mine"


def test_folders_that_cannot_be_read_are_named_after_the_tables_of_the_others(capsys, runs):
    save(Path("runs/damaged"))
    Path("runs/damaged/metrics.json").write_text("{")
    assert main(["results", "nowhere", "runs"]) == 2
    captured = capsys.readouterr()
    assert captured.out.count("| NADE") == 2
    first, second = captured.err.splitlines()
    assert first == "ppgen: nowhere is not there"
    assert second.startswith("ppgen: runs/damaged has a damaged metrics.json: ")


def test_only_trials_are_an_error(capsys, runs):
    save(Path("trials/a"), quick=True)
    assert main(["results", "trials"]) == 2
    assert "no folder has results to show" in capsys.readouterr().err
