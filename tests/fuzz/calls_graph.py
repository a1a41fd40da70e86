"""Valid calls of graphs, plots and the parts of scripts."""

import argparse

import torch
from matplotlib.figure import Figure

from ppgen import experiments, graph, plots
from ppgen.experiments.results import Result
from ppgen.training import History

from .samples import ROWS, columns, dag, dataset, estimate, file, grey, labels, regression, vae

QUERY = {"x": "z", "y": "y", "given": "x"}
EFFECT = {"cause": "x", "effect": "y"}


def ask(method, **arguments):
    """A question about a DAG and its arguments."""
    return lambda: (getattr(dag(), method), arguments)


def statements():
    """Statements of a DAG."""
    return [graph.Independence("a", "b"), graph.Independence("a", "c", "b")]


def experiment():
    """A run of a script in the folder of this case."""
    options = experiments.arguments("A script.", datasets=False).parse_args(["--out", "out"])
    return experiments.Experiment("script", options)


def parser():
    """A parser with the usual options."""
    return experiments.arguments("A script.", datasets=False)


def mean_images(z):
    """Images of latents."""
    return z.sigmoid()[:, [0, 1, 0, 1]].view(-1, 1, 2, 2)


def from_program():
    """The DAG of a program."""
    program = regression()
    x = torch.linspace(-1, 1, ROWS)
    return graph.DAG.from_program, {"model": program, "args": (x, x), "latent": "none"}


GRAPH = {
    "DAG": lambda: (graph.DAG, {"source": "a -> b; b -> c"}),
    "DAG.explain": ask("explain", **QUERY, limit=3),
    "DAG.minimal_separator": ask("minimal_separator", x="z", y="y", among=["x", "u"], must="u"),
    "DAG.minimal_separators": ask("minimal_separators", x="z", y="y", among=["x", "u"], must="u"),
    "DAG.factorisation": ask("factorisation", latex=True),
    "DAG.chain_rule_independencies": ask("chain_rule_independencies", ordering=list("zuxmyw")),
    "DAG.markov_blanket": ask("markov_blanket", x="x"),
    "DAG.equivalent": lambda: (dag().equivalent, {"other": dag()}),
    "DAG.do": ask("do", x="x"),
    "DAG.is_adjustment_set": ask("is_adjustment_set", **EFFECT, given="u"),
    "DAG.adjustment_set": ask("adjustment_set", **EFFECT, among=["u", "w"], must="w"),
    "DAG.adjustment_sets": ask("adjustment_sets", **EFFECT, among=["u", "w"], must="w"),
    "DAG.explain_adjustment": ask("explain_adjustment", **EFFECT, given="u"),
    "DAG.instruments": ask("instruments", **EFFECT, among=["z", "w"], must="w"),
    "DAG.explain_instrument": ask("explain_instrument", node="z", **EFFECT, given="w"),
    "DAG.front_door_set": ask("front_door_set", **EFFECT, among="m", must="m"),
    "DAG.front_door_sets": ask("front_door_sets", **EFFECT, among="m", must="m"),
    "DAG.explain_front_door": ask("explain_front_door", **EFFECT, given="m"),
    "DAG.test": lambda: (
        dag().test,
        {"data": columns(), "statements": [graph.Independence("z", "u")], "permutations": 9},
    ),
    "DAG.from_program": from_program,
    "DAG.read": lambda: (graph.DAG.read, {"source": file("dag.txt", "a -> b"), "format": "text"}),
    "DAG.export": ask("export", format="dot"),
    "DAG.write": ask("write", path="dag.dot", format="dot"),
    "DAG.draw": ask("draw", highlight=["z", "x"], given="m", title="a title"),
    "DAG.query": ask("query", **QUERY),
    "DAG.marked": ask("marked", mark="exposure"),
    "DAG.in_order": ask("in_order", nodes=["y", "x"]),
    "DAG.parents": ask("parents", node="x"),
    "DAG.children": ask("children", node="x"),
    "DAG.ancestors": ask("ancestors", nodes=["x", "y"]),
    "DAG.descendants": ask("descendants", nodes=["x", "y"]),
    "DAG.d_separated": ask("d_separated", **QUERY),
    "DAG.reachable": ask("reachable", x="z", given="x"),
    "Independence": lambda: (graph.Independence, {"x": "a", "y": ["b"], "given": ["c"]}),
    "Statements": lambda: (graph.Statements, {"statements": statements()}),
    "Statements.first": lambda: (graph.Statements(statements()).first, {"most": 1}),
    "Statements.latex": lambda: (graph.Statements(statements()).latex, {"most": 1}),
    "check_joint": lambda: (
        graph.check_joint,
        {
            "graph": "a -> b",
            "tables": {"a": [0.5, 0.5], "b": [[1, 0], [0, 1]]},
            "parents": {"b": ["a"]},
        },
    ),
}

PLOTS = {
    "image_grid": lambda: (plots.image_grid, {"images": grey(), "columns": 3, "title": "six"}),
    "image_grids": lambda: (plots.image_grids, {"grids": {"some": grey()}, "columns": 3}),
    "image_rows": lambda: (plots.image_rows, {"rows": {"some": grey(), "others": grey()}}),
    "reconstructions": lambda: (
        plots.reconstructions,
        {"images": grey(), "reconstructed": grey(), "pairs": 2},
    ),
    "curves": lambda: (
        plots.curves,
        {"lines": {"a": ([1, 2], [3.0, 4.0])}, "ylabel": "nats", "marks": {"best": 1}},
    ),
    "scatter": lambda: (plots.scatter, {"points": torch.randn(ROWS, 2), "labels": labels()}),
    "manifold": lambda: (
        plots.manifold,
        {"decode": mean_images, "latent": 3, "dimensions": (0, 1), "steps": 2},
    ),
}

EXPERIMENTS = {
    "Experiment": lambda: (
        experiments.Experiment,
        {"name": "script", "options": parser().parse_args(["--out", "out"])},
    ),
    "Experiment.save_figure": lambda: (
        experiment().save_figure,
        {"name": "figure", "figure": Figure((1, 1))},
    ),
    "Experiment.report": lambda: (experiment().report, {"numbers": {"nats": 3.0}}),
    "Experiment.record": lambda: (
        experiment().record,
        {"result": Result("any", "table", 1.0, 0.1, "exact", None, 3, 1, 0.0, "CPU")},
    ),
    "Experiment.result": lambda: (
        experiment().result,
        {
            "model": "VAE",
            "program": vae(),
            "history": History(),
            "estimate": estimate(),
            "data": dataset(),
            "how": "ELBO",
        },
    ),
    "arguments": lambda: (experiments.arguments, {"description": "A script."}),
    "sized_argument": lambda: (
        experiments.sized_argument,
        {"parser": argparse.ArgumentParser(), "name": "--size", "full": 9, "quick": 3},
    ),
    "training_arguments": lambda: (
        experiments.training_arguments,
        {"parser": argparse.ArgumentParser(), "epochs": 9, "quick": 3, "batch_size": 4},
    ),
}
