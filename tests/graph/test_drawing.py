import warnings
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from ppgen.graph import DAG, GraphError
from ppgen.graph.drawing import GIVEN, OBSERVED, PATH, draw
from ppgen.graph.layout import layered
from ppgen.graph.ordering import layers, ordered
from ppgen.graph.shapes import sampled
from ppgen.models import VAE

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


def random_dag(n, chance, seed=0):
    rng = np.random.default_rng(seed)
    graph = nx.DiGraph(
        (f"n{i}", f"n{j}") for i, j in combinations(range(n), 2) if rng.random() < chance
    )
    graph.add_nodes_from(f"n{i}" for i in range(n))
    return DAG(graph)


LONG = DAG(
    '"a very long name of a variable" -> {"another_long_name[0]" "costs $5 or $6" z}; z -> w;'
    '"another_long_name[0]" -> w; "a very long name of a variable" -> w; u [latent] -> {z w}'
)
DAGS = {
    "cats": lambda: CATS,
    "vae": lambda: DAG.from_program(VAE.mlp((1, 4, 4), latent=2)),
    "topics": lambda: DAG.from_program(topics),
    "ratings": lambda: DAG.from_program(ratings, latent="unobserved"),
    "twenty": lambda: random_dag(20, 0.13, seed=3),
    "dense": lambda: random_dag(9, 0.7),
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
    """Patches of the nodes, of the plates, and of the arrows."""
    axes = figure.axes[0]
    boxes = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    nodes = [p for p in boxes if p.get_zorder() == 4]
    arrows = [p for p in axes.patches if isinstance(p, FancyArrowPatch)]
    return nodes, [p for p in boxes if p not in nodes], arrows


def overlap(a, b, by=1e-6):
    return a[0] < b[2] - by and b[0] < a[2] - by and a[1] < b[3] - by and b[1] < a[3] - by


def curve(arrow):
    return sampled(arrow._path_original)  # as given, before matplotlib makes room for the head


@EVERY
def test_a_figure_that_can_be_saved_without_warnings(make, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw(make(), title="a title")
        figure.savefig(tmp_path / "figure.png")
    assert isinstance(figure, Figure)
    assert (tmp_path / "figure.png").stat().st_size > 0


@EVERY
def test_nothing_hides_anything(make):
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
def test_plates_hold_their_nodes_and_no_others(make):
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
def test_arrows_lead_downwards_from_parent_to_child(make):
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


def test_observed_latent_given_and_path_can_be_told_apart():
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


def test_a_legend_explains_what_differs():
    assert draw(CATS).legends == []
    figure = draw(DAG("a -> b <- u; u [latent]"), highlight=["a", "b"], given=["b"])
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert labels == ["observed", "latent", "given", "path"]


@pytest.mark.parametrize(
    "options", [{"highlight": ["S", "X"]}, {"given": "X"}, {"highlight": ["X"]}]
)
def test_unknown_nodes_are_named(options):
    with pytest.raises(GraphError, match="names 'X', which is no node"):
        draw(CATS, **options)


def test_an_empty_graph_is_drawn_empty():
    assert shapes(draw(DAG(nx.DiGraph()))) == ([], [], [])


# the layout


def test_a_tree_has_no_crossings_and_a_path_is_straight():
    tree = nx.balanced_tree(2, 3, nx.DiGraph)
    layout = layered(tree, {}, dict.fromkeys(tree, 1.0))
    for (a, b), (c, d) in combinations(tree.edges, 2):
        if layout.layer[a] == layout.layer[c] and len({a, b, c, d}) == 4:
            assert (layout.x[a] - layout.x[c]) * (layout.x[b] - layout.x[d]) > 0
    path = nx.path_graph(5, nx.DiGraph)
    assert len(set(layered(path, {}, dict.fromkeys(path, 1.0)).x.values())) == 1


def test_crossings_that_can_be_avoided_are_avoided():
    graph = nx.DiGraph([("a", "b"), ("b", "c"), ("c", "d"), ("a", "c"), ("a", "d")])
    layout = layered(graph, {}, dict.fromkeys(graph, 1.0))
    rows = {i: {key: x for key, x in layout.x.items() if layout.layer[key] == i} for i in range(4)}
    links = [
        (rows[i][a], rows[i + 1][b])
        for route in layout.routes.values()
        for i, (a, b) in enumerate(pairwise(route), layout.layer[route[0]])
    ]
    starts = [layout.layer[r[0]] + i for r in layout.routes.values() for i in range(len(r) - 1)]
    for (i, (a, b)), (j, (c, d)) in combinations(zip(starts, links, strict=True), 2):
        assert i != j or (a - c) * (b - d) >= 0


@given(st.integers(0, 10_000), st.integers(1, 14), st.floats(0, 0.6))
@settings(max_examples=30, deadline=None)
def test_layers_and_order_of_any_dag(seed, n, chance):
    graph = random_dag(n, chance, seed).graph
    layer = layers(graph)
    assert all(layer[a] < layer[b] for a, b in graph.edges)
    assert min(layer.values()) == 0
    rows = ordered(layer, [], dict.fromkeys(layer, ()))
    assert sorted(key for row in rows for key in row) == sorted(graph)
    layout = layered(graph, {}, dict.fromkeys(graph, 1.0))
    assert set(graph) <= set(layout.x)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_any_plates_can_be_laid_out(seed):
    rng = np.random.default_rng(seed)
    graph = random_dag(8, 0.3, seed).graph
    plates = {n: tuple(p for p in "abc" if rng.random() < 0.4) for n in graph}
    layout = layered(graph, plates, dict.fromkeys(graph, 1.0))
    for node, names in plates.items():
        for plate in names:
            left, right = layout.boxes[plate]
            assert left < layout.x[node] - 0.5
            assert layout.x[node] + 0.5 < right
