import io

import networkx as nx
import pytest

from ppgen.graph import DAG, GraphError

TEXT = """network unknown {
}
// a comment with variable and {
variable asia {
  type discrete [ 2 ] { yes, no };
}
variable "visit abroad" {
  type discrete [ 2 ] { yes, no };
  property position = (1, 2) ;
}
variable x-ray.1 { type discrete [ 3 ] { <5, 5_to_10, >10 }; }
probability ( asia ) {
  table 0.01, 0.99;
}
probability ( x-ray.1 | asia, "visit abroad" ) {
  (yes, yes) 0.1, 0.2, 0.7;
  default 0.1, 0.2, 0.7; /* more
  lines */
}
probability ( "visit abroad" | asia ) { (yes) 0.5, 0.5; (no) 1.0, 0.0; }
"""


def network(text):
    return DAG.read(io.StringIO(text), "bif")


def test_nodes_and_edges_in_order():
    dag = network(TEXT)
    assert dag.nodes == ("asia", "visit abroad", "x-ray.1")
    edges = {("asia", "visit abroad"), ("asia", "x-ray.1"), ("visit abroad", "x-ray.1")}
    assert set(dag.graph.edges) == edges


def test_a_file_is_read(tmp_path):
    path = tmp_path / "net.bif"
    path.write_text(TEXT, encoding="utf-8")
    assert nx.utils.graphs_equal(DAG.read(path).graph, network(TEXT).graph)


def test_a_file_in_another_encoding_raises_an_error(tmp_path):
    path = tmp_path / "net.bif"
    path.write_text(TEXT.replace("asia", "café"), encoding="latin-1")
    with pytest.raises(GraphError, match=r"net.bif is not UTF-8 text: .* position"):
        DAG.read(path)


@pytest.mark.parametrize("quoted", ['""', '"{"', '"}"', '"network"'])
def test_quoted_text_is_neither_a_mark_nor_the_end(quoted):
    text = TEXT.replace("unknown {", f"{quoted} {{\n property {quoted};")
    assert network(text).nodes == network(TEXT).nodes


def test_quoted_marks_can_be_names():
    text = 'variable "|" { }\nvariable b { }\nprobability ( "|" ) { }\nprobability ( b | "|" ) { }'
    assert set(network(text).graph.edges) == {("|", "b")}


def test_any_graph_survives():
    graph = nx.gn_graph(50, seed=0).reverse()
    lines = ["network n { }"]
    lines += [f"variable v{n} {{ type discrete [ 2 ] {{ a, b }}; }}" for n in graph]
    for n in graph:
        parents = ", ".join(f"v{p}" for p in graph.predecessors(n))
        lines.append(f"probability ( v{n}{' | ' + parents if parents else ''} ) {{ table 1, 0; }}")
    read = network("\n".join(lines)).graph
    assert set(read.edges) == {(f"v{a}", f"v{b}") for a, b in graph.edges}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("asia {\n  type", "asia \n  type", r"line 5, column \d+: expected '\{', found 'type'"),
        (
            "| asia, ",
            "| africa, ",
            r"line 15, column \d+: variable 'africa' is not declared before",
        ),
        ("( asia ) {", "( asia {", r"line 12, column \d+: expected '\)', found '\{'"),
        ("( asia )", "( )", r"line 12, column \d+: expected the name of a variable, found '\)'"),
        (
            "variable x-ray.1",
            "variable asia",
            r"line 11, column \d+: variable 'asia' is already declared in line 4, column 10",
        ),
        (
            '"visit abroad" | asia )',
            "asia )",
            r"line 20, column \d+: variable 'asia' has a second probability",
        ),
        (
            "| asia )",
            "| asia, asia )",
            r"line 20, column \d+: the block of .* names a variable twice",
        ),
        (
            "1.0, 0.0; }",
            "1.0, 0.0;",
            r"line 21, column \d+: the block that opens in line 20, column 39 is not closed",
        ),
        (
            "network unknown",
            "netwrk unknown",
            r"line 1, column \d+: expected network, variable or probability",
        ),
        ('abroad" {', "abroad {", r"line 7, column \d+: expected a closing quote, found '\"'"),
        ("variable asia", 'variable ""', r"line 4, column \d+: expected the name of a variable"),
        (
            "( asia )",
            "( x-ray.1 )",
            r"line 15, column \d+: variable 'x-ray.1' has a second probability",
        ),
    ],
)
def test_errors_name_the_line(before, after, message):
    assert before in TEXT
    with pytest.raises(GraphError, match=message):
        network(TEXT.replace(before, after, 1))


def test_truncated_text_raises_an_error():
    with pytest.raises(
        GraphError, match=r"line 7, column \d+: variable 'visit abroad' has no probability"
    ):
        network(TEXT[: TEXT.rindex("probability")])
    with pytest.raises(GraphError, match="declares no variable"):
        network("")


def test_a_cycle_raises_an_error():
    text = TEXT.replace("( asia )", "( asia | x-ray.1 )")
    with pytest.raises(GraphError, match="cycle"):
        network(text)
