"""The lists of the page say what the methods of the graph say, and the quiz what it implies."""

from itertools import islice
from random import Random

import networkx as nx
import pytest

from ppgen.explore.graphs.queries import LISTS, listed, query_marks
from ppgen.explore.graphs.quiz import ask
from ppgen.explore.graphs.stored import STORED
from ppgen.graph import DAG, GraphError, Independence

FRONT_DOOR = DAG("u [latent]; u -> x -> m -> y; u -> y; x [exposure]; y [outcome]")


@pytest.mark.parametrize("stored", STORED, ids=[one.name for one in STORED])
@pytest.mark.parametrize("name", ["independencies", "by the chain rule"])
def test_statements_are_those_of_the_graph_and_hold_when_they_are_asked(stored, name):
    dag = DAG(stored.text)
    rules = {
        "independencies": dag.implied_independencies,
        "by the chain rule": dag.chain_rule_independencies,
    }
    found, _ = listed(dag, name, most=50, seconds=60)
    assert [answer.text for answer in found] == list(map(str, islice(rules[name](), 50)))
    for answer in found:
        x, y, given = (answer.marks[mark] for mark in ("exposure", "outcome", "adjusted"))
        assert dag.d_separated(x, y, given)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("adjustment sets", []),
        ("front-door sets", ["m"]),
        ("instruments", []),
        ("minimal separators", []),
        ("factorisation", ["p(u)", "p(x | u)", "p(m | x)", "p(y | u, m)"]),
    ],
)
def test_lists_of_the_front_door_graph(name, texts):
    found, complete = listed(FRONT_DOOR, name)
    assert complete
    assert set(texts) <= {answer.text for answer in found}
    assert texts or not found


def test_arrows_of_the_equivalence_class_turn_or_are_fixed():
    found, _ = listed(DAG("u -> x -> m -> y; u -> y"), "equivalence class")
    turning, fixed = ["m — x can turn", "u — x can turn"], ["m → y is fixed", "u → y is fixed"]
    assert [answer.text for answer in found] == turning + fixed


def test_a_list_about_two_sets_asks_for_them():
    with pytest.raises(GraphError, match="mark a cause and an effect"):
        listed(DAG("a -> b"), "minimal separators")


@pytest.mark.parametrize("name", LISTS)
def test_a_list_ends_at_the_number_that_is_asked_for(name):
    found, complete = listed(DAG("x [exposure]; y [outcome]; a -> x; b -> y; a -> b"), name, most=0)
    assert found == []
    assert isinstance(complete, bool)


def test_answers_show_trails_of_the_graph():
    dag = DAG(STORED[0].text)
    for name in ("equivalence class", "factorisation"):
        for answer in listed(dag, name)[0]:
            assert answer.path
            assert nx.is_path(dag.graph.to_undirected(), answer.path)


def test_marks_of_a_statement_ask_for_it():
    marks = query_marks(Independence("a", "b", ["c", "d"]))
    assert {name: set(nodes) for name, nodes in marks.items()} == {
        "exposure": {"a"}, "outcome": {"b"}, "adjusted": {"c", "d"},
    }  # fmt: skip


def test_the_quiz_asks_about_pairs_without_an_arrow_and_both_answers_occur():
    random, answers = Random(0), []
    for _ in range(200):
        question = ask(random)
        (x,), (y,) = question.statement.x, question.statement.y
        assert not question.dag.graph.has_edge(x, y)
        assert not question.dag.graph.has_edge(y, x)
        answers.append(question.explanation.separated)
    assert 60 <= sum(answers) <= 140  # by fair coins, outside with probability 1e-8
