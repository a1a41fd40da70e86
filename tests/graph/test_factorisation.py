import pytest
from matplotlib.mathtext import MathTextParser
from oracles import SEED_GRAPH

from ppgen.graph import DAG


def test_cats_and_dogs():
    dag = DAG("S; AP; " + SEED_GRAPH)
    assert dag.factorisation() == (
        "p(S) p(AP) p(A | S) p(R | S, AP) p(G | R) p(U | S, R) p(DB | R) p(CM | R) p(CH | DB, CM)"
    )
    assert dag.factorisation(latex=True).startswith(
        r"p(S)\, p(\mathrm{AP})\, p(A \mid S)\, p(R \mid S, \mathrm{AP})\, "
    )


def test_empty_graphs_and_latent_nodes():
    assert DAG("").factorisation() == ""
    assert DAG("x <-> y").factorisation() == "p(U(x, y)) p(x | U(x, y)) p(y | U(x, y))"


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "grass wet",
        "x_1",
        "theta_12",
        "mu_school_i",
        "x_",
        "_x",
        "x__1",
        "lambda1",
        "50%",
        "a$b",
        "C#",
        "{a}",
        "a^2",
        "a~b",
        "\\",
        "ψ",
    ],
)
def test_latex_of_any_name_is_valid(name):
    """Parsed by matplotlib, which does not know ``\\&``."""
    text = DAG([(name, "y")]).factorisation(latex=True)
    MathTextParser("agg").parse(f"${text}$")


def test_latex_of_an_ampersand():
    assert DAG("R&D").factorisation(latex=True) == r"p(\mathrm{R\&D})"
