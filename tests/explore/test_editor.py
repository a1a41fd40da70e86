"""A graph under construction: whatever is done to it, it stays a DAG, and can be undone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppgen.explore.graphs.editor import HEIGHT, WIDTH, Editor
from ppgen.explore.graphs.stored import STORED
from ppgen.explore.graphs.svg import Picture, Shown
from ppgen.graph import DAG, GraphError

POINTS = st.tuples(st.floats(-100, 2000), st.floats(-100, 2000))


@st.composite
def steps(draw):
    """A change: the name of a method, and what picks its arguments."""
    method = draw(st.sampled_from(["add", "move", "connect", "delete", "mark", "rename"]))
    return method, draw(st.integers(0, 99)), draw(st.integers(0, 99)), draw(POINTS)


def apply(editor, step):
    """Change a graph; return whether there was something to change."""
    method, i, j, at = step
    nodes = editor.dag.nodes
    if method == "add":
        editor.add(at)
        return True
    if not nodes:
        return False
    a, b = nodes[i % len(nodes)], nodes[j % len(nodes)]
    arguments = {
        "move": (a, at), "connect": (a, b), "delete": (a,), "mark": ({"latent": [a]},),
        "rename": (a, f"n{i}"),
    }[method]  # fmt: skip
    getattr(editor, method)(*arguments)
    return True


def described(dag):
    return list(dag.graph.nodes(data=True)), list(dag.graph.edges)


@given(st.lists(steps(), max_size=12))
def test_every_change_is_whole_or_refused_and_can_be_undone(changes):
    editor = Editor(DAG("a -> b; c"))
    history = [described(editor.dag)]
    for change in changes:
        try:
            if apply(editor, change):
                history.append(described(editor.dag))
        except GraphError:
            assert described(editor.dag) == history[-1]
        for x, y in editor.places.values():
            assert 0 <= x <= editor.zoom * WIDTH
            assert 0 <= y <= editor.zoom * HEIGHT
    for state in reversed(history):
        assert described(editor.dag) == state
        editor.undo()
    assert described(editor.dag) == history[0]  # no further
    for state in history[1:]:
        editor.redo()
        assert described(editor.dag) == state


@pytest.mark.parametrize("stored", STORED, ids=[one.name for one in STORED])
def test_nodes_of_an_arranged_graph_do_not_overlap_and_are_on_the_canvas(stored):
    editor = Editor(DAG(stored.text))
    for node, place in editor.places.items():
        assert Picture(editor.dag).node_at(place) == node
    widths = Picture(editor.dag).sketch.width
    for node, (x, y) in editor.places.items():
        half = widths[node] * 96 / 2
        assert half <= x <= editor.zoom * WIDTH - half
        assert 0 <= y <= editor.zoom * HEIGHT


@pytest.mark.parametrize("stored", STORED, ids=[one.name for one in STORED])
def test_a_link_brings_the_same_picture_back(stored):
    editor = Editor(DAG(stored.text))
    again = Editor(DAG(editor.link))
    assert again.places == editor.places
    assert Picture(again.dag).svg() == Picture(editor.dag).svg()


def test_a_bidirected_edge_is_an_arc_that_follows_its_ends():
    editor = Editor(DAG("x <-> y; x -> y"))
    before = Picture(editor.dag).svg()
    assert before.count("marker-start") == 1
    editor.move("x", (100, 500))
    assert DAG(editor.text).latent == editor.dag.latent
    assert Picture(editor.dag).svg() != before


def test_a_bidirected_edge_is_renamed_and_deleted_with_its_ends():
    editor = Editor(DAG("x <-> y; x -> z"))
    places = editor.places
    editor.mark({"adjusted": editor.dag.nodes})
    editor.rename("x", "q")
    assert editor.text == "q [adjusted]; y [adjusted]; z [adjusted]; q -> z; q <-> y"
    assert editor.places["q"] == places["x"]
    editor.delete("y")
    assert editor.dag.nodes == ("q", "z")


def test_a_name_that_no_page_can_show_is_refused():
    with pytest.raises(GraphError, match="201 letters; expected at most 200"):
        Editor(DAG([("a" * 201, "b")]))


def test_positions_in_small_numbers_are_spread_over_the_canvas():
    editor = Editor(DAG('a [pos="-1.2,0.3"]; b [pos="1.4,0.3"]; c [pos="0.1,-0.5"]; a -> b'))
    (ax, ay), (bx, by), (cx, cy) = editor.places.values()
    assert bx - ax > 100
    assert ay == by
    assert cy < ay
    assert ax < cx < bx


def test_two_nodes_in_one_place_are_drawn():
    dag = DAG('a [pos="100,100"]; b [pos="100,100"]; a -> b')
    assert Picture(dag).svg().count("<rect") == 2


def test_more_nodes_than_a_page_shows_are_refused():
    with pytest.raises(GraphError, match="101 nodes; a page shows at most 100"):
        Editor(DAG("; ".join(f"n{i}" for i in range(101))))


def test_text_of_names_is_escaped():
    editor = Editor(DAG([("<b>&", "y")]))
    picture = Picture(editor.dag).svg()
    assert "&lt;b&gt;&amp;" in picture
    assert "<b>" not in picture


def test_what_stands_out_is_drawn():
    dag = DAG('a [pos="100,100"]; b [pos="300,100"]; c [pos="500,100"]; a -> b; b -> c')
    plain = Picture(dag).svg()
    assert '#c1272d" stroke-width' not in plain
    shown = Picture(dag).svg(Shown(path=("a", "b"), failed=(("a", "c"),), chosen="c"))
    assert shown.count('stroke-dasharray="2 7"') == 1
    assert shown.count('marker-end="url(#red)"') == 1
    assert shown.count('stroke-dasharray="3 3"') == 1
