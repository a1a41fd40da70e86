"""The examples about graphs, run as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name, folder):
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    assert done.stderr == ""
    return json.loads((folder / "metrics.json").read_text()), done.stdout


def figures(folder):
    return {path.stem for path in folder.glob("*.png")}


def test_cats_and_dogs(tmp_path):
    metrics, shown = run("cats_and_dogs", tmp_path)
    assert metrics["chain_rule"] == [
        "AP ⊥ S",
        "A ⊥ AP | S",
        "A ⊥ R | AP, S",
        "G ⊥ A, AP, S | R",
        "U ⊥ A, AP, G | R, S",
        "DB ⊥ A, AP, G, S, U | R",
        "CM ⊥ A, AP, DB, G, S, U | R",
        "CH ⊥ A, AP, G, R, S, U | CM, DB",
    ]
    assert metrics["factorisation"] == (
        "p(S) p(AP) p(A | S) p(R | S, AP) p(G | R) p(U | S, R) p(DB | R) p(CM | R) p(CH | DB, CM)"
    )
    assert metrics["the_program_has_this_graph"]
    assert metrics["edges_that_the_graph_lacks"] == [["DB", "CM"]]
    assert metrics["rejected_on_its_own_data"] == []
    assert metrics["rejected_where_barking_spoils_the_mood"] == ["CM ⊥ A, AP, DB, G, S, U | R"]
    assert figures(tmp_path) == {"graph", "open_path", "agreement"}
    assert "A ← S → R ← AP is open" in shown


def test_cyclic_joint(tmp_path):
    metrics, _ = run("cyclic_joint", tmp_path)
    assert metrics["cycle_sum"] == 2
    assert metrics["chain_sum"] == 1
    assert "A → B → C → A" in metrics["refusal"]
    assert metrics["largest_error_of_closed_form"] == pytest.approx(0, abs=1e-12)
    assert figures(tmp_path) == {"sums"}


def test_program_graph(tmp_path):
    metrics, _ = run("program_graph", tmp_path)
    assert metrics["vae_factorisation"] == "p(z) p(x | z)"
    assert metrics["mixture_factorisation"] == (
        "p(weights) p(centre) p(scale) p(cluster | weights) p(x | centre, scale, cluster)"
    )
    assert metrics["hidden_causes_independent"]
    assert not metrics["hidden_causes_independent_given_x3"]
    assert figures(tmp_path) == {"vae", "mixture", "belief_net", "explaining_away"}
