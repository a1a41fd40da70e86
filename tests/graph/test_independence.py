import pickle

import pytest
from hypothesis import given
from oracles import random_sets, seeds

from ppgen.graph import GraphError, Independence


@given(seeds)
def test_statements_are_equal_when_they_say_the_same(seed):
    x, y, known = random_sets(seed, "abcdefgh")
    one, other = Independence(x, y, known), Independence(list(y), tuple(x), iter(known))
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == str(other)
    assert len({one, other, pickle.loads(pickle.dumps(one))}) == 1


def test_different_statements_are_not_equal():
    statements = [
        Independence("a", "b"),
        Independence("a", "c"),
        Independence("a", "b", "c"),
        Independence(["a", "b"], "c"),
        Independence("a", ["b", "c"]),
        Independence("a", "b", ["c", "d"]),
    ]
    assert len(set(statements)) == len(statements)
    assert Independence("a", "b") != "a ⊥ b"


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (Independence("S", "AP", "R"), "AP ⊥ S | R"),
        (Independence("AP", "S"), "AP ⊥ S"),
        (Independence(["S", "AP"], "G", ["R", "A"]), "G ⊥ AP, S | A, R"),
        (Independence(["grass wet"], ["Straße"], ['"x"']), 'Straße ⊥ grass wet | "x"'),
        (Independence([1], [(2, 3)]), "(2, 3) ⊥ 1"),
    ],
)
def test_text(statement, text):
    assert str(statement) == repr(statement) == text


def test_a_string_is_one_node():
    assert Independence("AP", "S", "dog bark") == Independence({"AP"}, {"S"}, {"dog bark"})


def test_numbers_are_nodes():
    assert Independence(1, 2, 3) == Independence([1], [2], [3])


def test_statements_are_frozen():
    with pytest.raises(AttributeError):
        Independence("a", "b").x = frozenset("c")


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (((), "b"), "^x is empty; expected at least one node$"),
        (("a", ()), "^y is empty; expected at least one node$"),
        (("a", "a"), "^x and y both contain a; expected disjoint sets$"),
        ((["a", "c"], "b", ["d", "c"]), "^x and given both contain c; expected disjoint sets$"),
        (("a", "b", "b"), "^y and given both contain b; expected disjoint sets$"),
    ],
)
def test_invalid_statements_raise_errors(sets, message):
    with pytest.raises(GraphError, match=message):
        Independence(*sets)
