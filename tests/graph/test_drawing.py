import json
import time
import warnings
from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from oracles import graph_with_chance

from ppgen.graph import DAG, GraphError
from ppgen.graph.drawing import GIVEN, OBSERVED, PATH, sampled
from ppgen.graph.sketch import HEIGHT, Sketch
from ppgen.models import VAE

draw = DAG.draw
CATS = DAG("S -> A; S -> R; AP -> R; R -> G; S -> U; R -> U; R -> DB; R -> CM; DB -> CH; CM -> CH")


def topics():
    alpha = pyro.sample("alpha", dist.Gamma(torch.ones(3), 1.0).to_event(1))
    with pyro.plate("topics", 3):
        phi = pyro.sample("phi", dist.Dirichlet(torch.ones(5)))
    with pyro.plate("documents", 2):
        theta = pyro.sample("theta", dist.Dirichlet(alpha))
        with pyro.plate("words", 4):
            z = pyro.sample("z", dist.Categorical(theta))
            pyro.sample("w", dist.Categorical(phi[z]), obs=torch.zeros(4, 2).long())


def ratings():
    noise = pyro.sample("noise", dist.LogNormal(0, 1))
    users, items = pyro.plate("users", 3, dim=-1), pyro.plate("items", 4, dim=-2)
    with users:
        u = pyro.sample("u", dist.Normal(0, 1))
    with items:
        v = pyro.sample("v", dist.Normal(0, 1))
    with users, items:
        pyro.sample("rating", dist.Normal(u * v, noise), obs=torch.zeros(4, 3))


LONG = DAG(
    '"a very long name of a variable" -> {"another_long_name[0]" "costs $5 or $6" z}; z -> w;'
    '"another_long_name[0]" -> w; "a very long name of a variable" -> w; u [latent] -> {z w}'
)
DAGS = {
    "cats": lambda: CATS,
    "vae": lambda: DAG.from_program(VAE.mlp((1, 4, 4), latent=2)),
    "topics": lambda: DAG.from_program(topics),
    "ratings": lambda: DAG.from_program(ratings, latent="unobserved"),
    "twenty": lambda: DAG(graph_with_chance(20, 0.13, seed=3)),
    "dense": lambda: DAG(graph_with_chance(9, 0.7)),
    "long names": lambda: LONG,
    "no edges": lambda: DAG("a; b; c"),
    "one node": lambda: DAG("a"),
    "chain": lambda: DAG([(i, i + 1) for i in range(12)]),
}
EVERY = pytest.mark.parametrize("make", DAGS.values(), ids=DAGS)


def rectangle(patch):
    return (
        patch.get_x(),
        patch.get_y(),
        patch.get_x() + patch.get_width(),
        patch.get_y() + patch.get_height(),
    )


def shapes(figure):
    """Patches of the nodes, the plates and the arrows."""
    axes = figure.axes[0]
    boxes = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    nodes = [p for p in boxes if p.get_zorder() == 4]
    arrows = [p for p in axes.patches if isinstance(p, FancyArrowPatch)]
    return nodes, [p for p in boxes if p not in nodes], arrows


def overlap(a, b, by=1e-6):
    return a[0] < b[2] - by and b[0] < a[2] - by and a[1] < b[3] - by and b[1] < a[3] - by


def curve(arrow):
    return sampled(arrow._path_original)  # before matplotlib shortens it for the arrowhead


@EVERY
def test_figures_are_saved_without_warnings(make, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw(make(), title="a title")
        figure.savefig(tmp_path / "figure.png")
    assert isinstance(figure, Figure)
    assert (tmp_path / "figure.png").stat().st_size > 0


@EVERY
def test_nothing_overlaps(make):
    dag = make()
    figure = draw(dag)
    nodes, plates, arrows = shapes(figure)
    assert len(nodes) == len(dag.nodes)
    assert len(arrows) == dag.graph.number_of_edges()
    for a, b in combinations(nodes, 2):
        assert not overlap(rectangle(a), rectangle(b))
    for arrow, (parent, child) in zip(arrows, dag.graph.edges, strict=True):
        points = curve(arrow)
        for name, patch in zip(dag.nodes, nodes, strict=True):
            if name not in (parent, child):
                x0, y0, x1, y1 = rectangle(patch)
                inside = (points > (x0, y0)).all(1) & (points < (x1, y1)).all(1)
                assert not inside.any(), (parent, child, name)
    renderer = FigureCanvasAgg(figure).get_renderer()
    labels = [t.get_window_extent(renderer).get_points().ravel() for t in figure.axes[0].texts]
    assert len(labels) == len(nodes) + len(plates)
    for a, b in combinations(labels, 2):
        assert not overlap(a, b)
    x0, y0, x1, y1 = (*figure.axes[0].get_window_extent(renderer).get_points().ravel(),)
    for a in labels:
        assert x0 <= a[0]
        assert a[2] <= x1
        assert y0 <= a[1]
        assert a[3] <= y1


@EVERY
def test_plates_contain_their_nodes_and_no_others(make):
    dag = make()
    figure = draw(dag)
    nodes, plates, _ = shapes(figure)
    texts = [t.get_text() for t in figure.axes[0].texts][: len(plates)]
    assert set(texts) == {p for _, a in dag.graph.nodes(data=True) for p in a.get("plates", ())}
    for plate, box in zip(texts, plates, strict=True):
        x0, y0, x1, y1 = rectangle(box)
        for name, patch in zip(dag.nodes, nodes, strict=True):
            a0, b0, a1, b1 = rectangle(patch)
            if plate in dag.graph.nodes[name].get("plates", ()):
                assert x0 < a0
                assert a1 < x1
                assert y0 < b0
                assert b1 < y1
            else:
                assert not overlap(rectangle(box), rectangle(patch))


@EVERY
def test_arrows_go_down_from_parent_to_child(make):
    dag = make()
    nodes, _, arrows = shapes(draw(dag))
    places = dict(zip(dag.nodes, map(rectangle, nodes), strict=True))
    for arrow, (parent, child) in zip(arrows, dag.graph.edges, strict=True):
        points = curve(arrow)
        assert (np.diff(points[:, 1]) <= 1e-9).all()
        for end, node in ((points[0], parent), (points[-1], child)):
            x0, y0, x1, y1 = places[node]
            assert x0 <= end[0] <= x1
            assert y0 - 1e-9 <= end[1] <= y1 + 1e-9


def test_observed_latent_given_and_path_have_different_styles():
    dag = DAG("a -> b <- u; b -> c; u [latent]")
    nodes, _, arrows = shapes(draw(dag, highlight=["a", "b", "u"], given="c"))
    style = dict(zip(dag.nodes, nodes, strict=True))

    def rgb(colour):
        return tuple(round(int(colour[i : i + 2], 16) / 255, 3) for i in (1, 3, 5))

    def face(node):
        return tuple(round(c, 3) for c in style[node].get_facecolor()[:3])

    assert face("a") == rgb(OBSERVED)
    assert face("u") == (1, 1, 1)
    assert face("c") == rgb(GIVEN)
    assert [style[n].get_linestyle() for n in ("a", "u")] == ["-", "--"]
    red = {e for e, p in zip(dag.graph.edges, arrows, strict=True) if p.get_linewidth() == 2}
    assert red == {("a", "b"), ("u", "b")}
    assert tuple(round(c, 3) for c in style["b"].get_edgecolor()[:3]) == rgb(PATH)


def test_a_legend_explains_the_styles():
    assert draw(CATS).legends == []
    figure = draw(DAG("a -> b <- u; u [latent]"), highlight=["a", "b"], given=["b"])
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert labels == ["observed", "latent", "given", "path"]


@pytest.mark.parametrize(
    "options", [{"highlight": ["S", "X"]}, {"given": "X"}, {"highlight": ["X"]}]
)
def test_unknown_nodes_raise_errors(options):
    with pytest.raises(GraphError, match="contains 'X', which is not a node"):
        draw(CATS, **options)


def test_one_node_or_several_can_be_highlighted():
    numbers, tuples = DAG([(0, 1), (1, 2)]), DAG([((0, 1), (1, 2))])
    for dag, node in [(CATS, "AP"), (numbers, 1), (tuples, (0, 1))]:
        for options in ({"highlight": node}, {"given": node}):
            several = {name: [value] for name, value in options.items()}
            faces = [
                [(p.get_facecolor(), p.get_edgecolor()) for p in shapes(draw(dag, **asked))[0]]
                for asked in (options, several, {})
            ]
            assert faces[0] == faces[1]
            assert sum(a != b for a, b in zip(faces[0], faces[2], strict=True)) == 1


def test_a_string_is_the_name_of_one_plate():
    graph = nx.DiGraph([("a", "b")])
    graph.nodes["b"]["plates"] = "data"
    figure = draw(DAG(graph))
    assert len(shapes(figure)[1]) == 1
    assert figure.axes[0].texts[0].get_text() == "data"


def test_nodes_can_have_any_names():
    graph = nx.DiGraph([(("left", "N"), "b"), ("b", ("right", "N")), ("b", ("length", "b", "c"))])
    graph.add_node("b", plates=("N",))
    graph.add_node(("left", "N"), plates=("N",))
    assert len(shapes(draw(DAG(graph)))[0]) == 4


def test_an_empty_graph_is_drawn_empty():
    assert shapes(draw(DAG(nx.DiGraph()))) == ([], [], [])


# crossings and lengths

DOT = json.loads((Path(__file__).parent / "drawn_by_dot.json").read_text())


def crossings(curves):
    """Number of pairs of edges without a common node whose curves cross."""
    lines = {edge: sampled(path)[::5] for edge, path in curves.items()}
    count = 0
    for (one, first), (other, second) in combinations(lines.items(), 2):
        apart = (first.max(0) < second.min(0)) | (second.max(0) < first.min(0))
        if not ({*one} & {*other} or apart.any()):
            p, q = first[:-1, None], first[1:, None]
            r, s = second[None, :-1], second[None, 1:]
            sides = [
                np.linalg.det(np.stack(np.broadcast_arrays(b - a, c - a), -1))
                for a, b, c in ((p, q, r), (p, q, s), (r, s, p), (r, s, q))
            ]
            count += bool(((sides[0] * sides[1] < 0) & (sides[2] * sides[3] < 0)).any())
    return count


@pytest.mark.parametrize("case", DOT, ids=lambda case: case["name"])
def test_drawings_are_about_as_good_as_those_of_graphviz(case):
    """Crossings, and the length of edges in inches, of dot 2.43 with nodes of the same sizes."""
    graph = nx.DiGraph([edge.split(">") for edge in case["edges"].split()])
    curves = Sketch(graph, {}).curves
    assert crossings(curves) <= 1.2 * case["crossings"]
    length = sum(np.hypot(*np.diff(sampled(path), axis=0).T).sum() for path in curves.values())
    assert length <= 1.3 * case["length"]


def test_large_graphs_are_drawn_fast():
    """Within 5 seconds of processor time; usual is 2."""
    rng = np.random.default_rng(0)
    pairs = np.sort(rng.integers(0, 1000, (1100, 2)))
    start = time.process_time()
    draw(DAG([(int(a), int(b)) for a, b in pairs if a < b]))
    assert time.process_time() - start < 5


# bidirected edges, places and full names

ARCS = DAG("x -> m -> y; x <-> y; a -> x; a <-> b; b -> y; m <-> b; c; c <-> y; x -> k; x <-> k")


def test_bidirected_edges_are_arcs_between_their_nodes():
    figure = draw(ARCS)
    nodes, _, arrows = shapes(figure)
    names = [n for n in ARCS.nodes if n not in ARCS.latent]
    assert [t.get_text() for t in figure.axes[0].texts] == names
    places = dict(zip(names, map(rectangle, nodes), strict=True))
    arcs = [arrow for arrow in arrows if arrow.get_linestyle() == "--"]
    assert len(arcs) == len(ARCS.latent)
    assert len(arrows) == len(arcs) + sum(a not in ARCS.latent for a, _ in ARCS.graph.edges)
    for arrow, cause in zip(arcs, [n for n in ARCS.nodes if n in ARCS.latent], strict=True):
        points = curve(arrow)
        ends = [
            next(n for n, (x0, y0, x1, y1) in places.items() if x0 <= x <= x1 and y0 <= y <= y1)
            for x, y in (points[0] - (0, 1e-6), points[-1] - (0, 1e-6))
        ]
        assert set(ends) == set(ARCS.graph.succ[cause])
        for name, (x0, y0, x1, y1) in places.items():
            inside = (points > (x0, y0)).all(1) & (points < (x1, y1)).all(1)
            assert name in ends or not inside.any()
    assert figure.legends == []


def test_a_path_through_a_bidirected_edge_is_in_colour():
    _, _, arrows = shapes(draw(ARCS, highlight=["x", "U(x, y)", "y"]))
    assert [a.get_linestyle() for a in arrows if a.get_linewidth() == 2] == ["--"]
    _, _, arrows = shapes(draw(ARCS, highlight=["a", "x"]))
    assert [a.get_linestyle() for a in arrows if a.get_linewidth() == 2] == ["-"]


def test_a_latent_node_that_is_given_is_drawn():
    assert len(shapes(draw(ARCS, given="U(x, y)"))[0]) == len(shapes(draw(ARCS))[0]) + 1


def placed_graph():
    graph = nx.DiGraph([("A", "L"), ("L", "Y"), ("A", "Y"), ("Y", "Z"), ("Z", "W")])
    graph.add_edges_from([("U(A, Y)", "A"), ("U(A, Y)", "Y")])
    graph.nodes["U(A, Y)"]["latent"] = True
    places = {"A": (0, 0), "L": (1, 1), "Y": (2, 0), "Z": (2, -2.5), "W": (-1, 1)}
    for node, pos in places.items():
        graph.nodes[node].update(pos=pos, plates=("p",) if node in "ZW" else ())
    return graph, places


def test_given_places_are_used():
    """With y downwards, and one scale for both directions."""
    graph, places = placed_graph()
    nodes, plates, arrows = shapes(draw(DAG(graph)))
    drawn = dict(zip(places, map(rectangle, nodes), strict=True))
    middle = {n: ((x0 + x1) / 2, -(y0 + y1) / 2) for n, (x0, y0, x1, y1) in drawn.items()}
    scale = (middle["Y"][0] - middle["A"][0]) / 2
    for node, (x, y) in places.items():
        assert middle[node] == pytest.approx((scale * x, scale * y), abs=1e-9)
    for arrow, (a, b) in zip(arrows, [e for e in graph.edges if e[0] in places], strict=False):
        for end, node, other in ((0, a, b), (-1, b, a)):
            x0, y0, x1, y1 = drawn[node]
            x, y = curve(arrow)[end]
            assert x0 - 1e-9 <= x <= x1 + 1e-9
            assert y0 - 1e-9 <= y <= y1 + 1e-9
            # On the outline: half the height from the segment that joins the two round ends.
            flat = (x1 - x0 - (y1 - y0)) / 2
            across = max(0.0, abs(x - middle[node][0]) - flat)
            assert np.hypot(across, y + middle[node][1]) == pytest.approx((y1 - y0) / 2)
            assert other != node
    assert [a.get_linestyle() for a in arrows].count("--") == 1
    (box,) = map(rectangle, plates)
    for node in "ZW":
        x0, y0, x1, y1 = drawn[node]
        assert box[0] < x0
        assert box[1] < y0
        assert x1 < box[2]
        assert y1 < box[3]


def test_places_of_some_nodes_are_not_used():
    graph, _ = placed_graph()
    del graph.nodes["L"]["pos"]
    rows = {round(rectangle(node)[1], 6) for node in shapes(draw(DAG(graph)))[0]}
    assert len(rows) == 5  # layers: A, L, Y, Z, W


def test_full_names_are_listed():
    graph = nx.DiGraph([("AP", "R"), ("S", "R")])
    graph.nodes["AP"]["label"] = "air pressure, in $ of mercury"
    graph.nodes["S"]["label"] = "season"
    graph.nodes["R"]["label"] = "R"
    (text,) = draw(DAG(graph)).texts
    lines = text.get_text().replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert draw(DAG(graph)).get_size_inches()[0] > 2
    assert lines == [r"AP: air pressure, in \$ of mercury", "S: season"]
    assert draw(CATS).texts == []


@pytest.mark.parametrize("turn", [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
def test_an_edge_between_given_places_goes_around_a_node_that_lies_on_it(turn):
    graph = nx.DiGraph([("a", "b"), ("b", "c"), ("a", "c")])
    for i, node in enumerate("abc"):
        graph.nodes[node]["pos"] = (100 * i * turn[0], 100 * i * turn[1])
    sketch = Sketch(graph, {}, 1 / 96)
    assert [len(sketch.curves[edge].vertices) for edge in graph.edges] == [2, 3, 2]
    away = np.abs(sampled(sketch.curves["a", "c"]) - (sketch.x["b"], sketch.y["b"]))
    assert (away.max(1) > HEIGHT / 2).all()
