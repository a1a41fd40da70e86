"""The examples about graphs."""

import pytest


def test_cats_and_dogs(run):
    ran = run("cats_and_dogs")
    metrics = ran.metrics
    assert ran.complaints == ""
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
    assert ran.figures == {"graph", "open_path", "agreement"}
    assert "A ← S → R ← AP is open" in ran.shown


def test_cyclic_joint(run):
    ran = run("cyclic_joint")
    metrics = ran.metrics
    assert ran.complaints == ""
    assert metrics["cycle_sum"] == 2
    assert metrics["chain_sum"] == 1
    assert "A → B → C → A" in metrics["refusal"]
    assert metrics["largest_error_of_closed_form"] == pytest.approx(0, abs=1e-12)
    assert ran.figures == {"sums"}


def test_program_graph(run):
    ran = run("program_graph")
    metrics = ran.metrics
    assert ran.complaints == ""
    assert metrics["vae_factorisation"] == "p(z) p(x | z)"
    assert metrics["mixture_factorisation"] == (
        "p(weights) p(centre) p(scale) p(cluster | weights) p(x | centre, scale, cluster)"
    )
    assert metrics["hidden_causes_independent"]
    assert not metrics["hidden_causes_independent_given_x3"]
    assert ran.figures == {
        "vae", "hierarchical_vae", "deep_belief_net", "mixture", "belief_net", "explaining_away"
    }  # fmt: skip
