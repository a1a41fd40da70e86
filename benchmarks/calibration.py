"""Error rates of the tests of independence on data, with their standard errors.

1. Null tables: how many of 1,000 a test at 5 % rejects. States are uniform.
2. Numbers, and numbers with states, whose regressions are linear or not: the same.
3. Tables of a dependence: how many of 1,000 are found.
4. Tables drawn from networks, tested against their own graph: how many of 200 have any rejection
   after Holm's correction, and how many statements a test at 5 % rejects. The networks come with
   pgmpy; if it is not installed, random ones with as many nodes and edges take their place.

The alternative is the p-value from χ² whatever the counts or, for numbers, the partial correlation.
Times are of one table.
"""

import gzip
from functools import cache, partial
from importlib.resources import files
from importlib.util import find_spec

import numpy as np

from benchmarks.comparison import Comparison, Settings, Way
from ppgen.graph import DAG, Independence

SHAPES = {  # nodes and edges
    "asia": (8, 8),
    "sachs": (11, 17),
    "child": (20, 25),
    "insurance": (27, 52),
    "alarm": (37, 46),
}


def rate(hits):
    """Format a rate of hits with its standard error."""
    mean = np.mean(hits)
    return f"{100 * mean:.1f} ± {100 * np.sqrt(mean * (1 - mean) / len(hits)):.1f} %"


def states(n, rng, *, states, given, strength=0.0):
    """Draw x and y, equal in a share of the rows, and binary columns that are given."""
    x, y = rng.integers(states, size=(2, n))
    y = np.where(rng.random(n) < strength, x, y)
    return {"x": x, "y": y} | {f"z{i}": rng.integers(2, size=n) for i in range(given)}


def numbers(n, rng, *, mean, noise=1.0, given=1, binary="", effect=None):
    """Draw x and y around a mean given z; those in ``binary`` are thresholds of it."""
    z = rng.normal(size=(n, given))
    e, f = noise * rng.normal(size=(2, n))
    data = {"x": mean(z) + e, "y": mean(z) + f + (effect(e) if effect else 0)}
    data |= {name: (data[name] > np.median(data[name])).astype(int) for name in binary}
    return data | {f"z{i}": z[:, i] for i in range(given)}


def table(settings: Settings, draw, n, ours, others):
    """Compare rates of rejection; ``ours`` and ``others`` are options of ``DAG.test``."""
    count = settings.size(1000, 5)

    def way(options):
        def test(seed):
            data = draw(n, np.random.default_rng(seed))
            dag = DAG([("x", "w"), ("y", "w"), *((z, "w") for z in data if z[0] == "z")])
            statement = Independence("x", "y", [z for z in data if z[0] == "z"])
            return dag.test(data, [statement], **options)[0]

        name = ", ".join(f"{key}={value!r}" for key, value in options.items())

        def check():
            return f"{name or 'auto'}: {rate([not test(seed).holds for seed in range(count)])}"

        return Way(f"DAG.test({name})", partial(test, 0), check=check)

    return Comparison(way(ours), tuple(map(way, others)), repeats=3, cpu_only=True)


@cache
def published(name):
    """Read a network; for each node, parents first: its parents and cumulative probabilities."""
    from pgmpy.readwrite import BIFReader

    path = files("pgmpy").joinpath("utils", "example_models", f"{name}.bif.gz")
    model = BIFReader(string=gzip.decompress(path.read_bytes()).decode()).get_model()
    dag = DAG(list(model.edges))
    tables = {table.variable: table for table in model.get_cpds()}
    return dag, {
        node: (tables[node].variables[1:], np.cumsum(tables[node].values, 0)) for node in dag.order
    }


@cache
def random_network(nodes, edges):
    """Draw a network of three states; many of its probabilities are near 0 and 1."""
    rng = np.random.default_rng(0)
    chosen = set()
    while len(chosen) < edges:
        child = int(rng.integers(1, nodes))
        if sum(edge[1] == child for edge in chosen) < 3:
            chosen.add((int(rng.integers(child)), child))
    dag, tables = DAG([*sorted(chosen)]), {}
    for node in dag.order:
        parents = sorted(dag.parents(node))
        table = rng.dirichlet([0.5] * 3, [3] * len(parents))
        tables[node] = parents, np.moveaxis(table, -1, 0).cumsum(0)
    return dag, tables


def sample(tables, n, rng):
    """Draw rows of a network."""
    data = {}
    for node, (parents, cumulative) in tables.items():
        below = cumulative[(slice(None), *(data[p] for p in parents))].reshape(len(cumulative), -1)
        data[node] = (rng.random(n) > below[:-1]).sum(0)
    return data


def from_network(settings: Settings, name, n):
    n, shape, count = settings.size((n, SHAPES[name], 200), (50, (5, 4), 2))
    read = find_spec("pgmpy") and not settings.quick
    dag, tables = published(name) if read else random_network(*shape)

    def way(text, **options):
        def test(seed):
            return dag.test(sample(tables, n, np.random.default_rng(seed)), **options)

        def check():
            reports = [test(seed) for seed in range(count)]
            single = [row.p_value <= 0.05 for report in reports for row in report if row.tested]
            family = rate([bool(report.rejected) for report in reports])
            rates = f"{text}: any {family}, single {rate(single)} of {len(single):,}"
            return rates if read else f"{rates}, random network"

        return Way(f"DAG.test, {text}", partial(test, 0), check=check)

    return Comparison(way("auto"), (way("χ²", permutations=0),), cpu_only=True)


CHI2 = ({"permutations": 0},)
LINEAR = ({"kind": "gaussian"},)
DESIGNS = {
    "3×3 states, n=50, one binary given": (50, 3, 1),
    "3×3 states, n=200, three binary given": (200, 3, 3),
    "5×5 states, n=100, two binary given": (100, 5, 2),
    "5×5 states, n=1,000, four binary given": (1000, 5, 4),
}
MEANS = {
    "z": lambda z: z[:, 0],
    "z²": lambda z: z[:, 0] ** 2,
    "sin 3z": lambda z: np.sin(3 * z[:, 0]),
    "z³ of either sign": lambda z: np.abs(z[:, 0]) ** 3,
}
ROWS = {
    f"null, {name}": partial(
        table, draw=partial(states, states=k, given=given), n=n, ours={}, others=CHI2
    )
    for name, (n, k, given) in DESIGNS.items()
}
ROWS |= {
    f"power, 3×3 states, n={n}, {given} binary given": partial(
        table,
        draw=partial(states, states=3, given=given, strength=strength),
        n=n,
        ours={},
        others=CHI2,
    )
    for n, given, strength in ((500, 0, 0.1), (1000, 1, 0.08), (100, 1, 0.2))
}
ROWS |= {
    f"null, {kind}, mean {mean}, n={n}": partial(
        table,
        draw=partial(numbers, mean=MEANS[mean], noise=0.5, binary=binary),
        n=n,
        ours=options,
        others=LINEAR,
    )
    for kind, binary, options in (
        ("numbers", "", {"kind": "nonlinear"}),
        ("a number and states", "x", {}),
        ("states given a number", "xy", {}),
    )
    for mean in MEANS
    for n in (100, 500)
}
ROWS |= {
    f"power, {name}, n={n}": partial(
        table,
        draw=partial(numbers, mean=MEANS["z"], effect=effect, binary=binary),
        n=n,
        ours=options,
        others=LINEAR,
    )
    for name, effect, binary, options in (
        ("y from x²", lambda e: 0.5 * e**2, "", {"kind": "nonlinear"}),
        ("y from x", lambda e: 0.2 * e, "", {"kind": "nonlinear"}),
        ("y from a binary x", lambda e: 0.2 * e, "x", {}),
    )
    for n in (200,)
}
ROWS |= {
    f"{name.upper()}, {n:,} rows": partial(from_network, name=name, n=n)
    for name in ("asia", "sachs", "child", "insurance", "alarm")
    for n in (500, 2000, 10_000)
}
