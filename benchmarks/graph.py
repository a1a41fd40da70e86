"""Questions to DAGs: ppgen beside networkx, and pgmpy where it is installed.

    python benchmarks/graph.py

1. d-separation on a random DAG of 10,000 nodes and 30,000 edges: the first question to a graph that
   is built already, then 1,000 questions, against ``networkx.is_d_separator``.
2. The basis set of a DAG of 500 nodes: the first statement, and all.
3. The local independencies of ALARM (37 nodes, 46 edges) and of a random DAG of the size of
   PATHFINDER (109 nodes, 195 edges).

Ways are run in turns within one process. Random DAGs have uniform pairs of nodes as edges, along a
random order; questions have one node on each side and 0, 1, 5 or 20 given.
"""

import argparse
import importlib.util
import random

import networkx as nx
from timing import interleaved, print_table

from ppgen.graph import DAG

ALARM = """
LVF -> HIST; LVV -> {CVP PCWP}; {HYP LVF} -> {LVV STKV}; {ERLO HR} -> HRBP; {ERCA HR} -> {HREK HRSA}
APL -> TPR; {ACO2 VLNG} -> ECO2; {INT VLNG} -> {MINV VALV}; {FIO2 VALV} -> PVS; {PVS SHNT} -> SAO2
PMB -> PAP; {INT PMB} -> SHNT; {INT KINK VTUB} -> {PRSS VLNG}; MVS -> VMCH; {DISC VMCH} -> VTUB
VALV -> ACO2; {ACO2 ANES SAO2 TPR} -> CCHL; CCHL -> HR; {HR STKV} -> CO; {CO TPR} -> BP
"""  # Beinlich et al. 1989, with bnlearn's names


def random_edges(nodes, edges, seed=0):
    generator = random.Random(seed)
    order = [f"v{i}" for i in range(nodes)]
    generator.shuffle(order)
    chosen = set()
    while len(chosen) < edges:
        chosen.add(tuple(sorted(generator.sample(range(nodes), 2))))
    return [(order[a], order[b]) for a, b in sorted(chosen)]


def random_questions(nodes, count, seed=1):
    generator = random.Random(seed)
    for _ in range(count):
        x, y, *given = generator.sample(nodes, 2 + generator.choice([0, 1, 5, 20]))
        yield x, y, set(given)


def fresh(dag):
    """Give the same graph with nothing prepared."""
    copy = object.__new__(DAG)
    copy.graph, copy.order = dag.graph, dag.order
    return copy


def construction(options):
    edges = random_edges(10_000, 30_000)
    print("\n## A DAG of 10,000 nodes and 30,000 edges is made\n")
    ways = {
        "networkx, DiGraph and cycle check": lambda: nx.is_directed_acyclic_graph(
            nx.DiGraph(edges)
        ),
        "ppgen": lambda: DAG(edges),
    }
    print_table(interleaved(ways, options.rounds, 1), list(ways)[:1])


def separation(options):
    dag = DAG(random_edges(10_000, 30_000))
    graph = dag.graph
    questions = list(random_questions(dag.nodes, options.questions))
    answers = [dag.d_separated(*question) for question in questions]
    assert answers == [nx.is_d_separator(graph, {x}, {y}, given) for x, y, given in questions]
    print(
        f"\n## {sum(answers)} of {len(answers)} questions find x and y separated, as in networkx\n"
    )

    for name, (x, y, given) in {
        "dependent": next(q for q, a in zip(questions, answers, strict=True) if not a),
        "separated": next(q for q, a in zip(questions, answers, strict=True) if a),
    }.items():
        print(f"One question to a fresh graph, {name}\n")
        first = {
            "networkx": lambda x=x, y=y, given=given: nx.is_d_separator(graph, {x}, {y}, given),
            "ppgen": lambda x=x, y=y, given=given: fresh(dag).d_separated(x, y, given),
        }
        print_table(interleaved(first, options.rounds, 3), ["networkx"])
        print()

    print(f"{len(questions)} questions to one graph\n")
    many = {
        "networkx": lambda: [nx.is_d_separator(graph, {x}, {y}, z) for x, y, z in questions],
        "ppgen": lambda: [dag.d_separated(x, y, z) for x, y, z in questions],
    }
    print_table(interleaved(many, options.rounds, 1), ["networkx"])


def basis(options):
    edges = random_edges(500, 1500)
    dag = DAG(edges)
    print(
        f"\n## The {len(list(dag.basis_independencies()))} statements of the basis of 500 nodes\n"
    )
    ways = {
        "the first, with construction": lambda: next(DAG(edges).basis_independencies()),
        "all, with construction": lambda: sum(1 for _ in DAG(edges).basis_independencies()),
    }
    print_table(interleaved(ways, options.rounds, 1), [])


def local(options):
    graphs = {"ALARM": DAG(ALARM).graph, "PATHFINDER's size": nx.DiGraph(random_edges(109, 195))}
    print("\n## Local independencies\n")
    ways = {
        f"ppgen, {name}": lambda graph=graph: list(DAG(graph).local_independencies())
        for name, graph in graphs.items()
    }
    if importlib.util.find_spec("pgmpy"):
        ways |= {
            f"pgmpy, {name}": lambda graph=graph: pgmpy_local(graph)
            for name, graph in graphs.items()
        }
    print_table(interleaved(ways, options.rounds, 1), [])
    if not importlib.util.find_spec("pgmpy"):
        print("\npgmpy is not installed")


def pgmpy_local(graph):
    import pgmpy.base

    theirs = pgmpy.base.DAG(graph.edges)
    return theirs.local_independencies(list(theirs.nodes))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--questions", type=int, default=1000)
    options = parser.parse_args()
    for part in (construction, separation, basis, local):
        part(options)


if __name__ == "__main__":
    main()
