"""Queries of DAGs: ppgen compared with networkx, and with pgmpy if it is installed.

1. d-separation on a random DAG of 10,000 nodes and 30,000 edges: construction, the first query of a
   graph that is built, then 1,000 queries. ``networkx.is_d_separator`` answers some of them, and
   its time is scaled.
2. The basis set of a DAG of 500 nodes and 1,500 edges: the first statement, and all.
3. The local independencies of ALARM (37 nodes, 46 edges) and of a random DAG of the size of
   PATHFINDER (109 nodes, 195 edges).

Edges of random DAGs are uniform pairs of nodes along a random order. Queries have one node on each
side and 0, 1, 5 or 20 given. All rows are on the CPU.
"""

import random
from functools import cache, partial

import networkx as nx

from benchmarks.comparison import Comparison, Settings, Way
from ppgen.graph import DAG

ALARM = """
LVF -> HIST; LVV -> {CVP PCWP}; {HYP LVF} -> {LVV STKV}; {ERLO HR} -> HRBP; {ERCA HR} -> {HREK HRSA}
APL -> TPR; {ACO2 VLNG} -> ECO2; {INT VLNG} -> {MINV VALV}; {FIO2 VALV} -> PVS; {PVS SHNT} -> SAO2
PMB -> PAP; {INT PMB} -> SHNT; {INT KINK VTUB} -> {PRSS VLNG}; MVS -> VMCH; {DISC VMCH} -> VTUB
VALV -> ACO2; {ACO2 ANES SAO2 TPR} -> CCHL; CCHL -> HR; {HR STKV} -> CO; {CO TPR} -> BP
"""  # Beinlich et al. 1989, with bnlearn's names

compare = partial(Comparison, cpu_only=True)


@cache
def random_edges(nodes, edges):
    generator = random.Random(0)
    order = [f"v{i}" for i in range(nodes)]
    generator.shuffle(order)
    chosen = set()
    while len(chosen) < edges:
        chosen.add(tuple(sorted(generator.sample(range(nodes), 2))))
    return [(order[a], order[b]) for a, b in sorted(chosen)]


def large_edges(settings: Settings):
    return random_edges(*settings.size((10_000, 30_000), (100, 200)))


def construction(settings: Settings):
    edges = large_edges(settings)

    def theirs():
        return nx.is_directed_acyclic_graph(nx.DiGraph(edges))

    return compare(
        ours=Way("DAG", lambda: DAG(edges)),
        others=(Way("networkx, DiGraph and cycle check", theirs),),
    )


def random_questions(nodes, count):
    generator = random.Random(1)
    for _ in range(count):
        x, y, *given = generator.sample(nodes, 2 + generator.choice([0, 1, 5, 20]))
        yield x, y, set(given)


def fresh(dag):
    """Copy a graph without its caches."""
    copy = object.__new__(DAG)
    copy.graph, copy.order = dag.graph, dag.order
    return copy


def first_question(settings: Settings, separated):
    dag = DAG(large_edges(settings))
    questions = random_questions(dag.nodes, 1000)
    x, y, given = next(q for q in questions if dag.d_separated(*q) is separated)
    theirs = partial(nx.is_d_separator, dag.graph, {x}, {y}, given)
    return compare(
        ours=Way("DAG.d_separated", lambda: fresh(dag).d_separated(x, y, given)),
        others=(Way("networkx.is_d_separator", theirs),),
        repeats=3,
    )


def many_questions(settings: Settings):
    dag = DAG(large_edges(settings))
    count, asked = settings.size((1000, 100), (10, 5))
    questions = list(random_questions(dag.nodes, count))

    def ours():
        return [dag.d_separated(*question) for question in questions]

    def theirs():
        return [nx.is_d_separator(dag.graph, {x}, {y}, z) for x, y, z in questions[:asked]]

    def check():
        answers = theirs()
        agree = sum(map(bool.__eq__, ours(), answers))
        return f"{agree} of {asked} answers agree, {sum(answers)} are yes"

    name = f"networkx.is_d_separator, on {asked} of them"
    return compare(
        ours=Way("DAG.d_separated", ours),
        others=(Way(name, theirs, scale=count / asked, check=check),),
    )


def basis(settings: Settings, statements):
    edges = random_edges(*settings.size((500, 1500), (30, 60)))
    return compare(ours=Way("basis_independencies", lambda: statements(DAG(edges))))


def all_of_the_basis(dag):
    return sum(1 for _ in dag.basis_independencies())


def local(settings: Settings, source):
    graph = DAG(source).graph

    def pgmpy():
        import pgmpy.base

        theirs = pgmpy.base.DAG(graph.edges)
        return theirs.local_independencies(list(theirs.nodes))

    return compare(
        ours=Way("local_independencies", lambda: list(DAG(graph).local_independencies())),
        others=(Way("pgmpy", pgmpy, needs="pgmpy"),),
    )


ROWS = {
    "a DAG of 10,000 nodes": construction,
    "its first question, x and y dependent": partial(first_question, separated=False),
    "its first question, x and y separated": partial(first_question, separated=True),
    "1,000 questions to it": many_questions,
    "basis of 500 nodes, the first": partial(
        basis, statements=lambda dag: next(dag.basis_independencies())
    ),
    "basis of 500 nodes, all": partial(basis, statements=all_of_the_basis),
    "local independencies of ALARM": partial(local, source=ALARM),
    "local independencies of PATHFINDER's size": partial(local, source=random_edges(109, 195)),
}
