from contextlib import suppress
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import random_graphs

from ppgen.graph import DAG, GraphError

AN_ARROW = "expected an arrow '->', '<-' or '<->' of a DAG"
TWO_GRAPHS = "'a, b -> c' can mean two graphs; expected '{a b} -> c' or 'a; b -> c'"
DIRECTION = "an edge -> has dir=none; expected '->' with forward, back or both"

names = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1)


def quoted(name):
    return '"' + str(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


def edges(text):
    return set(DAG(text).graph.edges)


@pytest.mark.parametrize(
    "text",
    [
        "a -> b; b -> c",
        "a -> b -> c",
        "a->b->c",
        "c <- b <- a",
        "a → b → c",
        "c ← b; a -> b",
        "a -> b, b -> c",
        "\n\na -> b\nb -> c\n",
        "a -> b\r\nb -> c\r\n",
        "a -> b; b -> c; a -> b",
        "dag { a -> b -> c }",
        "dag{a->b;b->c}",
        "digraph named {\n a -> b;\n b -> c;\n}\n",
        'a -> b // and so on\n# a whole line\nb -> "c"',
        "a -> b// a comment with no space before\nb -> c",
        'a [x=1] -> b [label="]", y=1] -> c',
        "a\n-> b\n-> c",
        "a -> b b -> c",
        "{a -> b} b -> {{c}}",
        "node [shape=box]; edge [color=red] a -> b [dir=forward]; rankdir = LR b -> c",
        "strict digraph { subgraph cluster_0 { label=x; a -> b } c <- b /* no more\n */ }",
        'DAG { "a" -> "b" -> "c" [label=<<b>]</b>>] }',
        'dag {\nbb="-3,4,5,6"\na [exposure,pos="-1,0"]\nc [outcome]\na -> b\nb -> c [beta="2"]\n}',
        "a\u00a0-> b;;; ,\tb -> c",
    ],
)
def test_ways_to_write_one_graph(text):
    dag = DAG(text)
    assert set(dag.graph.edges) == {("a", "b"), ("b", "c")}
    assert set(dag.nodes) == set("abc")
    assert not dag.latent


def test_groups():
    assert edges("{a b} -> {c, d}") == {("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")}
    assert edges("{\na\nb\n} -> c -> {d}") == {("a", "c"), ("b", "c"), ("c", "d")}


def test_nodes_without_edges_and_the_order_of_nodes():
    assert DAG("c; a -> b; d").nodes == ("c", "a", "b", "d")
    assert DAG("").nodes == DAG("dag { }").nodes == ()


@pytest.mark.parametrize("mark", ["latent", "unobserved", "U", 'pos="1,2",latent', "\nlatent\n"])
def test_latent_nodes(mark):
    dag = DAG(f"u [{mark}] -> x; u -> y")
    assert dag.latent == {"u"}
    assert dag.observed == ("x", "y")


def test_indices_are_part_of_a_name():
    dag = DAG("x[1] -> x[2]; U[t-1] -> U[t]; y[i, j][latent] -> x[2]; z[latent] -> U[t]")
    assert dag.observed == ("x[1]", "x[2]", "U[t-1]", "U[t]")
    assert dag.latent == {"y[i, j]", "z"}


def test_a_word_in_brackets_is_no_index():
    with pytest.raises(
        GraphError, match=r"unknown attribute 'slected'; .* did you mean 'selected'"
    ):
        DAG("x[slected] -> y")


@pytest.mark.parametrize("status", ["exposure", "outcome", "adjusted", "selected", "latent"])
def test_statuses_are_attributes(status):
    for mark in (status, status.upper(), f"{status}=true", f'pos="1,2" {status}'):
        assert DAG(f"a [{mark}] -> b").graph.nodes["a"][status] is True
    assert not DAG(f"a [{status}=false] -> b").graph.nodes["a"].get(status)


def test_attributes_of_nodes_and_edges_are_kept():
    graph = DAG(
        'a [shape=box, s="a text"]; {b c} [size=2]; a -> {b c} [beta=.5]; a <-> b [w=1]'
    ).graph
    assert graph.nodes["a"] == {"shape": "box", "s": "a text", "latent": False}
    assert [graph.nodes[n]["size"] for n in "bc"] == ["2", "2"]
    assert [graph.edges["a", n]["beta"] for n in "bc"] == [".5", ".5"]
    assert graph.nodes["U(a, b)"] == {"w": "1", "latent": True}


def test_ports_of_dot_are_places_at_a_node():
    graph = DAG('digraph { a -> b; b:n -> c; "d e":s -> c:w }').graph
    assert list(graph) == ["a", "b", "c", "d e"]
    assert list(graph.edges) == [("a", "b"), ("b", "c"), ("d e", "c")]
    assert list(DAG("a:b -> c").graph) == ["a:b", "c"]


def test_names_with_parentheses_and_primes():
    assert DAG("(Intercept) -> f(x); x' -> f(x)").nodes == ("(Intercept)", "f(x)", "x'")
    assert DAG("subgraph s{a} {b}").nodes == ("a", "b")


def test_a_byte_order_mark_is_no_part_of_a_name():
    assert DAG("\ufeffa -> b").nodes == ("a", "b")


def test_directions_of_dot():
    dag = DAG("digraph { a -> b [dir=back]; c -> d [dir=both] }")
    assert set(dag.graph.edges) == {("b", "a"), ("U(c, d)", "c"), ("U(c, d)", "d")}


@pytest.mark.parametrize("written", ['"1,2"', '" 1. , +2e0"', '"1,-2!"', '"1,-2", width=3'])
def test_positions_have_y_downwards(written):
    assert DAG(f"a [pos={written}]").graph.nodes["a"]["pos"] == (1.0, 2.0)


def test_labels_do_not_mark_latent_nodes():
    assert not DAG('x [label="a latent thing"] -> y').latent


@pytest.mark.parametrize("text", ["x <-> y", "x ↔ y", "x<->y; y <-> x; x <-> y"])
def test_bidirected_edges_are_latent_common_causes(text):
    dag = DAG(text)
    (cause,) = dag.latent
    assert set(dag.graph.edges) == {(cause, "x"), (cause, "y")}


def test_the_name_of_a_common_cause_is_unique():
    dag = DAG('"U(x, y)" -> z; x <-> y')
    assert dag.observed == ("U(x, y)", "z", "x", "y")
    assert len(dag.latent) == 1


A_POSITION = "attribute 'pos' is '1e400,2'; expected two numbers, as in '1,2'"
QUOTES = "expected double quotes around a name with blanks or commas in parentheses"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a -> ", "line 1, column 6: expected the name of a node, found the end"),
        ("a -> -> b", "line 1, column 6: expected the name of a node, found '->'"),
        ("a -> b;\n-> c", "line 2, column 1: expected the name of a node, found '->'"),
        ("a -- b", f"line 1, column 3: {AN_ARROW}, not an edge without a direction, found '--'"),
        ("a--b", f"line 1, column 2: {AN_ARROW}, not an edge without a direction, found '--'"),
        ("a --> b", f"line 1, column 3: {AN_ARROW}, not an edge without a direction, found '-->'"),
        ("a @-> b", f"line 1, column 3: {AN_ARROW}, not an edge of a PAG, found '@->'"),
        ("a o-o b", f"line 1, column 3: {AN_ARROW}, not an edge of a PAG, found 'o-o'"),
        ("graph { a -> b [dir=none] }", f"line 1, column 27: {DIRECTION}"),
        (
            " mag { a -> b }",
            "line 1, column 2: the graph is a MAG (maximal ancestral graph); expected a DAG",
        ),
        (
            "pag {}",
            "line 1, column 1: the graph is a PAG (partial ancestral graph); expected a DAG",
        ),
        (
            "\nPDAG x { a }",
            "line 2, column 1: the graph is a PDAG (partially directed graph); expected a DAG",
        ),
        ("a,b,c -> d", f"line 1, column 4: {TWO_GRAPHS}"),
        ("a -> b, c", f"line 1, column 7: {TWO_GRAPHS}"),
        ("{a, b -> c}", f"line 1, column 3: {TWO_GRAPHS}"),
        (
            "a -> b;\n[latent]",
            "line 2, column 1: expected a node, an arrow or ';', found '[latent]'",
        ),
        (
            "a\n[latnt]",
            "line 2, column 2: unknown attribute 'latnt'; expected latent, unobserved, u, l, "
            "exposure, source, e, outcome, target, o, adjusted, a, selected, s or key=value; "
            "did you mean 'latent'?",
        ),
        ("a [=1]", "line 1, column 4: expected attributes as in [latent, x=1], found '='"),
        (
            'a [pos="1"]',
            "line 1, column 3: attribute 'pos' is '1'; expected two numbers, as in '1,2'",
        ),
        ("a [latent=2]", "line 1, column 3: attribute 'latent' is '2'; expected true or false"),
        ('a [pos="1e400,2"]', f"line 1, column 3: {A_POSITION}"),
        ("a -> 'b c'", 'line 1, column 6: expected double quotes, found "\'"'),
        ("a ⟶ b", "line 1, column 3: expected a node, an arrow or ';', found '⟶'"),
        ("a ⇒ b", "line 1, column 3: expected a node, an arrow or ';', found '⇒'"),
        ("a -> (b c)", f"line 1, column 6: {QUOTES}, found '('"),
        ("U(a, b) -> a", f"line 1, column 2: {QUOTES}, found '('"),
        (
            "x_1 -> x_{2}",
            "line 1, column 10: expected quotes around a name with '{', found '{'",
        ),
        ("/* a -> b", "line 1, column 1: expected a comment that ends with '*/', found '/*'"),
        ("a = ;", "line 1, column 5: expected a value, found ';'"),
        ("a > b", "line 1, column 3: expected a node, an arrow or ';', found '>'"),
        ("x\n  a < b", "line 2, column 5: expected a node, an arrow or ';', found '<'"),
        ('a -> "b', "line 1, column 6: expected a closing quote, found '\"'"),
        ('a -> b;\n"c\n"', "line 2, column 1: expected a closing quote, found '\"'"),
        ("a [latent", "line 1, column 3: expected a closing bracket, found '['"),
        ("dag { a -> b", "line 1, column 13: expected '}', found the end"),
        ("dag { a -> b } c", "line 1, column 16: expected the end of the text, found 'c'"),
        ("a -> b }", "line 1, column 8: expected a node, an arrow or ';', found '}'"),
        ("{a b -> c", "line 1, column 10: expected '}', found the end"),
        ("a -> {}", "line 1, column 7: expected the name of a node, found '}'"),
        ("{a", "line 1, column 3: expected '}', found the end"),
        ("a [x=1,\ny=2]\n-> -> b", "line 3, column 4: expected the name of a node, found '->'"),
    ],
)
def test_invalid_text_raises_errors(text, message):
    with pytest.raises(GraphError) as error:
        DAG(text)
    assert str(error.value) == message


def test_edges_from_a_node_to_itself_raise_errors():
    with pytest.raises(GraphError, match="has the cycle a → a;"):
        DAG("a -> a")
    with pytest.raises(GraphError, match="has the edge a ↔ a; expected two different nodes"):
        DAG("a <-> a")


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(names, min_size=1, max_size=6, unique=True))
def test_any_name_in_quotes(nodes):
    dag = DAG(" -> ".join(map(quoted, nodes)))
    assert dag.nodes == tuple(nodes)
    assert list(dag.graph.edges) == list(pairwise(nodes))


@settings(max_examples=50, deadline=None, database=None)
@given(random_graphs(1, 20))
def test_any_graph_survives_text(graph):
    text = [quoted(node) for node in graph]
    text += [f"{quoted(a)} -> {quoted(b)}" for a, b in graph.edges]
    assert nx.utils.graphs_equal(nx.DiGraph(DAG("; ".join(text)).graph.edges),
                                 nx.DiGraph(graph.edges))  # fmt: skip


@settings(max_examples=300, deadline=None, database=None)
@given(st.text('ab {}[]"\\->←<;,\n/#=l', max_size=25))
def test_any_text_is_a_graph_or_a_graph_error(text):
    with suppress(GraphError):
        DAG(text)
