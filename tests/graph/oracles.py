"""Reference answers straight from the definitions, slow and independent, and graphs to test on."""

import random
from itertools import chain, combinations, pairwise, product

import networkx as nx
import numpy as np
from hypothesis import strategies as st

seeds = st.integers(0, 2**64)

SEED_GRAPH = "S -> {A R U}; AP -> R; R -> {G U DB CM}; {DB CM} -> CH"
SEED_ORDER = ["S", "AP", "A", "R", "G", "U", "DB", "CM", "CH"]


def all_graphs(nodes):
    """Every DAG of these nodes, as networkx graphs."""
    pairs = list(combinations(nodes, 2))
    for choice in product((None, 0, 1), repeat=len(pairs)):
        graph = nx.DiGraph()
        graph.add_nodes_from(nodes)
        for pair, turn in zip(pairs, choice, strict=True):
            if turn is not None:
                graph.add_edge(*(pair if turn else reversed(pair)))
        if nx.is_directed_acyclic_graph(graph):
            yield graph


def graph_with_chance(n, chance, seed=0):
    """A DAG of n nodes with an edge between each pair with probability ``chance``."""
    rng = np.random.default_rng(seed)
    graph = nx.DiGraph(
        (f"n{i}", f"n{j}") for i, j in combinations(range(n), 2) if rng.random() < chance
    )
    graph.add_nodes_from(f"n{i}" for i in range(n))
    return graph


def random_graph(seed, smallest, largest):
    """A DAG of random size and density, whose nodes are not in topological order."""
    generator = random.Random(seed)
    order = [f"v{i}" for i in range(generator.randint(smallest, largest))]
    graph = nx.DiGraph()
    graph.add_nodes_from(order)
    generator.shuffle(order)
    edges_a_node = generator.choice([0.3, 0.7, 1.0, 1.5, 2.5, 4.0])
    chance = min(1.0, 2 * edges_a_node / max(len(order) - 1, 1))
    edges = [pair for pair in combinations(order, 2) if generator.random() < chance]
    generator.shuffle(edges)
    graph.add_edges_from(edges)
    return graph


def random_graphs(smallest, largest):
    """A strategy for random DAGs; the seed draws the sizes, as hypothesis favours small ones."""
    return seeds.map(lambda seed: random_graph(seed, smallest, largest))


def random_sets(seed, nodes):
    """Random disjoint sets x, y and given; x and y are not empty."""
    generator = random.Random(seed)
    nodes = list(nodes)
    generator.shuffle(nodes)
    largest = generator.choice([1, 1, 2, 5])
    a = generator.randint(1, min(largest, len(nodes) - 1))
    b = generator.randint(1, min(largest, len(nodes) - a))
    c = generator.randint(0, min(generator.choice([1, 5, 20]), len(nodes) - a - b))
    return set(nodes[:a]), set(nodes[a : a + b]), set(nodes[a + b : a + b + c])


def random_problem(seed, smallest, largest):
    """A random DAG, sets x and y, latent nodes, and observed nodes that must be in a set."""
    generator, graph = random.Random(seed), random_graph(seed, smallest, largest)
    x, y, _ = random_sets(seed, graph)
    rest = sorted(set(graph) - x - y)
    latent = set(generator.sample(rest, min(len(rest), generator.choice([0, 0, 1, 2]))))
    pool = sorted(set(rest) - latent)
    return (
        graph,
        x,
        y,
        latent,
        set(generator.sample(pool, min(len(pool), generator.choice([0, 1, 2])))),
    )


def subsets(nodes):
    """All subsets, small ones first."""
    nodes = list(nodes)
    return [
        frozenset(s)
        for s in chain.from_iterable(combinations(nodes, k) for k in range(len(nodes) + 1))
    ]


def triples(nodes):
    """All disjoint x, y and given with x and y not empty, in one of the two orders of x and y."""
    for places in product("xyz-", repeat=len(nodes)):
        x, y, given = (
            frozenset(n for n, place in zip(nodes, places, strict=True) if place == which)
            for which in "xyz"
        )
        if x and y and places.index("x") < places.index("y"):
            yield x, y, given


def paths(graph, x, y):
    """All paths between two sets in the skeleton, with no other node of the sets inside."""
    skeleton = graph.to_undirected()
    found = []
    for a, b in product(x, y):
        inner = skeleton.subgraph(set(graph) - (set(x) | set(y)) | {a, b})
        found += map(tuple, nx.all_simple_paths(inner, a, b))
    return found


def blocks(graph, path, i, given):
    """Whether the inner node ``path[i]`` blocks the path, by Pearl's definition."""
    before, node, after = path[i - 1 : i + 2]
    if graph.has_edge(before, node) and graph.has_edge(after, node):
        return not ({node} | nx.descendants(graph, node)) & given
    return node in given


def is_open(graph, path, given):
    return not any(blocks(graph, path, i, given) for i in range(1, len(path) - 1))


def separated_pairs(graph):
    """Whether all paths are blocked, for each pair and each set."""
    answers = {}
    for a, b in combinations(graph, 2):
        between = paths(graph, {a}, {b})
        for given in subsets(set(graph) - {a, b}):
            answer = not any(is_open(graph, path, given) for path in between)
            answers[a, b, given] = answers[b, a, given] = answer
    return answers


def separated(pairs, x, y, given):
    """Whether two sets are separated: all pairs of their members are."""
    return all(pairs[a, b, frozenset(given)] for a in x for b in y)


def moral_separated(graph, x, y, given):
    """d-separation by the moral graph of all ancestors: no path that avoids ``given``."""
    above = set().union(x, y, given)
    above |= set().union(*(nx.ancestors(graph, node) for node in above))
    moral = nx.moral_graph(graph.subgraph(above))
    moral.remove_nodes_from(given)
    return not any(nx.has_path(moral, a, b) for a in x for b in y)


def minimal(sets):
    """The sets that contain no other one."""
    sets = set(sets)
    return {s for s in sets if not any(other < s for other in sets)}


def proper_paths(graph, x, y):
    """Paths from x to y with no other node of x: the causal ones, and all others."""
    skeleton, causal, other = graph.to_undirected(), [], []
    for a, b in product(x, y):
        for path in nx.all_simple_paths(skeleton.subgraph(set(graph) - x | {a}), a, b):
            directed = all(graph.has_edge(*edge) for edge in pairwise(path))
            (causal if directed else other).append(path)
    return causal, other


def separates_paths(graph, between, given):
    return not any(is_open(graph, path, given) for path in between)


def covariance(graph, weights):
    """Covariance of a linear model with unit noise, and the total effects of rows on columns."""
    nodes = list(graph)
    mixing = np.linalg.inv(np.eye(len(nodes)) - nx.to_numpy_array(graph, nodes).T * weights.T)
    return mixing @ mixing.T, mixing, {node: i for i, node in enumerate(nodes)}


def effects(graph, weights, x, y):
    """Effects of interventions on all nodes of x on y in a linear model, ``(x, y)``."""
    cut = graph.copy()
    cut.remove_edges_from(list(graph.in_edges(x)))
    _, mixing, index = covariance(cut, weights)
    return mixing[np.ix_([index[n] for n in y], [index[n] for n in x])].T


def slopes(graph, weights, x, y, known=()):
    """Coefficients of x in the regressions of y on x and ``known``, ``(x, y)``."""
    variance, _, index = covariance(graph, weights)
    xs, ys, zs = ([index[n] for n in nodes] for nodes in (x, y, known))
    both = xs + zs
    found = np.linalg.solve(variance[np.ix_(both, both)], variance[np.ix_(both, ys)])
    return found[: len(xs)]
