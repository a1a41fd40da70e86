import warnings
from itertools import combinations

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
