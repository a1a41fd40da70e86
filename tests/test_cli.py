import json
from pathlib import Path

import pytest

from ppgen.cli import main
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


def test_separated_says_yes_and_no(capsys):
    assert run(capsys, "dag", CATS, "--separated", "A", "AP", "--given", "S") == ["A ⊥ AP | S"]
    answer = run(capsys, "dag", CATS, "--separated", "A", "AP", "--given", "G", "U")
    assert answer == ["A and AP depend on each other given G, U"]


def test_sets_of_nodes_have_commas(capsys):
    answer = run(capsys, "dag", CATS, "--separated", "CH", "S,AP", "--given", "DB,CM")
    assert answer == ["CH ⊥ S, AP | DB, CM"]


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


def test_a_long_list_is_cut_and_says_so(capsys):
    listed = run(capsys, "dag", CATS, "--independencies", "--limit", "3")
    assert len(listed) == 4
    assert listed[-1] == "… more than --limit 3"


def test_explanations_are_those_of_the_library(capsys):
    shown = run(capsys, "dag", CATS, "--explain", "A", "AP", "--given", "G")
    assert shown == str(DAG(CATS).explain("A", "AP", given="G")).splitlines()


def test_json_holds_graph_and_answers(capsys):
    argv = ["--separated", "A", "AP", "--explain", "A", "AP", "--independencies", "chain", "--json"]
    answer = json.loads("\n".join(run(capsys, "dag", CATS, *argv)))
    assert answer["nodes"] == list(DAG(CATS).nodes)
    assert ["S", "A"] in answer["edges"]
    assert answer["separated"] is True
    assert answer["explain"]["separated"] is True
    assert {"x", "y", "given"} == set(answer["independencies"][0])
    assert answer["complete"] is True


def test_plots_are_files(capsys, tmp_path):
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
    assert run(capsys, "dag", "--bif", str(path)) == ["a"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["a -> b -> a"], "cycle"),
        (["a -> "], "line 1, column"),
        (["a -> b", "--separated", "a", "c"], "names 'c', which is no node"),
        (["a -> b", "--separated", "a", "b", "--given", "a"], "x and given both hold a"),
        (["a -> b", "--plot", "nowhere/dag.png"], "nowhere"),
        (["a -> b", "--plot", "dag.nonsense"], "nonsense"),
        (["--bif", "missing.bif"], "missing.bif"),
        (["--program", "mine.py"], "expected FILE.py:MODEL"),
        (["--program", "missing.py:model"], "missing.py, which does not exist"),
        (["--program", "mine.py:modle"], "names 'modle', which is not in mine.py"),
        (["--program", "mine.py:broken"], "mine.py:broken: RuntimeError: no luck"),
        (["--program", "mine.py:number"], "expected a ppgen.Program"),
    ],
)
def test_errors_are_one_line_and_status_two(capsys, monkeypatch, program, argv, message):
    monkeypatch.chdir(program.parent)
    assert message in fail(capsys, "dag", *argv)


@pytest.mark.parametrize("argv", [[], ["dag"], ["dag", "a", "--bif", "b"], ["dag", "a", "--what"]])
def test_wrong_options_have_status_two(capsys, argv):
    with pytest.raises(SystemExit) as error:
        main(argv)
    assert error.value.code == 2
    assert "usage: ppgen" in capsys.readouterr().err
