"""Cats, dogs and the weather: the independencies that a graph implies, tested on data.

python examples/cats_and_dogs.py
"""

import math

import networkx as nx
import pyro
import pyro.distributions as dist
import torch

from ppgen.experiments import Experiment, arguments, sized_argument
from ppgen.graph import DAG
from ppgen.plots import Figure

GRAPH = """
S -> A; S -> R; AP -> R; R -> G; S -> U; R -> U; R -> DB; R -> CM; DB -> CH; CM -> CH
S [label="season"]; A [label="allergies"]; R [label="rain"]; AP [label="air pressure"]
G [label="grass wet"]; U [label="umbrella"]; DB [label="dog barks"]; CM [label="cat mood"]
CH [label="cat hides"]
"""
ORDER = ["S", "AP", "A", "R", "G", "U", "DB", "CM", "CH"]


def weather(frightened=0.0):
    """Draw binary variables of a day; ``frightened`` adds an effect of the barking on the mood."""

    def draw_one(name, probability):
        return pyro.sample(name, dist.Bernoulli(torch.as_tensor(probability)))

    s = draw_one("S", 0.5)  # winter
    ap = draw_one("AP", 0.6)  # high
    draw_one("A", 0.6 - 0.4 * s)
    r = draw_one("R", 0.5 + 0.2 * s - 0.4 * ap)
    draw_one("G", 0.1 + 0.85 * r)
    draw_one("U", 0.05 + 0.65 * r + 0.15 * s)
    db = draw_one("DB", 0.3 + 0.4 * r)
    bad_mood = 0.2 + (0.4 - frightened / 2) * r
    cm = draw_one("CM", bad_mood + frightened * db if frightened else bad_mood)
    draw_one("CH", 0.05 + 0.4 * db + 0.45 * cm)


def sample(days, **settings):
    with pyro.plate("days", days):
        trace = pyro.poutine.trace(weather).get_trace(**settings)
    return {name: trace.nodes[name]["value"].numpy() for name in ORDER}


def agreement(reports):
    """Plot the evidence against each statement in each set of data."""
    figure = Figure((8, 5))
    axes = figure.add_subplot(
        xlabel="evidence against it: −log10 of the corrected p-value, to 12",
        title="the tests reject what is no longer independent",
    )
    for i, (name, report) in enumerate(reports.items()):
        heights = [min(12, -math.log10(max(row.corrected, 1e-300))) for row in report]
        places = [j + 0.4 * i - 0.2 for j in range(len(report))]
        axes.barh(places, [h + 0.05 for h in heights], 0.38, label=name)
    some = next(iter(reports.values()))
    statements = [str(row.statement) for row in some]
    axes.axvline(-math.log10(some.level), color="black", linestyle=":", label="level of the test")
    axes.set_yticks(range(len(statements)), statements)
    axes.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def main() -> None:
    parser = arguments(__doc__, datasets=False)
    sized_argument(parser, "--days", 20000, 5000, "sampled")
    options = parser.parse_args()
    run = Experiment("cats_and_dogs", options)

    dag = DAG(GRAPH)
    statements = list(dag.chain_rule_independencies(ORDER))
    everything = list(dag.independencies())
    print("factorisation:", dag.factorisation())
    print("by the chain rule:", *statements, sep="\n  ")
    print(f"by d-separation: {len(everything)} of pairs, such as", *everything[:5], sep="\n  ")
    print(dag.explain("A", "AP", given="G"))

    named = DAG(nx.relabel_nodes(dag.graph, dict(dag.graph.nodes(data="label"))))
    run.save_figure("graph", named.draw(title="what the weather does to cats and dogs"))
    path = dag.explain("A", "AP", given="G").trails[0].nodes
    title = "A and AP depend on each other given G"
    run.save_figure("open_path", dag.draw(highlight=path, given="G", title=title))

    read = DAG.from_program(weather)
    frightened = DAG.from_program(weather, frightened=0.5)
    days, odd_days = sample(options.days), sample(options.days, frightened=0.5)
    reports = {
        "data of this graph": dag.test(days, statements),
        "data in which barking spoils the cat's mood": dag.test(odd_days, statements),
    }
    run.save_figure("agreement", agreement(reports))
    as_drawn, otherwise = ([str(row.statement) for row in r.rejected] for r in reports.values())
    run.report(
        f"In {{days}} days of this graph the tests reject {len(as_drawn)} of {len(statements)} "
        "statements;\nwhere barking spoils the cat's mood, they reject "
        f"{', '.join(otherwise) or 'none'}.",
        factorisation=dag.factorisation(),
        chain_rule=[str(statement) for statement in statements],
        pairs_by_d_separation=len(everything),
        all_by_d_separation=[str(statement) for statement in everything],
        the_program_has_this_graph=set(read.graph.edges) == set(dag.graph.edges),
        edges_that_the_graph_lacks=list(map(list, frightened.graph.edges - dag.graph.edges)),
        rejected_on_its_own_data=as_drawn,
        rejected_where_barking_spoils_the_mood=otherwise,
        days=options.days,
    )
    run.finish()


if __name__ == "__main__":
    main()
